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
import { newCustomer, until, type Customer } from '../support/client.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';
import { buyCarefully, chaosSeed, type Purchase } from './buyer.ts';
import { booksBalance, chargedExactlyForCodes, everythingEnds, nothingBoughtTwice, outboxIds, storedEventIds } from './laws.ts';

const { seed, random } = chaosSeed();

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

  const buy = async (key: string): Promise<void> => {
    const service = services[Math.floor(random() * services.length)] ?? '';
    purchases.set(key, await buyCarefully(customer, key, { service, country: 'ID' }, random));
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

  it('everything reaches a terminal state after its deadline', { timeout: 120_000 }, () => everythingEnds(customer, 90_000));

  it('charged exactly when there is a code, and then once, the price', () =>
    chargedExactlyForCodes(
      customer,
      [...purchases.values()].map(({ id }) => id),
      victims.length * purchasesPerVictim,
    ));

  it('nothing was bought twice', () => nothingBoughtTwice(platform));

  it('the books balance', () => booksBalance(platform));

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
