/** The whole service over a real database and broker; auth and the mail server are stubs on the wire. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { headers as newHeaders } from '@nats-io/transport-node';
import { events } from '#events';
import { type ErrorCode, isAppError } from '#platform/errors/index.ts';
import { grpcClient } from '#platform/grpc/index.ts';
import { newId, toTypeId } from '#platform/ids/index.ts';
import type { RunningService } from '#platform/lifecycle/index.ts';
import { type Bus, header, openBus, publishEvent, startRelay } from '#platform/messaging/index.ts';
import { type Database, openDatabase, platformMigration } from '#platform/postgres/index.ts';
import { createTestDatabase, createTestNats, eventually, startProcess, testPrincipal, testPrincipalKey } from '#platform/testing/index.ts';
import { RentalFact } from '#proto/namaskah/verification/events/v1/events.ts';
import { NotificationServiceClient } from '#proto/namaskah/notification/v1/notification.ts';
import { migrations } from './adapters/postgres/migrations/index.ts';
import { notificationConfig } from './config.ts';
import { start } from './main.ts';
import { addressOf, startAuthStub } from './testing/auth-stub.ts';
import { startHeldMailbox } from './testing/held-mailbox.ts';

const is = (code: ErrorCode) => (error: unknown) => isAppError(error, code) || assert.fail(`expected ${code}, got ${String(error)}`);
const patiently = { timeoutMs: 20_000 };
const firstPage = { page: { limit: 100, cursor: '' } };

describe('the notification service', () => {
  const closing: (() => Promise<unknown>)[] = [];
  const own = <T extends { close(): Promise<unknown> }>(part: T): T => (closing.unshift(() => part.close()), part);
  let environment: Record<string, string>;
  let service: RunningService;
  let auth: Awaited<ReturnType<typeof startAuthStub>>;
  let mailbox: Awaited<ReturnType<typeof startHeldMailbox>>;
  let db: Database;
  /** Auth's database, from which the events come, and its way to the broker. */
  let authDb: Database;
  let bus: Bus;

  before(async () => {
    const [database, elsewhere] = [
      own(await createTestDatabase('notification', migrations)),
      own(await createTestDatabase('others', [platformMigration])),
    ];
    const nats = own(await createTestNats());
    auth = own(await startAuthStub());
    mailbox = own(await startHeldMailbox());
    db = own(await openDatabase({ url: database.url, applicationName: 'test' }));
    authDb = own(await openDatabase({ url: elsewhere.url, applicationName: 'auth' }));
    bus = own(await openBus({ url: nats.url, name: 'auth' }));
    own(await startRelay({ db: authDb, bus }));
    environment = {
      ...{ ENVIRONMENT: 'test', NATS_URL: nats.url, DATABASE_URL: database.url, PRINCIPAL_KEY: testPrincipalKey },
      ...{
        AUTH_GRPC_ADDRESS: auth.address,
        // Nobody there: mails need no verification.
        VERIFICATION_GRPC_ADDRESS: '127.0.0.1:1',
        NOTIFICATION_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
        MAILBOX_URL: mailbox.url,
        PUBLIC_URL: 'https://sms.example',
        MAIL_FROM: 'SMS <no-reply@sms.example>',
      },
      ...{ SEND_INTERVAL_MS: '50', RETRY_FIRST_MS: '50', MAIL_TIMEOUT_MS: '10000' },
    };
    service = own(await startService());
  });
  after(async () => {
    for (const close of closing) await close();
  });

  const startService = (): Promise<RunningService> => start(notificationConfig.parse({ ...environment, LOG_LEVEL: 'silent' }));
  const list = async (tenantId: string) => {
    const address = `127.0.0.1:${service.addresses['grpc']}`;
    const client = grpcClient(NotificationServiceClient, {
      address,
      principalKey: testPrincipalKey,
      caller: 'gateway',
      defaultDeadlineMs: 10_000,
    });
    try {
      return (await client.listDeliveries(firstPage, { principal: testPrincipal({ tenantId, roles: ['viewer'] }) })).deliveries;
    } finally {
      await client.close();
    }
  };
  const publish = (tenantId: string, subjectId: string, invitation = false): Promise<void> =>
    authDb.transaction((tx) => {
      const facts = { tenantId, aggregateId: subjectId, aggregateVersion: 1, occurredAt: new Date() };
      return invitation
        ? publishEvent(tx, events.auth.memberInvited, { ...facts, payload: { invitationId: subjectId, role: 'staff' } })
        : publishEvent(tx, events.auth.emailVerificationRequested, { ...facts, payload: { userId: subjectId } });
    });
  /** Somebody who is to get a mail: the event is on its way. */
  const somebody = async (invitation = false) => {
    const who = { tenantId: newId(), subjectId: newId() };
    auth.know(who.subjectId, who.tenantId);
    await publish(who.tenantId, who.subjectId, invitation);
    return { ...who, mails: () => mailbox.to(addressOf(who.subjectId)) };
  };
  const sent = (tenantId: string) =>
    eventually(async () => {
      const [row, ...others] = await list(tenantId);
      assert.deepEqual([row?.status, others.length], ['sent', 0]);
      return row ?? assert.fail();
    }, patiently);
  /** The last event once more, as a relay does that died before it noted what it had published. */
  const repeatLastEvent = async (): Promise<void> => {
    const { state } = await (await bus.manager()).streams.info('AUTH');
    const stored = await (await bus.manager()).streams.getMessage('AUTH', { seq: state.last_seq });
    assert.ok(stored);
    const again = newHeaders();
    for (const name of stored.header.keys()) if (name !== header.messageId) again.set(name, stored.header.get(name));
    const { duplicate } = await bus.jetstream.publish(stored.subject, stored.data, { headers: again });
    assert.equal(duplicate, false, 'the stream itself has not dropped it');
  };
  const drained = () =>
    eventually(async () => {
      const { num_pending: pending, num_ack_pending: unacknowledged } = await (
        await bus.manager()
      ).consumers.info('AUTH', 'notification-auth');
      assert.equal(pending + unacknowledged, 0);
    }, patiently);

  it('is ready, and an event becomes one mail from our sender with a link that works', async () => {
    await eventually(async () => assert.equal((await service.ready()).ready, true));
    const { tenantId, subjectId, mails } = await somebody();
    const row = await sent(tenantId);
    assert.deepEqual([row.kind, row.attempts, row.recipientMasked.includes(subjectId)], ['email.verify_address', 1, false]);
    const [mail, ...others] = mails();
    assert.equal(others.length, 0);
    assert.equal(mail?.from, 'SMS <no-reply@sms.example>');
    assert.ok(mail.text.includes(`https://sms.example/verify-email?token=${auth.working(subjectId)}`));
  });

  it('a renewal that could not be paid is told to the owner of the tenant, with what is due and when it is tried again', async () => {
    const tenantId = newId();
    const about = { tenantId, aggregateId: newId(), aggregateVersion: 1, occurredAt: new Date() };
    const amount = { currency: 'USD', micros: 49_000_000n };
    const payload = { subscriptionId: newId(), plan: 'pro', amount, attempt: 1, nextAttemptAt: new Date('2026-12-22T09:00:00Z') };
    await authDb.transaction((tx) => publishEvent(tx, events.billing.subscriptionPaymentFailed, { ...about, payload }));
    const row = await sent(tenantId);
    assert.equal(row.kind, 'billing.subscription_payment_failed');
    const [mail, ...others] = mailbox.to(addressOf(tenantId));
    assert.equal(others.length, 0);
    assert.match(mail?.text ?? '', /49\.00 USD are due.*2026-12-22/s);
  });

  it("the owner is told once of a rented number's end, renewal and failed renewal; of hours only what failed", async () => {
    const [tenantId, long, short] = [newId(), newId(), newId()];
    auth.know(tenantId, tenantId);
    const told = (definition: (typeof events.rental)[keyof typeof events.rental], rentalId: string, duration: string) =>
      authDb.transaction((tx) =>
        publishEvent(tx, definition, {
          ...{ tenantId, aggregateId: rentalId, aggregateVersion: 1, occurredAt: new Date() },
          payload: RentalFact.create({
            ...{ rentalId, service: 'telegram', country: 'ID', duration, endsAt: new Date('2026-12-21T08:30:00Z') },
            ...{ reason: 'insufficient_credit', price: { currency: 'USD', micros: 27_000_000n } },
          }),
        }),
      );
    for (const [rentalId, duration] of [
      [long, '30d'],
      [short, '4h'],
    ] as const)
      for (const definition of [
        events.rental.renewalUpcoming,
        events.rental.renewed,
        events.rental.messageReceived,
        events.rental.renewalFailed,
      ])
        await told(definition, rentalId, duration);
    await eventually(async () => {
      const rows = await list(tenantId);
      assert.deepEqual(
        rows.map(({ kind, status }) => `${kind} ${status}`).toSorted(),
        ['rental.expiring', 'rental.renewal_failed', 'rental.renewal_failed', 'rental.renewed'].map((kind) => `${kind} sent`),
      );
    }, patiently);
    const about = (rentalId: string): number =>
      mailbox.to(addressOf(tenantId)).filter(({ text }) => text.includes(toTypeId('rental', rentalId))).length;
    assert.deepEqual([about(long), about(short)], [3, 1]);
  });

  it('the same event again, and once more after a restart, is still one mail; a new request is another', async () => {
    const { tenantId, subjectId, mails } = await somebody(true);
    await sent(tenantId);
    await repeatLastEvent();
    await drained();
    await service.close();
    // Even without the inbox: what the event asked for is noted beside the mail.
    await db.query('delete from inbox');
    await repeatLastEvent();
    service = own(await startService());
    await drained();
    assert.equal(mails().length, 1);
    assert.match(mails()[0]?.subject ?? '', /Ada Ltd/);
    await publish(tenantId, subjectId, true);
    await eventually(() => assert.equal(mails().length, 2), patiently);
  });

  it("nobody sees another tenant's mails, a stranger and a limited key none at all", async () => {
    const { tenantId } = await somebody();
    await sent(tenantId);
    assert.deepEqual(await list(newId()), []);
    const client = own(
      grpcClient(NotificationServiceClient, {
        address: `127.0.0.1:${service.addresses['grpc']}`,
        principalKey: testPrincipalKey,
        caller: 'gateway',
      }),
    );
    await assert.rejects(client.listDeliveries(firstPage, {}), is('auth.unauthenticated'));
    const limited = testPrincipal({ tenantId, subject: `key:${newId()}`, scopes: ['analytics:read'] });
    await assert.rejects(client.listDeliveries(firstPage, { principal: limited }), is('auth.forbidden'));
    await assert.rejects(
      client.listDeliveries({ page: { limit: 10, cursor: 'x' } }, { principal: testPrincipal({ tenantId }) }),
      is('request.invalid'),
    );
  });

  it('while auth is away it waits; who is verified meanwhile, or of another tenant, gets nothing', async () => {
    auth.state.away = true;
    const [waiting, verified] = [await somebody(), await somebody()];
    const [foreign, theirs] = [newId(), newId()];
    auth.know(foreign, newId());
    await publish(theirs, foreign);
    await eventually(async () => assert.ok(((await list(waiting.tenantId))[0]?.attempts ?? 0) >= 2), patiently);
    auth.verified.add(verified.subjectId);
    auth.state.away = false;
    await sent(waiting.tenantId);
    for (const tenantId of [verified.tenantId, theirs])
      await eventually(async () => assert.equal((await list(tenantId))[0]?.status, 'skipped'), patiently);
    assert.deepEqual([waiting.mails().length, verified.mails().length, mailbox.to(addressOf(foreign)).length], [1, 0, 0]);
  });

  it('a stop while a mail is being sent waits for it: nothing is lost, nothing is sent twice', async () => {
    mailbox.hold(true);
    const { tenantId, mails } = await somebody();
    await eventually(() => assert.equal(mailbox.held(), 1), patiently);
    let closed = false;
    const stopping = service.close().then(() => (closed = true));
    // Whoever comes meanwhile stays in the stream.
    const late = await somebody();
    assert.equal(closed, false);
    mailbox.hold(false);
    await stopping;
    const [row] = await db.query<{ status: string }>('select status from deliveries where tenant_id = $1', [tenantId]);
    assert.equal(row?.status, 'sent');
    service = own(await startService());
    await sent(late.tenantId);
    assert.deepEqual([mails().length, late.mails().length], [1, 1]);
  });

  it('a stop while a token is being issued waits for the mail too', async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const asked = auth.state.asked;
    auth.state.gate = gate;
    const { tenantId, mails } = await somebody();
    await eventually(() => assert.equal(auth.state.asked, asked + 1), patiently);
    const stopping = service.close();
    // That something does not happen takes a time to see: without the wait the stop is over long before.
    assert.equal(await Promise.race([stopping, setTimeout(700, 'still waiting')]), 'still waiting');
    open();
    await stopping;
    const [row] = await db.query<{ status: string; attempts: number }>('select status, attempts from deliveries where tenant_id = $1', [
      tenantId,
    ]);
    assert.deepEqual([row, mails().length], [{ status: 'sent', attempts: 1 }, 1]);
    service = own(await startService());
  });

  it('kill -9 while a mail is being sent: after the lease another sends a mail whose token works', { timeout: 60_000 }, async () => {
    await service.close();
    mailbox.hold(true);
    const child = await startProcess('services/notification/main.ts', environment);
    const { tenantId, subjectId, mails } = await somebody();
    await eventually(() => assert.equal(mailbox.held(), 1), patiently);
    await child.kill();
    mailbox.hold(false);
    service = own(await startService());
    assert.equal((await list(tenantId))[0]?.status, 'pending');
    // Two minutes later.
    await db.query('update deliveries set next_attempt_at = now() where tenant_id = $1', [tenantId]);
    const row = await sent(tenantId);
    assert.equal(row.attempts, 2);
    assert.equal(mails().length, 2, 'the first had been taken; nobody could know');
    assert.ok(mails().at(-1)?.text.includes(auth.working(subjectId)));
  });

  it('no token and no plain address is stored', async () => {
    const [row] = await db.query<{ everything: string }>("select string_agg(deliveries::text, ' ') as everything from deliveries");
    assert.match(row?.everything ?? '', /@example\.com/);
    assert.doesNotMatch(row?.everything ?? '', /token-\d|ann-/);
  });
});
