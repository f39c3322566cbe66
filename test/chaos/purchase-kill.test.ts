/**
 * Kill -9 of verification and of billing at random points of a purchase, at least thirty times, with each step slowed down so that every
 * phase is met; and of an order of many numbers. What must hold afterwards: the caller's repetition has the first answer, nobody pays without
 * a code or twice, nothing is bought twice or by nobody, nothing is unsettled after its deadline, the books balance. Seed: CHAOS_SEED, printed.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { expectStatus, newCustomer, until, type Customer } from '../support/client.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';
import { askCarefully, buyCarefully, chaosSeed, type Purchase } from './buyer.ts';
import { booksBalance, chargedExactlyForCodes, everyPage, everythingEnds, nothingBoughtTwice, soldByMarket } from './laws.ts';

const { seed, random } = chaosSeed();
type Victim = 'verification' | 'billing';
/** Each dies at a moment of its own. */
const victims: readonly Victim[] = ['verification', 'billing'];
const rounds = 15;
const kills = rounds * victims.length;
const bulkRounds = 2;
const bulkCount = 12;
/** Purchases under way at each blow, begun one after the other. */
const beside = 3;
/** How long each of the four steps takes at least: the row, the hold, the provider, the outcome. */
const stepMs = 80;
/** Whatever waits for time waits shortly here. */
const quick = {
  ...{ PURCHASE_MS: '3000', PROVIDER_TIMEOUT_MS: '1000', RECONCILE_GRACE_MS: '1000', GIVE_UP_MS: '4000', SCHEDULER_LEASE_MS: '3000' },
  ...{ POLL_FIRST_MS: '500', POLL_MAX_MS: '1000', RETRY_MS: '200', RETRY_MAX_MS: '1000', FINISH_DELAY_MS: '200', BULK_LOOK_MS: '500' },
};
/** Longer than this test: as outside, a number outlives the recovery of its purchase. Those without a code are cancelled at the end. */
const lifeMs = 600_000;
/** From the last death to the end of every purchase: its time, its recovery, the provider's grace (8 s); and a busy machine. */
const deadlineMs = 60_000;

