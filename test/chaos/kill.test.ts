/**
 * Kill -9 of any one service while purchases run. Whatever dies and whenever: nobody is charged twice or without a code,
 * nothing is bought twice, everything ends after its deadline, the books balance, analytics has each event once.
 * Seed: CHAOS_SEED, printed.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { ServiceName } from '#topology';
import { expectStatus, newCustomer, until, type Customer } from '../support/client.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';
import { outboxIds, storedEventIds } from './laws.ts';

const seed = Number(process.env['CHAOS_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const random = (() => {
  // mulberry32: small, repeatable
  let state = seed;
  return (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
})();

/** All but the simulator: it is the outside world, and forgets everything when it dies. */
const victims: readonly ServiceName[] = ['billing', 'verification', 'gateway', 'auth', 'analytics', 'notification', 'campaign'];
const purchasesPerVictim = 200;
const inFlight = 16;
/** Lives are short here, so that deadlines pass within the test. */
const quick = {
  ACTIVATION_MS: '6000',
  PURCHASE_MS: '4000',
  PROVIDER_TIMEOUT_MS: '1000',
  RECONCILE_GRACE_MS: '1500',
  POLL_FIRST_MS: '500',
  POLL_MAX_MS: '1000',
  RETRY_MS: '200',
  RETRY_MAX_MS: '1000',
  GIVE_UP_MS: '5000',
  SCHEDULER_LEASE_MS: '3000',
};
const services = ['telegram', 'whatsapp', 'instagram', 'facebook'];

interface Purchase {
  readonly id: string;
  readonly price: string;
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const run = promisify(execFile);

describe(`kill -9 while purchases run (seed ${seed})`, () => {
  let platform: TestPlatform;
  let customer: Customer;
  const purchases = new Map<string, Purchase>();

  before(async () => {
    platform = await startTestPlatform({ env: { verification: quick } });
    await platform.simulator({
      handlerApi: {
        lifeMs: 6_000,
        codeDelayMinMs: 100,
        codeDelayMaxMs: 2_500,
        noCodeRatio: 0.25,
        duplicatePushRatio: 0.1,
        noPushRatio: 0.1,
        latencyMs: 5,
        latencyJitterMs: 20,
      },
    });
    customer = await newCustomer(platform.gatewayUrl, 'Chaos Ltd');
    await platform.grantCredit(customer.tenantId, '10000.00');
  });
  after(() => platform?.stop());

  /** As a careful client: the same key until there is an answer that is final. */
  const buy = async (key: string): Promise<void> => {
    const body = { service: services[Math.floor(random() * services.length)], country: 'ID', capability: 'sms' };
    const deadline = Date.now() + 30_000;
    for (;;) {
      try {
        const answer = await customer.api.post('/v2/verifications', body, { 'idempotency-key': key });
        if (answer.status === 201) {
          purchases.set(key, { id: answer.body.id, price: answer.body.price });
          return;
        }
        assert.ok(
          answer.status >= 500 || answer.status === 429 || answer.body.code === 'request.idempotency_in_progress',
          `unexpected answer: ${answer.status} ${JSON.stringify(answer.body)}`,
        );
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        // The connection was cut: the outcome is unknown, the same key finds out.
      }
      assert.ok(Date.now() < deadline, `${key} got no answer`);
      await sleep(100 + random() * 200);
    }
  };

  for (const victim of victims) {
    it(`${victim} dies`, { timeout: 120_000 }, async () => {
      let next = 0;
      const worker = async (): Promise<void> => {
        while (next < purchasesPerVictim) await buy(`${victim}-${next++}`);
      };
      const load = Promise.all(Array.from({ length: inFlight }, worker));
      const killAt = Math.floor(random() * purchasesPerVictim * 0.8);
      while (next < killAt) await sleep(5);
      await platform.kill(victim, 'SIGKILL');
      await sleep(random() * 1_000);
      await platform.restart(victim);
      await load;
    });
  }

  it('everything reaches a terminal state after its deadline', { timeout: 120_000 }, async () => {
    const unfinished = async (): Promise<number> => {
      const lists = await Promise.all(
        ['waiting', 'received'].map((status) => customer.api.get(`/v2/verifications?status=${status}&limit=100`)),
      );
      return lists.reduce((sum, list) => sum + expectStatus(list, 200).data.length, 0);
    };
    await until('terminal', unfinished, (count) => count === 0, 90_000);
    await until(
      'nothing held',
      async () => expectStatus(await customer.api.get('/v2/wallet'), 200),
      ({ held }) => held === '0.00',
      30_000,
    );
  });

  const pages = async (path: string): Promise<any[]> => {
    const rows: any[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: { data: any[]; nextCursor: string | null } = expectStatus(
        await customer.api.get(`${path}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`),
        200,
      );
      rows.push(...page.data);
      cursor = page.nextCursor;
    }
    return rows;
  };

  it('charged exactly when there is a code, and then once, the price', async () => {
    const verifications = await pages('/v2/verifications?limit=100');
    const charges = await pages('/v2/transactions?type=charge&limit=100');
    const byReference = Map.groupBy(charges, (charge) => charge.reference as string);
    const known = new Set(verifications.map(({ id }) => id));
    for (const { id } of purchases.values()) assert.ok(known.has(id), `${id} was answered but is not in the history`);
    assert.ok(verifications.length <= victims.length * purchasesPerVictim, 'no key made two verifications');
    let charged = 0;
    for (const { id, status, code, price } of verifications) {
      const own = byReference.get(id) ?? [];
      const expected = code === null ? 0 : 1;
      assert.equal(own.length, expected, `${id} is ${status} with${code === null ? 'out' : ''} a code and has ${own.length} charges`);
      if (own.length > 0) {
        charged += 1;
        assert.equal(own[0]?.amount, `-${price}`);
      }
    }
    assert.equal(charges.length, charged, 'no charge without a verification');
    assert.ok(charged > 0 && charged < verifications.length, 'both outcomes happened');
  });

  it('nothing was bought twice', async () => {
    const response = await fetch(`${platform.simulatorUrl}/control/activations`);
    const { data } = (await response.json()) as { data: { orderId: string | null }[] };
    const orders = data.map(({ orderId }) => orderId).filter((orderId) => orderId !== null);
    assert.equal(new Set(orders).size, orders.length);
  });

  it('the books balance', async () => {
    const { stdout } = await run(process.execPath, ['services/billing/verify.ts'], {
      env: { ...process.env, ...platform.environment('billing') },
    });
    process.stdout.write(stdout);
  });

  it('analytics has each event once, and its figures agree', async () => {
    const committed = await until(
      'analytics caught up',
      async () => ({ committed: await outboxIds(platform.databaseUrl), stored: await storedEventIds(platform.databaseUrl) }),
      ({ committed: ids, stored }) => ids.size === stored.length,
      30_000,
    );
    assert.equal(new Set(committed.stored).size, committed.stored.length, 'no event is stored twice');
    for (const id of committed.stored) assert.ok(committed.committed.has(id));
    const { stdout } = await run(process.execPath, ['services/analytics/verify.ts'], {
      env: { ...process.env, ...platform.environment('analytics') },
    });
    process.stdout.write(stdout);
  });
});
