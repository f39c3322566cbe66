import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { newId } from '#platform/ids/index.ts';
import { type Database, openDatabase } from '#platform/postgres/index.ts';
import { createTestDatabase } from '#platform/testing/index.ts';
import { hourMs, minuteMs, secondMs, testClock, type TestClock } from '#platform/time/index.ts';
import { loadCatalogue } from '../adapters/catalogue/load.ts';
import { loadCodeReader } from '../adapters/codes/load.ts';
import { openSealer, type TenantKeys } from '../adapters/crypto/sealer.ts';
import { createHandlerApiPush } from '../adapters/handler-api/push.ts';
import { rememberAwaited } from '../adapters/memory/awaited.ts';
import { createFreshViews } from '../adapters/memory/fresh-views.ts';
import { outboxRowOf } from '../adapters/nats/events.ts';
import { loadPolicies } from '../adapters/policies/load.ts';
import { migrations } from '../adapters/postgres/migrations/index.ts';
import { postgresKeys } from '../adapters/postgres/keys/store.ts';
import { entities } from '../adapters/postgres/rows.ts';
import { postgresLeases } from '../adapters/postgres/policy/leases.ts';
import { postgresGate } from '../adapters/postgres/policy/tenants.ts';
import { createVerificationStore } from '../adapters/postgres/store.ts';
import type { CreateVerificationRequest } from '../app/create-verification.ts';
import type { Ports, Push } from '../app/ports.ts';
import { createPlanner, type Planner } from '../app/routing/planner.ts';
import { numberHash } from '../app/policy/hash-number.ts';
import { houseKeep, workDue } from '../app/work-due.ts';
import type { PolicyRules } from '../domain/policy/rules.ts';
import type { Timing } from '../domain/timing.ts';
import { laxRules, testScreen } from './policy/rules.ts';
import { createFakeLedger, type FakeLedger } from './fake-ledger.ts';
import { createFakePrices, type FakePrices } from './fake-prices.ts';
import { createFakeProvider, type FakeProvider } from './fake-provider.ts';

export const testTiming: Timing = {
  purchaseMs: 4 * secondMs,
  providerTimeoutMs: 5 * secondMs,
  reconcileGraceMs: 10 * secondMs,
  activationMs: 20 * minuteMs,
  holdMs: 2 * hourMs,
  pollFirstMs: 10 * secondMs,
  pollMaxMs: minuteMs,
  finishDelayMs: 0,
  retryMs: secondMs,
  retryMaxMs: 30 * secondMs,
  giveUpMs: 4 * minuteMs,
  finishAttempts: 3,
};

export const testHalfLifeMs = 6 * 60 * minuteMs;
export const testCatalogue = loadCatalogue(new URL('../data/', import.meta.url));
export const pushSecret = 'push-secret-of-the-tests';

