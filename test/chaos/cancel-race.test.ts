/**
 * The customer cancels while the code arrives, 200 times through the whole platform. Each time exactly one of the two
 * wins: cancelled, no code shown, nothing charged; or the code is there, charged once, and the cancellation was refused.
 */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { expectStatus, newCustomer, until, type Customer } from '../support/client.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

const races = 200;
const atOnce = 10;
/** So many victories of the code in a row say that the machine is too busy for the cancellation to have a chance. */
const oneSided = 15;
const maxSpanMs = 4_000;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

let platform: TestPlatform;
let customer: Customer;
/** Within it the code comes and the customer cancels, both at random. */
let spanMs = 120;
const raceWithin = (ms: number): Promise<void> => {
  spanMs = ms;
  return platform.simulator({ handlerApi: { codeDelayMinMs: 5, codeDelayMaxMs: ms } });
};
before(async () => {
  platform = await startTestPlatform();
  await raceWithin(spanMs);
  await platform.simulator({
    handlerApi: { latencyMs: 2, latencyJitterMs: 20, duplicatePushRatio: 0.2, noPushRatio: 0.1 },
  });
  customer = await newCustomer(platform.gatewayUrl, 'Race Ltd');
  await platform.grantCredit(customer.tenantId, '1000.00');
});
after(() => platform?.stop());

it('exactly one of cancellation and code wins', { timeout: 120_000 }, async () => {
  const won = { code: 0, cancel: 0 };
  let inARow = 0;
  const ended: { id: string; price: string; code: boolean }[] = [];
  const race = async (index: number): Promise<void> => {
    const rented = expectStatus(await customer.api.post('/v2/verifications', { service: 'telegram', country: 'ID' }), 201);
    await sleep(((index * 37) % 130) * (spanMs / 120));
    const cancelled = await customer.api.post(`/v2/verifications/${rented.id}/cancel`);
    const last = await until(
      'an end',
      async () => expectStatus(await customer.api.get(`/v2/verifications/${rented.id}`), 200),
      ({ status }) => status === 'cancelled' || status === 'completed',
      30_000,
    );
    if (last.status === 'completed') {
      assert.notEqual(last.code, null);
      assert.deepEqual([cancelled.status, cancelled.body.code], [409, 'verification.code_already_received']);
    } else {
      assert.deepEqual([last.code, last.messages], [null, []]);
      assert.ok(cancelled.status === 200, `cancelled, but the answer was ${cancelled.status}`);
    }
    won[last.status === 'completed' ? 'code' : 'cancel'] += 1;
    inARow = last.status === 'completed' ? inARow + 1 : 0;
    if (inARow >= oneSided && spanMs < maxSpanMs) {
      inARow = 0;
      await raceWithin(spanMs * 2);
    }
    ended.push({ id: rented.id, price: rented.price, code: last.status === 'completed' });
  };
  let next = 0;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < races) await race(next++);
    }),
  );
  process.stdout.write(`code won ${won.code} times, cancellation ${won.cancel} times\n`);
  assert.equal(won.code + won.cancel, races);
  assert.ok(won.code > 0 && won.cancel > 0, 'the race was a race');

  await until(
    'nothing held',
    async () => expectStatus(await customer.api.get('/v2/wallet'), 200),
    ({ held }) => held === '0.00',
  );
  const charges: { reference: string; amount: string }[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const list: { data: typeof charges; nextCursor: string | null } = expectStatus(
      await customer.api.get(`/v2/transactions?type=charge&limit=100${cursor && `&cursor=${cursor}`}`),
      200,
    );
    charges.push(...list.data);
    cursor = list.nextCursor;
  }
  for (const { id, price, code } of ended) {
    assert.deepEqual(
      charges.filter(({ reference }) => reference === id).map(({ amount }) => amount),
      code ? [`-${price}`] : [],
      id,
    );
  }
  assert.equal(charges.length, won.code);
});