/** How far a purchase had come when somebody died. */
const phases = ['nothing written', 'row', 'held', 'bought', 'known'] as const;
type Phase = (typeof phases)[number];

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe(`kill -9 in the middle of a purchase (seed ${seed})`, () => {
  let platform: TestPlatform;
  let customer: Customer;
  let verification: pg.Pool;
  let billing: pg.Pool;
  /** So many purchases at once, from the first request to the last answer, slowed down. */
  let spanMs: number;
  const answers = new Map<string, Purchase>();
  const met = new Map<Phase, number>(phases.map((phase) => [phase, 0]));

  const connect = async (name: Victim): Promise<pg.Pool> => {
    const pool = new pg.Pool({ connectionString: platform.databaseUrl(name), max: 4 });
    await pool.query(`create function dawdle() returns trigger language plpgsql as $$
      begin perform pg_sleep(${stepMs / 1_000}); return new; end $$`);
    return pool;
  };
  const wanted = { service: 'telegram', country: 'ID' };
  const buy = async (key: string): Promise<void> => void answers.set(key, await buyCarefully(customer, key, wanted, random));

  before(async () => {
    platform = await startTestPlatform({
      only: ['simulator', 'auth', 'billing', 'verification', 'gateway'],
      env: { verification: quick },
    });
    await platform.simulator({
      handlerApi: { lifeMs, codeDelayMinMs: 100, codeDelayMaxMs: 2_500, noCodeRatio: 0.25, noPushRatio: 0.2, latencyMs: stepMs },
    });
    customer = await newCustomer(platform.gatewayUrl, 'Kill Ltd');
    await platform.grantCredit(customer.tenantId, '10000.00');
    [verification, billing] = await Promise.all([connect('verification'), connect('billing')]);
    await verification.query('create trigger dawdle_row before insert on verifications for each row execute function dawdle()');
    await verification.query(`create trigger dawdle_outcome before update of state on verifications for each row
      when (old.state = 'reserving' and new.state = 'waiting') execute function dawdle()`);
    await billing.query('create trigger dawdle_hold before insert on holds for each row execute function dawdle()');
    await buy('warm');
    const from = performance.now();
    await Promise.all(Array.from({ length: beside }, (_, index) => buy(`measured-${index}`)));
    spanMs = performance.now() - from;
  });
  after(async () => {
    await Promise.all([verification?.end(), billing?.end()]);
    await platform?.stop();
  });

  const phaseOf = async (key: string): Promise<Phase> => {
    const { rows } = await verification.query<{ id: string; state: string }>(
      'select id, state from verifications where idempotency_key = $1',
      [key],
    );
    const [row] = rows;
    if (row === undefined) return 'nothing written';
    if (row.state !== 'reserving' && row.state !== 'unknown') return 'known';
    const [held, sold] = await Promise.all([
      billing.query('select 1 from holds where reference = $1', [row.id]),
      soldByMarket(platform, 50),
    ]);
    if (sold.some(({ orderId }) => orderId === row.id)) return 'bought';
    return held.rows.length > 0 ? 'held' : 'row';
  };

  /** Both answer: what is killed next is alive. */
  const isWell = () =>
    until(
      'all well',
      async () =>
        (await Promise.all(['/v2/wallet', '/v2/verifications?limit=1'].map((path) => customer.api.get(path)))).map(({ status }) => status),
      (statuses) => statuses.every((status) => status === 200),
      60_000,
    );

  /**
   * Each victim dies at a moment of its own.
   * @param note what is there, as soon as one of them has died
   */
  const strike = async (moment: () => Promise<unknown>, note: () => Promise<void> = async () => {}): Promise<void> => {
    await Promise.all(
      victims.map(async (victim) => {
        await moment();
        const dead = platform.kill(victim, 'SIGKILL');
        await note();
        await dead;
      }),
    );
    await Promise.all(victims.map((victim) => platform.restart(victim)));
    await isWell();
  };

  /** Some time after the request; mostly some time after the first row, for processes that have just started take long to get there. */
  const momentOf = async (keys: readonly string[]): Promise<void> => {
    const giveUpAt = performance.now() + 3 * spanMs;
    const begun = async (): Promise<boolean> => (await Promise.all(keys.map(phaseOf))).some((phase) => phase !== 'nothing written');
    if (random() < 0.7) while (performance.now() < giveUpAt && !(await begun())) await sleep(5);
    await sleep(random() * spanMs);
  };

  it(`${kills} times: callers get one answer, whoever dies and whenever`, { timeout: 240_000 }, async () => {
    const asking: Promise<void>[] = [];
    for (let round = 0; round < rounds; round++) {
      const keys = Array.from({ length: beside }, (_, index) => `round-${round}-${index}`);
      for (const key of keys) asking.push(sleep((random() * spanMs) / 2).then(() => buy(key)));
      await strike(
        () => momentOf(keys),
        async () => {
          for (const phase of await Promise.all(keys.map(phaseOf))) met.set(phase, (met.get(phase) ?? 0) + 1);
        },
      );
    }
    await Promise.all(asking);
    process.stdout.write(
      `${kills} kills, ${beside} purchases take ${Math.round(spanMs)} ms; met: ${JSON.stringify(Object.fromEntries(met))}\n`,
    );
    assert.ok([...met.values()].filter((count) => count > 0).length >= 4, 'the kills fell into at least four phases');
    assert.equal(answers.size, (rounds + 1) * beside + 1);
  });

  it('an order of many numbers is bought once, whoever dies', { timeout: 120_000 }, async () => {
    const orders = new Map<string, string>();
    const body = { items: [{ ...wanted, count: bulkCount }] };
    const order = async (key: string): Promise<void> =>
      void orders.set(key, (await askCarefully(customer, '/v2/verifications/bulk', key, body, random)).id);
    for (let round = 0; round < bulkRounds; round++) {
      const asking = order(`bulk-${round}`);
      await strike(() => sleep(random() * 1_500));
      await asking;
    }
    const look = async (id: string) => expectStatus(await customer.api.get(`/v2/verifications/bulk/${id}?limit=100`), 200);
    for (const [key, id] of orders) {
      assert.equal((await askCarefully(customer, '/v2/verifications/bulk', key, body, random)).id, id, 'the same key, the same order');
      await until(
        `all of ${key} bought`,
        () => look(id),
        ({ progress, status }) => status === 'failed' || progress.pending === 0,
        deadlineMs,
      );
      const cancelled = await customer.api.post(`/v2/verifications/bulk/${id}/cancel`, {});
      assert.ok(cancelled.status === 202 || cancelled.status === 409, JSON.stringify(cancelled.body));
      const ended = await until(
        `the end of ${key}`,
        () => look(id),
        ({ status }) => status === 'completed' || status === 'failed',
        deadlineMs,
      );
      const numbers: any[] = ended.items.data.flatMap(({ verification: number }: any) => (number ? [number] : []));
      const coded = numbers.filter(({ code }) => code !== null);
      const { progress } = ended;
      assert.equal(progress.total, bulkCount);
      if (ended.status === 'completed')
        assert.equal(
          progress.completed + progress.expired + progress.cancelled + progress.failed + progress.received,
          bulkCount,
          JSON.stringify(progress),
        );
      assert.equal(Number(ended.charged).toFixed(2), coded.reduce((sum, { price }) => sum + Number(price), 0).toFixed(2));
    }
  });

  it('nothing is unsettled after its deadline', { timeout: 180_000 }, async () => {
    const undecided = async () =>
      (await verification.query(`select id, state from verifications where state in ('reserving', 'unknown')`)).rows;
    await until('all purchases decided', undecided, (rows) => rows.length === 0, deadlineMs);
    for (const { id } of await everyPage(customer, '/v2/verifications?status=waiting&limit=100')) {
      const { status, body } = await customer.api.post(`/v2/verifications/${id}/cancel`);
      assert.ok(status === 200 || body.code === 'verification.code_already_received', JSON.stringify(body));
    }
    await everythingEnds(customer, deadlineMs);
    const open = async (): Promise<object> => ({
      verifications: (
        await verification.query(`select id, state from verifications where state not in ('completed', 'cancelled', 'expired', 'failed')`)
      ).rows,
      batches: (await verification.query(`select id, state from batches where state not in ('completed', 'failed')`)).rows,
      holds: (await billing.query(`select id, reference from holds where state = 'held'`)).rows,
    });
    const nothing = { verifications: [], batches: [], holds: [] };
    await until('all settled', open, (found) => JSON.stringify(found) === JSON.stringify(nothing), 30_000);
  });

  it('the same key again has the first answer', async () => {
    for (const [key, first] of answers) {
      const again = await buyCarefully(customer, key, wanted, random);
      assert.deepEqual(again, first, key);
    }
  });

  it('charged exactly when there is a code, and then once, the price', () =>
    chargedExactlyForCodes(
      customer,
      [...answers.values()].map(({ id }) => id),
      answers.size + bulkRounds * bulkCount,
    ));

  it('nothing was bought twice, or by nobody; the provider keeps the price of codes that were delivered and of nothing else', async () => {
    await nothingBoughtTwice(platform);
    // A claim is first asked about half a minute after the end: not here.
    const claims = async () => {
      await verification.query(
        `update provider_settlements set due_at = now() where state = 'claimed' and due_at > now() + interval '1 second'`,
      );
      return (await verification.query<{ state: string }>('select state from provider_settlements')).rows.map(({ state }) => state);
    };
    const states = await until('claims', claims, (found) => !found.includes('claimed'), 30_000);
    assert.ok(!states.includes('lost'), 'no money was lost at the provider');
    const sold = await until(
      'the market at rest',
      () => soldByMarket(platform),
      (found) => found.every(({ live }) => !live),
      30_000,
    );
    const paid = sold.filter(({ state }) => state === 'finished').map(({ id }) => id);
    const { rows } = await verification.query<{ activation: string }>(
      `select activation_id as activation from verifications where state = 'completed'`,
    );
    assert.deepEqual(paid.toSorted(), rows.map(({ activation }) => activation).toSorted());
    assert.equal((await everyPage(customer, '/v2/transactions?type=charge&limit=100')).length, paid.length);
  });

  it('the books balance', () => booksBalance(platform));
});