/** The use cases over a real database, with a provider and a ledger in memory, on a clock that stands still. */
export interface Harness {
  readonly db: Database;
  readonly url: string;
  readonly ports: Ports;
  readonly keys: TenantKeys;
  readonly clock: TestClock;
  readonly provider: FakeProvider;
  /** All of them, the usual one first. */
  readonly providers: readonly FakeProvider[];
  readonly planner: Planner;
  readonly ledger: FakeLedger;
  readonly prices: FakePrices;
  readonly leaks: string[];
  readonly lateCodes: string[];
  readonly failedSteps: unknown[];
  request(over?: Partial<CreateVerificationRequest>): CreateVerificationRequest;
  /** Moves the clock on and lets the scheduler work off all that is due. */
  pass(ms: number): Promise<void>;
  push(activationId: string, text: string, code?: string): Push & { readonly provider: string };
  /** Subjects of one verification's events, in order, without their common beginning. */
  events(id: string): Promise<string[]>;
  payloads(id: string): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

/** `others`: names of further providers, beside the usual one. */
export const openHarness = async (
  options: { readonly rules?: PolicyRules; readonly others?: readonly string[] } = {},
): Promise<Harness> => {
  const database = await createTestDatabase('verification', migrations);
  const db = await openDatabase({ url: database.url, applicationName: 'verification-test', poolMax: 8, entities });
  const clock = testClock();
  const provider = createFakeProvider(clock);
  const providers = [provider, ...(options.others ?? []).map((name) => createFakeProvider(clock, name))];
  const planner = createPlanner({
    sellers: providers.map(({ name }) => ({ name, sells: () => true })),
    ...{ clock, halfLifeMs: testHalfLifeMs, attempts: 3, observer: { refused: () => {}, circuit: () => {}, decided: () => {} } },
  });
  const ledger = createFakeLedger();
  const prices = createFakePrices(clock);
  const push = createHandlerApiPush({ secret: pushSecret });
  const leaks: string[] = [];
  const lateCodes: string[] = [];
  const failedSteps: unknown[] = [];
  const { sealer, keys } = await openSealer({ key: randomBytes(32), store: postgresKeys(db), now: () => clock.now() });
  const ports: Ports = {
    store: rememberAwaited(
      createVerificationStore({
        db,
        rules: options.rules ?? laxRules,
        outboxRowOf: outboxRowOf(() => clock.now()),
        now: () => clock.now(),
      }),
    ),
    policy: postgresGate({ db, clock, catalogue: testCatalogue, screen: testScreen }),
    numbers: postgresLeases(db, numberHash(sealer)),
    ledger,
    prices,
    providers: {
      named: (name) => providers.find((one) => one.name === name) ?? provider,
      pushReader: (name) => (name === push.provider ? push : undefined),
    },
    routes: planner,
    catalogue: testCatalogue,
    readCode: loadCodeReader(new URL('../data/code-patterns.json', import.meta.url), (code) => testCatalogue.service(code) !== undefined),
    sealer,
    observer: {
      reached: () => {},
      codeDelay: () => {},
      codeRead: () => {},
      lateCode: (verification) => void lateCodes.push(verification.id),
      leak: (verification, what) => void leaks.push(`${verification.id}: ${what}`),
      unknownCount: () => {},
      failedStep: (_, error) => void failedSteps.push(error),
    },
    clock,
    timing: testTiming,
    freshViews: createFreshViews(),
    policies: loadPolicies(new URL('../data/policies.json', import.meta.url)),
    pause: (ms) => pause(Math.min(ms, 10)),
  };
  const tenantId = newId();
  return {
    ...{ db, url: database.url, ports, keys, clock, provider, providers, planner, ledger, prices, leaks, lateCodes, failedSteps },
    request: (over = {}) => ({
      tenantId,
      idempotencyKey: newId(),
      service: 'telegram',
      country: 'ID',
      capability: 'sms',
      maxPrice: undefined,
      ...over,
    }),
    pass: async (ms) => {
      clock.advance(ms);
      for (let turn = 0; turn < 50; turn++) if ((await workDue(ports)({ limit: 100, leaseMs: 45_000 })) === 0) break;
      await houseKeep(ports)();
    },
    push: (activationId, text, code) => ({
      provider: 'handler-api',
      secret: pushSecret,
      headers: {},
      body: Buffer.from(JSON.stringify({ activationId, service: 'tg', text, code, country: 6, receivedAt: clock.now().toISOString() })),
    }),
    events: async (id) => {
      const rows = await db.query<{ subject: string }>('select subject from outbox where aggregate_id = $1 order by seq', [id]);
      return rows.map((row) => row.subject.replace('namaskah.verification.v1.activation.', ''));
    },
    payloads: async (id) => {
      const rows = await db.query<{ payload: Buffer }>('select payload from outbox where aggregate_id = $1 order by seq', [id]);
      return rows.map((row) => JSON.parse(row.payload.toString()) as Record<string, unknown>);
    },
    close: async () => {
      await db.close();
      await database.close();
    },
  };
};
