/** The whole service over a real database and broker. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { consumers, events } from '#events';
import { type ErrorCode, isAppError } from '#platform/errors/index.ts';
import { type ClientOf, grpcClient } from '#platform/grpc/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { RunningService } from '#platform/lifecycle/index.ts';
import { type Bus, deadHeader, type EventDefinition, openBus } from '#platform/messaging/index.ts';
import { money } from '#platform/money/index.ts';
import { type Database, openDatabase } from '#platform/postgres/index.ts';
import { createTestDatabase, createTestNats, eventually, testPrincipal, testPrincipalKey } from '#platform/testing/index.ts';
import { dayMs, hourMs, minuteMs } from '#platform/time/index.ts';
import { AnalyticsServiceClient } from '#proto/namaskah/analytics/v1/analytics.ts';
import { migrations } from './adapters/postgres/migrations/index.ts';
import { figureAudit } from './adapters/postgres/store.ts';
import { analyticsConfig } from './config.ts';
import { start } from './main.ts';
import { publishAllRaw, publishRaw, type RawEvent, rawEvent } from './testing/raw-events.ts';

const patiently = { timeoutMs: 30_000 };
const invalid =
  (...fields: readonly string[]) =>
  (error: unknown): boolean => {
    assert.ok(isAppError(error, 'request.invalid'), String(error));
    assert.deepEqual(
      error.fields.map(({ field }) => field),
      fields,
    );
    return true;
  };
const is = (code: ErrorCode) => (error: unknown) => isAppError(error, code) || assert.fail(`expected ${code}, got ${String(error)}`);
const durables = ['analytics-auth', 'analytics-billing', 'analytics-verification', 'analytics-campaign'] as const;
const start0 = new Date('2026-03-10T08:17:31.250Z');
const at = (ms: number): Date => new Date(start0.getTime() + ms);
const everySubject = Object.values(events).flatMap((context) =>
  (Object.values(context) as EventDefinition<unknown>[]).map(({ subject }) => subject),
);

describe('the analytics service', () => {
  const closing: (() => Promise<unknown>)[] = [];
  const own = <T extends { close(): Promise<unknown> }>(part: T): T => (closing.unshift(() => part.close()), part);
  let services: RunningService[];
  let db: Database;
  let bus: Bus;
  let analytics: ClientOf<AnalyticsServiceClient>;

  before(async () => {
    const [database, nats] = [own(await createTestDatabase('analytics', migrations)), own(await createTestNats())];
    db = own(await openDatabase({ url: database.url, applicationName: 'test' }));
    bus = own(await openBus({ url: nats.url, name: 'test' }));
    const config = analyticsConfig.parse({
      ...{ ENVIRONMENT: 'test', LOG_LEVEL: 'silent', NATS_URL: nats.url, DATABASE_URL: database.url, PRINCIPAL_KEY: testPrincipalKey },
      BATCH_MAX_WAIT_MS: '20',
    });
    services = await Promise.all([start(config), start(config)]);
    for (const service of services) own(service);
    const address = `127.0.0.1:${services[1]?.addresses['grpc']}`;
    analytics = own(
      grpcClient(AnalyticsServiceClient, { address, principalKey: testPrincipalKey, caller: 'gateway', defaultDeadlineMs: 10_000 }),
    );
  });
  after(async () => {
    for (const close of closing) await close();
  });

  const as = (tenantId: string) => ({ principal: testPrincipal({ tenantId, roles: ['viewer'] }) });
  const summary = async (tenantId: string, from: Date, to: Date) => {
    const { verifications, messages, spend, toppedUp, granted, refunded } = await analytics.getSummary({ from, to }, as(tenantId));
    return { verifications, messages, spend, toppedUp, granted, refunded };
  };
  const handled = () =>
    eventually(async () => {
      const manager = await bus.manager();
      for (const durable of durables) {
        const { num_pending: pending, num_ack_pending: unacknowledged } = await manager.consumers.info(consumers[durable].stream, durable);
        assert.equal(pending + unacknowledged, 0, durable);
      }
    }, patiently);
  const storedOf = async (tenantId: string): Promise<string[]> =>
    (await db.query<{ id: string }>('select id from events where tenant_id = $1 order by id', [tenantId])).map(({ id }) => id);

  it('is ready in both replicas', async () => {
    for (const service of services) await eventually(async () => assert.equal((await service.ready()).ready, true));
  });

  it('every kind of event is stored once, whatever comes how often in which order; the figures are right for any interval', async () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
    console.log(`seed ${seed}`);
    const tenants = [newId(), newId()] as const;
    /** What a hand would count, kept apart from the service's own definitions. */
    const counted: { tenantId: string; occurredAt: Date; of: string; by: bigint }[] = [];
    const made: RawEvent[] = [];
    const usd = (micros: number): object => ({ currency: 'USD', micros: String(micros) });
    const isMoney = (subject: string): boolean => /(hold\.captured|\.charged|credit\.granted|(payment|refund)\.succeeded)$/.test(subject);
    const make = (subject: string, index: number): void => {
      const [tenantId, occurredAt] = [tenants[index % 2] ?? '', at(index * 7 * minuteMs)];
      const amount = 1_000 * index + 1;
      const payload = {
        ...(subject.includes('.verification.')
          ? { service: ['telegram', 'whatsapp'][index % 3 === 0 ? 0 : 1], verificationId: newId() }
          : {}),
        ...(isMoney(subject) ? { product: 'verification', amount: usd(amount) } : {}),
        ...(subject.endsWith('campaign.launched') ? { planned: String(index) } : {}),
        ...(subject.endsWith('messages-progressed') ? { submitted: '5', delivered: '3', failed: '1', suppressed: '1', unknown: '7' } : {}),
      };
      made.push(rawEvent(subject, tenantId, occurredAt, payload));
      const count = (of: string, by: number): void => void counted.push({ tenantId, occurredAt, of, by: BigInt(by) });
      const step = /activation\.(purchased|completed|cancelled|expired|failed|code-received)$/.exec(subject)?.[1];
      if (step !== undefined) count(step === 'code-received' ? 'received' : step, 1);
      if (/(hold\.captured|(wallet|usage|subscription)\.charged)$/.test(subject)) count('spend', amount);
      if (subject.endsWith('credit.granted')) count('granted', amount);
      if (subject.endsWith('refund.succeeded')) count('refunded', amount);
      if (subject.endsWith('payment.succeeded')) count('toppedUp', amount);
      if (subject.endsWith('campaign.launched')) count('planned', index);
      if (subject.endsWith('messages-progressed'))
        for (const [of, by] of [
          ['submitted', 5],
          ['delivered', 3],
          ['m-failed', 1],
          ['suppressed', 1],
        ] as const)
          count(of, by);
    };
    for (let index = 0; index < 14 * everySubject.length; index++) make(everySubject[index % everySubject.length] ?? '', index);
    const [order] = fc.sample(
      fc.shuffledSubarray([...made, ...made.filter((_event, index) => index % 3 === 0)], { minLength: Math.ceil((made.length * 4) / 3) }),
      {
        seed,
        numRuns: 1,
      },
    );
    await publishAllRaw(bus, order ?? []);
    await handled();
    await publishAllRaw(bus, made.slice(0, 50));
    await handled();

    for (const tenantId of tenants) {
      const ids = made.filter((event) => event.tenantId === tenantId).map(({ id }) => id);
      assert.deepEqual(
        await storedOf(tenantId),
        ids.toSorted((a, b) => (a < b ? -1 : 1)),
      );
    }
    const cut = async (tenantId: string, from: Date, to: Date): Promise<void> => {
      const sum = (of: string): bigint =>
        counted
          .filter((row) => row.tenantId === tenantId && row.of === of && row.occurredAt >= from && row.occurredAt < to)
          .reduce((total, { by }) => total + by, 0n);
      const amounts = (of: string) => (sum(of) === 0n ? [] : [money('USD', sum(of))]);
      assert.deepEqual(await summary(tenantId, from, to), {
        verifications: {
          purchased: sum('purchased'),
          received: sum('received'),
          completed: sum('completed'),
          cancelled: sum('cancelled'),
          expired: sum('expired'),
          failed: sum('failed'),
        },
        messages: {
          planned: sum('planned'),
          submitted: sum('submitted'),
          delivered: sum('delivered'),
          failed: sum('m-failed'),
          suppressed: sum('suppressed'),
        },
        spend: amounts('spend'),
        toppedUp: amounts('toppedUp'),
        granted: amounts('granted'),
        refunded: amounts('refunded'),
      });
    };
    for (const tenantId of tenants) {
      await cut(tenantId, at(0), at(made.length * 7 * minuteMs));
      await cut(tenantId, at(3 * hourMs), at(20 * hourMs + 1));
      await cut(tenantId, at(61 * minuteMs), at(70 * minuteMs));
      await cut(tenantId, new Date('2026-03-10T10:00:00Z'), new Date('2026-03-11T10:00:00Z'));
    }
    assert.equal(await figureAudit(db).firstDivergence(), undefined);
    const nobody = await summary(newId(), at(0), at(dayMs));
    assert.deepEqual([nobody.verifications?.purchased, nobody.messages?.submitted, nobody.spend, nobody.toppedUp], [0n, 0n, [], []]);
  });

  it('who may not, cannot; a wrong interval is refused with the names of its fields', async () => {
    const interval = { from: at(0), to: at(hourMs) };
    await assert.rejects(analytics.getSummary(interval, {}), is('auth.unauthenticated'));
    await assert.rejects(
      analytics.getSummary(interval, { principal: testPrincipal({ subject: `key:${newId()}`, scopes: ['members:read'] }) }),
      is('auth.forbidden'),
    );
    await analytics.getSummary(interval, { principal: testPrincipal({ subject: `key:${newId()}`, scopes: ['analytics:read'] }) });
    const ask = (from: Date | undefined, to: Date | undefined) => analytics.getSummary({ from, to }, as(newId()));
    await assert.rejects(ask(undefined, undefined), invalid('from', 'to'));
    await assert.rejects(ask(undefined, at(0)), invalid('from'));
    await assert.rejects(ask(at(0), undefined), invalid('to'));
    await assert.rejects(ask(at(0), at(0)), invalid('from'));
    await assert.rejects(ask(at(1), at(0)), invalid('from'));
    await assert.rejects(ask(at(0), at(400 * dayMs + 1)), invalid('to'));
    await ask(at(0), at(400 * dayMs));
  });

  it('a poisonous event neither stops nor spoils its batch: the others are stored, it becomes a dead letter, and then nothing waits for it', async () => {
    const tenantId = newId();
    const manager = await bus.manager();
    const { config } = await manager.consumers.info('VERIFICATION', 'analytics-verification');
    // Twelve deliveries take minutes; two show the same.
    await manager.consumers.update('VERIFICATION', 'analytics-verification', { ...config, max_deliver: 2 });
    const purchase = (service: string): RawEvent =>
      rawEvent('namaskah.verification.v1.activation.purchased', tenantId, at(0), { service, verificationId: newId() });
    const good = Array.from({ length: 40 }, () => purchase('telegram'));
    // jsonb cannot hold a NUL, so PostgreSQL refuses the whole statement; the other one is not even JSON.
    const [poison, unreadable] = [purchase('tele\0gram'), purchase('x')];
    const published = new Date();
    await Promise.all([
      ...good.slice(0, 20).map((event) => publishRaw(bus, event)),
      publishRaw(bus, poison),
      publishRaw(bus, unreadable, '{not json'),
    ]);
    await publishAllRaw(bus, good.slice(20));
    await eventually(async () => assert.equal((await storedOf(tenantId)).length, good.length), patiently);
    assert.equal((await summary(tenantId, at(0), at(hourMs))).verifications?.purchased, 40n);
    const reasons = new Map<string, string>();
    await eventually(async () => {
      const { state } = await manager.streams.info('DLQ');
      for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
        const letter = await manager.streams.getMessage('DLQ', { seq });
        if (letter?.subject === 'dlq.analytics-verification')
          reasons.set(letter.header.get('ce-id'), letter.header.get(deadHeader.subject));
      }
      assert.deepEqual([...reasons.keys()].toSorted(), [poison.id, unreadable.id].toSorted());
    }, patiently);
    assert.equal(reasons.get(poison.id), poison.subject);
    assert.equal(await figureAudit(db).firstDivergence(), undefined);
    await eventually(async () => {
      const answer = await analytics.getSummary({ from: at(0), to: at(hourMs) }, as(tenantId));
      assert.ok(answer.freshUntil && answer.freshUntil > published);
    }, patiently);
  });

  it('a stop in the middle of a flood loses nothing: the other replica stores the rest', async () => {
    const tenantId = newId();
    const flood = Array.from({ length: 600 }, (_, index) =>
      rawEvent('namaskah.billing.v1.payment.succeeded', tenantId, at(index), { amount: { currency: 'EUR', micros: '5' } }),
    );
    const publishing = publishAllRaw(bus, flood);
    await eventually(async () => assert.ok((await storedOf(tenantId)).length > 0), patiently);
    await services[0]?.close();
    await publishing;
    await handled();
    assert.equal((await storedOf(tenantId)).length, flood.length);
    assert.deepEqual((await summary(tenantId, at(0), at(hourMs))).toppedUp, [money('EUR', 3_000n)]);
  });
});
