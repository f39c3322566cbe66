/** Customer webhooks over a real database, broker and network; auth, verification, the mail server and the customers are stubs on the wire. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { events } from '#events';
import { type ErrorCode, isAppError } from '#platform/errors/index.ts';
import { headers as newHeaders } from '@nats-io/transport-node';
import { type ClientOf, grpcClient, type Principal } from '#platform/grpc/index.ts';
import { newId, toTypeId } from '#platform/ids/index.ts';
import type { RunningService } from '#platform/lifecycle/index.ts';
import { type Bus, header, openBus, publishEvent, startRelay } from '#platform/messaging/index.ts';
import { type Database, openDatabase, platformMigration } from '#platform/postgres/index.ts';
import { createTestDatabase, createTestNats, eventually, startProcess, testPrincipal, testPrincipalKey } from '#platform/testing/index.ts';
import { WebhookServiceClient } from '#proto/namaskah/notification/v1/webhooks.ts';
import { migrations } from './adapters/postgres/migrations/index.ts';
import { notificationConfig } from './config.ts';
import { start } from './main.ts';
import { addressOf, startAuthStub } from './testing/auth-stub.ts';
import { startHeldMailbox } from './testing/held-mailbox.ts';
import { type Receiver, startReceiver, status, verified } from './testing/webhooks/receiver.ts';
import { phoneNumber, startVerificationStub } from './testing/webhooks/verification-stub.ts';

const is = (code: ErrorCode) => (error: unknown) => isAppError(error, code) || assert.fail(`expected ${code}, got ${String(error)}`);
const allReject = (calls: readonly Promise<unknown>[], code: ErrorCode) => Promise.all(calls.map((call) => assert.rejects(call, is(code))));
const patiently = { timeoutMs: 20_000 };
const page = { limit: 100, cursor: '' };

describe('customer webhooks', () => {
  const closing: (() => Promise<unknown>)[] = [];
  const own = <T extends { close(): Promise<unknown> }>(part: T): T => (closing.unshift(() => part.close()), part);
  let environment: Record<string, string>;
  let service: RunningService;
  let client: ClientOf<WebhookServiceClient> & { close(): Promise<void> };
  let verifications: Awaited<ReturnType<typeof startVerificationStub>>;
  let mailbox: Awaited<ReturnType<typeof startHeldMailbox>>;
  let receiver: Receiver;
  let bus: Bus;
  let db: Database;
  /** From which the events come. */
  let elsewhere: Database;

  const connect = (to: RunningService) =>
    own(
      grpcClient(WebhookServiceClient, {
        address: `127.0.0.1:${to.addresses['grpc']}`,
        ...{ principalKey: testPrincipalKey, caller: 'gateway', defaultDeadlineMs: 10_000 },
      }),
    );
  const startService = async (): Promise<RunningService> => {
    service = own(await start(notificationConfig.parse({ ...environment, LOG_LEVEL: 'silent' })));
    client = connect(service);
    return service;
  };

  before(async () => {
    const [database, others] = [
      own(await createTestDatabase('notification', migrations)),
      own(await createTestDatabase('others', [platformMigration])),
    ];
    const nats = own(await createTestNats());
    const auth = own(await startAuthStub());
    verifications = own(await startVerificationStub());
    mailbox = own(await startHeldMailbox());
    receiver = own(await startReceiver());
    db = own(await openDatabase({ url: database.url, applicationName: 'test' }));
    elsewhere = own(await openDatabase({ url: others.url, applicationName: 'others' }));
    bus = own(await openBus({ url: nats.url, name: 'others' }));
    own(await startRelay({ db: elsewhere, bus }));
    environment = {
      ...{ ENVIRONMENT: 'test', NATS_URL: nats.url, DATABASE_URL: database.url, PRINCIPAL_KEY: testPrincipalKey },
      ...{ AUTH_GRPC_ADDRESS: auth.address, VERIFICATION_GRPC_ADDRESS: verifications.address, MAILBOX_URL: mailbox.url },
      ...{ PUBLIC_URL: 'https://sms.example', MAIL_FROM: 'SMS <no-reply@sms.example>', SEND_INTERVAL_MS: '50', RETRY_FIRST_MS: '50' },
      ...{ NOTIFICATION_ENCRYPTION_KEY: randomBytes(32).toString('base64'), WEBHOOK_ALLOW_HTTP_LOOPBACK: 'true' },
    };
    await startService();
  });
  after(async () => {
    for (const close of closing) await close();
  });

  const newTenant = (plan = 'pro'): Principal => testPrincipal({ plan });
  const create = async (principal: Principal, eventTypes = ['*'], path = `/${newId()}`, idempotencyKey = newId()) => {
    const wish = { url: receiver.url(path), description: '', eventTypes, idempotencyKey };
    const { endpoint, secret } = await client.createEndpoint(wish, { principal });
    assert.ok(endpoint);
    return { id: endpoint.id, path, secret, endpoint, got: () => receiver.at(path) };
  };
  const enable = (principal: Principal, id: string, enabled: boolean) =>
    client.updateEndpoint({ id, enabled, eventTypes: undefined }, { principal });
  const resumed = (tenantId: string, aggregateVersion = 1): Promise<void> =>
    elsewhere.transaction((tx) =>
      publishEvent(tx, events.billing.spendingResumed, {
        ...{ tenantId, aggregateId: tenantId, aggregateVersion, occurredAt: new Date(), payload: { source: 'tenant' } as never },
      }),
    );
  const codeReceived = async (tenantId: string, occurredAt = new Date()): Promise<string> => {
    const verificationId = newId();
    const payload = {
      ...{
        verificationId,
        service: 'telegram',
        country: 'ID',
        provider: 'secret-provider',
        holdId: newId(),
        latencyMs: 8_250n,
        position: 1,
      },
      price: { currency: 'USD', micros: 450_000n },
    };
    verifications.know(tenantId, verificationId, [
      { code: '481516', text: 'Telegram code: 481516', sender: 'Telegram', receivedAt: occurredAt },
      { code: '999999', text: 'Another: 999999', sender: 'Telegram', receivedAt: new Date(occurredAt.getTime() + 60_000) },
    ]);
    await elsewhere.transaction((tx) =>
      publishEvent(tx, events.verification.codeReceived, {
        tenantId,
        aggregateId: verificationId,
        aggregateVersion: 3,
        occurredAt,
        payload,
      }),
    );
    return verificationId;
  };
  const log = async (principal: Principal, endpointId: string, filter: { status?: string; eventType?: string } = {}) =>
    (
      await client.listWebhookDeliveries(
        { endpointId, status: '', eventType: '', from: undefined, to: undefined, page, ...filter },
        { principal },
      )
    ).deliveries;
  const logged = (principal: Principal, endpointId: string, expected: readonly string[]) =>
    eventually(async () => {
      const rows = await log(principal, endpointId);
      assert.deepEqual(
        rows.map((row) => row.status),
        expected,
      );
      return rows;
    }, patiently);
  const replay = { from: new Date(Date.now() - 3_600_000), to: new Date(Date.now() + 3_600_000), eventTypes: [], status: '' };
  /** Nobody waits for a pause here. What is being sent stays its sender's: a second one would be another attempt. */
  const dueNow = (endpointId: string) =>
    db.query(
      `update webhook_deliveries set next_attempt_at = now() - interval '1 second'
       where endpoint_id = $1 and status = 'pending' and leased_until is null`,
      [endpointId],
    );

  it('an event arrives once, signed, as its type says, at those who want it and nobody else', async () => {
    const [ours, theirs] = [newTenant(), newTenant()];
    const wanting = await create(ours, ['spending.resumed']);
    const family = await create(ours, ['spending.*']);
    const other = await create(ours, ['payment.*']);
    const foreign = await create(theirs);
    await resumed(ours.tenantId, 7);
    await logged(ours, wanting.id, ['delivered']);
    await logged(ours, family.id, ['delivered']);
    const [first, ...more] = wanting.got();
    assert.ok(first);
    assert.equal(more.length + other.got().length + foreign.got().length, 0);
    const body = verified(first, wanting.secret);
    assert.match(body.id, /^evt_/);
    assert.deepEqual([body.type, body.version, body.sequence, body.data], ['spending.resumed', 1, 7, { source: 'tenant' }]);
    assert.throws(() => verified(first, family.secret));
    const [sibling] = family.got();
    assert.ok(sibling);
    assert.equal(verified(sibling, family.secret).id, body.id, 'the same event');
    assert.notEqual(sibling.headers['webhook-id'], first.headers['webhook-id'], 'another delivery');
    assert.deepEqual(await log(theirs, foreign.id), []);
  });

  it('an event that is delivered again is not told again, even when the inbox has forgotten it', async () => {
    const tenant = newTenant();
    const endpoint = await create(tenant);
    await resumed(tenant.tenantId);
    await logged(tenant, endpoint.id, ['delivered']);
    const { streams, consumers } = await bus.manager();
    const { state } = await streams.info('BILLING');
    const stored = await streams.getMessage('BILLING', { seq: state.last_seq });
    assert.ok(stored);
    const again = newHeaders();
    for (const name of stored.header.keys()) if (name !== header.messageId) again.set(name, stored.header.get(name));
    for (const forgotten of [false, true]) {
      if (forgotten) await db.query('delete from inbox');
      const { duplicate } = await bus.jetstream.publish(stored.subject, stored.data, { headers: again });
      assert.equal(duplicate, false, 'the stream itself has not dropped it');
      await eventually(async () => {
        const { num_pending: pending, num_ack_pending: open } = await consumers.info('BILLING', 'notification-webhooks-billing');
        assert.equal(pending + open, 0);
      }, patiently);
    }
    assert.equal((await log(tenant, endpoint.id)).length, 1);
    assert.equal(endpoint.got().length, 1);
  });

  it('a code arrives with number and text, of the moment it was received; nothing of it lies open in the database or the log', async () => {
    const tenant = newTenant();
    const endpoint = await create(tenant, ['verification.*']);
    const verificationId = await codeReceived(tenant.tenantId);
    const [row] = await logged(tenant, endpoint.id, ['delivered']);
    const [received] = endpoint.got();
    assert.ok(received);
    const { data } = verified(received, endpoint.secret);
    assert.deepEqual(
      [data.verificationId, data.phoneNumber, data.code, data.text, data.sender, data.price],
      [toTypeId('verification', verificationId), phoneNumber, '481516', 'Telegram code: 481516', 'Telegram', '0.45'],
    );
    assert.equal(received.body.includes('secret-provider'), false);
    const { body, attempts } = await client.getWebhookDelivery({ endpointId: endpoint.id, id: row?.id ?? '' }, { principal: tenant });
    assert.doesNotMatch(body, /481516|62812/);
    assert.deepEqual(JSON.parse(body).data.code, '***');
    assert.deepEqual([attempts.length, attempts[0]?.status, attempts[0]?.error], [1, 204, '']);
    const stored = await db.query<{ body: Buffer; rest: string }>(
      `select d.body, d::text || (select string_agg(e::text, ' ') from webhook_endpoints e) || (select string_agg(a::text, ' ') from webhook_attempts a) as rest
       from webhook_deliveries d`,
    );
    const everything = stored.map((each) => each.body.toString('latin1') + each.rest).join();
    assert.doesNotMatch(everything, /481516|62812345|whsec_/);
    assert.match(everything, /verification\.code_received/);
  });

  it('while verification is away a code waits, and nothing else does; the same words go out in every attempt', async () => {
    const tenant = newTenant();
    const endpoint = await create(tenant);
    verifications.state.away = true;
    const asked = verifications.state.asked;
    await codeReceived(tenant.tenantId);
    await eventually(() => assert.ok(verifications.state.asked > asked), patiently);
    await resumed(tenant.tenantId);
    await eventually(() => assert.equal(endpoint.got().length, 1), patiently);
    receiver.answer(endpoint.path, status(503, 'not today'));
    verifications.state.away = false;
    await dueNow(endpoint.id);
    await eventually(async () => assert.equal((await log(tenant, endpoint.id))[1]?.lastStatus, 503), patiently);
    const [, first] = endpoint.got();
    assert.ok(first);
    // Neither a text that is gone meanwhile nor another one changes what was said.
    verifications.know(tenant.tenantId, JSON.parse(first.body).data.verificationId, []);
    receiver.answer(endpoint.path, status(200));
    await dueNow(endpoint.id);
    const [, row] = await logged(tenant, endpoint.id, ['delivered', 'delivered']);
    // On a busy machine its own pause may have ended, too, before it was told to go on.
    const [, ...sent] = endpoint.got();
    for (const each of sent) assert.deepEqual([each.headers['webhook-id'], each.body], [first.headers['webhook-id'], first.body]);
    assert.equal(verified(sent.at(-1) ?? first, endpoint.secret).data.code, '481516');
    const { attempts } = await client.getWebhookDelivery({ endpointId: endpoint.id, id: row?.id ?? '' }, { principal: tenant });
    assert.deepEqual(
      attempts.map((attempt) => [attempt.status, attempt.error, attempt.answer]),
      [...sent.slice(1).map(() => [503, 'answered 503', 'not today']), [200, '', '']],
    );
    assert.ok(sent.length >= 2);
  });

  it('kill -9 while a request is in flight: after the lease another sends the same under the same id', { timeout: 60_000 }, async () => {
    await service.close();
    const child = await startProcess('services/notification/main.ts', environment);
    client = connect({ ...service, addresses: child.addresses });
    const tenant = newTenant();
    const endpoint = await create(tenant);
    receiver.answer(endpoint.path, () => {});
    await resumed(tenant.tenantId);
    await eventually(() => assert.equal(endpoint.got().length, 1), patiently);
    await child.kill();
    receiver.answer(endpoint.path, status(204));
    await startService();
    await eventually(async () => assert.equal((await log(tenant, endpoint.id))[0]?.status, 'pending'), patiently);
    await db.query(`update webhook_deliveries set next_attempt_at = now(), leased_until = now() where endpoint_id = $1`, [endpoint.id]);
    const [row] = await logged(tenant, endpoint.id, ['delivered']);
    const [before, again, ...others] = endpoint.got();
    assert.ok(before && again && others.length === 0);
    assert.deepEqual([again.headers['webhook-id'], again.body], [before.headers['webhook-id'], before.body]);
    assert.equal(row?.attempts, 2);
  });

  it('a stop waits for requests in flight and notes what came of them', async () => {
    const tenant = newTenant();
    const endpoint = await create(tenant);
    const { promise: held, resolve: hold } = Promise.withResolvers<ServerResponse>();
    receiver.answer(endpoint.path, hold);
    await resumed(tenant.tenantId);
    const response = await held;
    let closed = false;
    const stopping = service.close().then(() => (closed = true));
    assert.equal(closed, false);
    response.writeHead(204).end();
    await stopping;
    const [row] = await db.query<{ status: string }>('select status from webhook_deliveries where endpoint_id = $1', [endpoint.id]);
    assert.equal(row?.status, 'delivered');
    await startService();
  });

  it('two replicas send three hundred events once each, and a slow endpoint holds up nobody', { timeout: 60_000 }, async () => {
    const second = own(await start(notificationConfig.parse({ ...environment, LOG_LEVEL: 'silent' })));
    const [tenant, neighbour] = [newTenant(), newTenant()];
    const [slow, quick, beside] = [await create(tenant), await create(tenant), await create(neighbour)];
    receiver.answer(slow.path, () => {});
    for (let version = 1; version <= 150; version++) {
      await resumed(tenant.tenantId, version);
      await resumed(neighbour.tenantId, version);
    }
    for (const each of [quick, beside]) await eventually(() => assert.equal(each.got().length, 150), { timeoutMs: 40_000 });
    assert.ok(slow.got().length <= 8, `${slow.got().length} requests to the slow one`);
    await eventually(async () => assert.equal((await log(neighbour, beside.id, { status: 'delivered' })).length, 100), patiently);
    for (const each of [quick, beside]) assert.equal(new Set(each.got().map(({ headers }) => headers['webhook-id'])).size, 150);
    // Its time-outs are nobody's business any more.
    await client.deleteEndpoint({ id: slow.id }, { principal: tenant });
    await second.close();
  });

  it('410 switches an endpoint off, and its owner is told; enabled again it can have what it missed', async () => {
    const tenant = newTenant();
    const endpoint = await create(tenant);
    receiver.answer(endpoint.path, status(410));
    await resumed(tenant.tenantId);
    await logged(tenant, endpoint.id, ['failed']);
    const { endpoint: off } = await client.getEndpoint({ id: endpoint.id }, { principal: tenant });
    assert.deepEqual([off?.enabled, off?.disabledReason], [false, 'gone']);
    await eventually(() => assert.equal(mailbox.to(addressOf(tenant.tenantId)).length, 1), patiently);
    const [mail] = mailbox.to(addressOf(tenant.tenantId));
    assert.match(mail?.text ?? '', new RegExp(`127\\.0\\.0\\.1:${receiver.port} answered 410 Gone`));
    assert.equal(mail?.text.includes(endpoint.path), false, 'addresses hold tokens');
    await assert.rejects(
      client.sendTest({ id: endpoint.id, idempotencyKey: newId() }, { principal: tenant }),
      is('webhook.endpoint_disabled'),
    );
    await assert.rejects(
      client.replayDeliveries({ endpointId: endpoint.id, ...replay }, { principal: tenant }),
      is('webhook.endpoint_disabled'),
    );
    // What happens while it is off is not sent, but kept: the sweeper ends it, and here nobody waits for that.
    await resumed(tenant.tenantId, 2);
    await logged(tenant, endpoint.id, ['pending', 'failed']);
    await db.query(`update webhook_deliveries set status = 'failed', next_attempt_at = null, ended_at = now() where endpoint_id = $1`, [
      endpoint.id,
    ]);
    assert.equal(endpoint.got().length, 1);
    receiver.answer(endpoint.path, status(204));
    await enable(tenant, endpoint.id, true);
    assert.deepEqual(await client.replayDeliveries({ endpointId: endpoint.id, ...replay }, { principal: tenant }), { replayed: 2 });
    await logged(tenant, endpoint.id, ['delivered', 'delivered']);
    assert.equal(new Set(endpoint.got().map(({ headers }) => headers['webhook-id'])).size, 2);
  });

  it('days of nothing but failures switch an endpoint off; a single success begins anew', async () => {
    const tenant = newTenant();
    const endpoint = await create(tenant);
    receiver.answer(endpoint.path, status(500));
    await resumed(tenant.tenantId);
    await eventually(async () => {
      const { endpoint: now } = await client.getEndpoint({ id: endpoint.id }, { principal: tenant });
      assert.ok(now?.failingSince);
    }, patiently);
    await db.query(`update webhook_endpoints set failing_since = now() - interval '6 days' where id = $1`, [endpoint.id]);
    await db.query(`update webhook_deliveries set tries = 2 where endpoint_id = $1`, [endpoint.id]);
    await dueNow(endpoint.id);
    await eventually(async () => {
      const { endpoint: now } = await client.getEndpoint({ id: endpoint.id }, { principal: tenant });
      assert.deepEqual([now?.enabled, now?.disabledReason], [false, 'failing']);
    }, patiently);
    await eventually(() => assert.match(mailbox.to(addressOf(tenant.tenantId))[0]?.text ?? '', /nothing but errors for days/), patiently);
    receiver.answer(endpoint.path, status(204));
    const { endpoint: on } = await enable(tenant, endpoint.id, true);
    assert.equal(on?.failingSince, undefined);
  });

  it('the plan bounds the number of endpoints, also of those made at once, and a smaller plan keeps the oldest', async () => {
    await assert.rejects(create(newTenant('starter')), is('webhook.limit_reached'));
    const tenant = newTenant();
    const made = await Promise.allSettled(Array.from({ length: 9 }, () => create(tenant)));
    assert.equal(made.filter((each) => each.status === 'fulfilled').length, 5);
    const { endpoints } = await client.listEndpoints({}, { principal: tenant });
    const last = endpoints.at(-1)?.id ?? '';
    // Room is made by deleting or switching off, and taken by enabling.
    await enable(tenant, last, false);
    await create(tenant);
    await assert.rejects(enable(tenant, last, true), is('webhook.limit_reached'));
    const reasons = async (): Promise<readonly string[]> =>
      (await client.listEndpoints({}, { principal: tenant })).endpoints.map(({ disabledReason }) => disabledReason);
    const planIs = async (plan: string, previousPlan: string, aggregateVersion: number): Promise<void> => {
      const payload = { subscriptionId: newId(), plan, previousPlan } as never;
      const about = { tenantId: tenant.tenantId, aggregateId: tenant.tenantId, aggregateVersion, occurredAt: new Date() };
      await elsewhere.transaction((tx) => publishEvent(tx, events.billing.planChanged, { ...about, payload }));
    };
    await planIs('starter', 'pro', 2);
    await eventually(async () => assert.deepEqual(await reasons(), ['plan', 'plan', 'plan', 'plan', 'user', 'plan']), patiently);
    // With the plan come back those that went with it, and no others.
    await planIs('pro', 'starter', 3);
    await eventually(async () => assert.deepEqual(await reasons(), ['', '', '', '', 'user', '']), patiently);
  });

  it('a repeated creation gives the same endpoint and secret, with other words it is a conflict', async () => {
    const tenant = newTenant();
    const [path, key] = [`/${newId()}`, newId()];
    const [first, again] = [await create(tenant, ['*'], path, key), await create(tenant, ['*'], path, key)];
    assert.deepEqual([again.id, again.secret], [first.id, first.secret]);
    await assert.rejects(create(tenant, ['payment.*'], path, key), is('request.idempotency_conflict'));
  });

  it('a rotated secret signs at once, the old one beside it until the overlap ends', async () => {
    const tenant = newTenant();
    const endpoint = await create(tenant);
    const rotate = (overlapHours: number, idempotencyKey = newId()) =>
      client.rotateSecret({ id: endpoint.id, overlapHours, idempotencyKey }, { principal: tenant });
    const test = async () => {
      const before = endpoint.got().length;
      await client.sendTest({ id: endpoint.id, idempotencyKey: newId() }, { principal: tenant });
      await eventually(() => assert.equal(endpoint.got().length, before + 1), patiently);
      return endpoint.got()[before] ?? assert.fail();
    };
    const key = newId();
    const { secret, endpoint: rotated } = await rotate(24, key);
    assert.notEqual(secret, endpoint.secret);
    assert.equal((await rotate(24, key)).secret, secret, 'a repetition rotates nothing');
    assert.ok((rotated?.previousSecretUntil?.getTime() ?? 0) > Date.now() + 23 * 3_600_000);
    const during = await test();
    for (const each of [secret, endpoint.secret]) assert.equal(verified(during, each).type, 'webhook.test');
    await assert.rejects(rotate(1), is('webhook.rotation_in_progress'));
    await assert.rejects(rotate(169), is('request.invalid'));
    const { secret: third } = await rotate(0);
    const after = await test();
    verified(after, third);
    for (const each of [secret, endpoint.secret]) assert.throws(() => verified(after, each));
  });

  it('the log can be filtered and paged, and one delivery sent again under its id', async () => {
    const tenant = newTenant();
    const endpoint = await create(tenant);
    for (let version = 1; version <= 5; version++) await resumed(tenant.tenantId, version);
    const test = { id: endpoint.id, idempotencyKey: newId() };
    const { delivery } = await client.sendTest(test, { principal: tenant });
    assert.equal((await client.sendTest(test, { principal: tenant })).delivery?.id, delivery?.id);
    await logged(tenant, endpoint.id, Array<string>(6).fill('delivered'));
    assert.deepEqual(
      (await log(tenant, endpoint.id, { eventType: 'webhook.test' })).map(({ id }) => id),
      [delivery?.id],
    );
    assert.deepEqual(await log(tenant, endpoint.id, { status: 'failed' }), []);
    const ids: string[] = [];
    let cursor = '';
    do {
      const request = { endpointId: endpoint.id, status: '', eventType: '', from: replay.from, to: replay.to, page: { limit: 4, cursor } };
      const answer = await client.listWebhookDeliveries(request, { principal: tenant });
      ids.push(...answer.deliveries.map(({ id }) => id));
      cursor = answer.nextCursor;
    } while (cursor !== '');
    assert.deepEqual(ids, ids.toSorted().toReversed());
    assert.equal(new Set(ids).size, 6);
    const [newest = ''] = ids;
    await client.retryDelivery({ endpointId: endpoint.id, id: newest }, { principal: tenant });
    await eventually(() => assert.equal(endpoint.got().length, 7), patiently);
    assert.equal(endpoint.got().filter(({ headers }) => headers['webhook-id'] === toTypeId('webhookDelivery', newest)).length, 2);
    await logged(tenant, endpoint.id, Array<string>(6).fill('delivered'));
    const types = { endpointId: endpoint.id, ...replay, eventTypes: ['spending.*'], status: 'delivered' };
    assert.deepEqual(await client.replayDeliveries(types, { principal: tenant }), { replayed: 5 });
    await eventually(() => assert.equal(endpoint.got().length, 12), patiently);
  });

  it('what is wrong is said by field, and is never a fault of ours', async () => {
    const tenant = newTenant();
    const { id } = await create(tenant);
    const wish = { url: 'http://example.com/', description: 'd'.repeat(201), eventTypes: ['nope'], idempotencyKey: newId() };
    const fieldsOf = async (call: Promise<unknown>): Promise<readonly string[]> => {
      const error = await call.then(
        () => assert.fail('was taken'),
        (reason: unknown) => reason,
      );
      assert.ok(isAppError(error, 'request.invalid'), String(error));
      return error.fields.map(({ field }) => field);
    };
    const as = { principal: tenant };
    assert.deepEqual(await fieldsOf(client.createEndpoint(wish, as)), ['url', 'description', 'eventTypes[0]']);
    assert.deepEqual(await fieldsOf(client.updateEndpoint({ id, eventTypes: { values: [] } }, as)), ['eventTypes']);
    assert.deepEqual(await fieldsOf(client.replayDeliveries({ endpointId: id, ...replay, to: replay.from }, as)), ['to']);
    assert.deepEqual(await fieldsOf(client.replayDeliveries({ endpointId: id, ...replay, to: undefined }, as)), ['to']);
    assert.deepEqual(await fieldsOf(client.replayDeliveries({ endpointId: id, ...replay, eventTypes: ['x.*'] }, as)), ['eventTypes[0]']);
    const list = { endpointId: id, status: 'lost', eventType: '', from: undefined, to: undefined, page };
    assert.deepEqual(await fieldsOf(client.listWebhookDeliveries(list, as)), ['status']);
    assert.deepEqual(await fieldsOf(client.listWebhookDeliveries({ ...list, status: '', page: { limit: 1, cursor: 'x' } }, as)), [
      'cursor',
    ]);
  });

  it('another tenant finds nothing, a viewer changes nothing, a limited key and a stranger may nothing', async () => {
    const tenant = newTenant();
    const { id } = await create(tenant);
    const { delivery } = await client.sendTest({ id, idempotencyKey: newId() }, { principal: tenant });
    const one = { endpointId: id, id: delivery?.id ?? '' };
    const list = { endpointId: id, status: '', eventType: '', from: undefined, to: undefined, page };
    const reads = (principal: Principal | undefined) => {
      const as = principal === undefined ? {} : { principal };
      return [client.getEndpoint({ id }, as), client.listWebhookDeliveries(list, as), client.getWebhookDelivery(one, as)];
    };
    const writes = (principal: Principal | undefined) => {
      const as = principal === undefined ? {} : { principal };
      return [
        client.updateEndpoint({ id, enabled: false, eventTypes: undefined }, as),
        client.deleteEndpoint({ id }, as),
        client.rotateSecret({ id, overlapHours: 0, idempotencyKey: newId() }, as),
        client.sendTest({ id, idempotencyKey: newId() }, as),
        client.retryDelivery(one, as),
        client.replayDeliveries({ endpointId: id, ...replay }, as),
      ];
    };
    const stranger = newTenant();
    await allReject([...reads(stranger), ...writes(stranger)], 'request.not_found');
    assert.deepEqual(await client.listEndpoints({}, { principal: stranger }), { endpoints: [] });
    await allReject([...reads(undefined), ...writes(undefined)], 'auth.unauthenticated');
    const limited = { ...tenant, subject: `key:${newId()}`, scopes: ['verifications:read'] };
    await allReject([...reads(limited), ...writes(limited)], 'auth.forbidden');
    for (const role of ['viewer', 'staff'] as const) {
      const member = { ...tenant, roles: [role] };
      await Promise.all(reads(member));
      await allReject(writes(member), 'auth.forbidden');
    }
    const { endpoint } = await client.getEndpoint({ id }, { principal: tenant });
    assert.equal(endpoint?.enabled, true);
    assert.equal(JSON.stringify(endpoint).includes('whsec_'), false);
  });

  it('what is deleted is gone, and its deliveries with it', async () => {
    const tenant = newTenant();
    const endpoint = await create(tenant);
    receiver.answer(endpoint.path, status(500));
    await resumed(tenant.tenantId);
    await eventually(async () => assert.equal((await log(tenant, endpoint.id))[0]?.lastStatus, 500), patiently);
    await client.deleteEndpoint({ id: endpoint.id }, { principal: tenant });
    await assert.rejects(client.deleteEndpoint({ id: endpoint.id }, { principal: tenant }), is('request.not_found'));
    await assert.rejects(log(tenant, endpoint.id), is('request.not_found'));
    await dueNow(endpoint.id);
    const other = await create(tenant);
    await resumed(tenant.tenantId, 2);
    await eventually(() => assert.equal(other.got().length, 1), patiently);
    assert.equal(endpoint.got().length, 1);
  });

  it('every type that can be subscribed to is listed with a whole body', async () => {
    const { eventTypes } = await client.listEventTypes({}, { principal: newTenant('starter') });
    assert.ok(eventTypes.length > 15);
    for (const { type, version, exampleJson } of eventTypes) {
      const body = JSON.parse(exampleJson);
      assert.deepEqual([body.type, body.version, typeof body.sequence], [type, version, 'number']);
    }
  });
});
