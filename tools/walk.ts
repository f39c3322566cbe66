/** The walk of `make demo`: the product as a customer takes it, every step checked. */
import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { restClient, until, type Json, type RestClient } from './rest.ts';
import { bold, dim, green, say } from './terminal.ts';

/** Where the platform and its simulated outside world are. */
export interface World {
  readonly gatewayUrl: string;
  readonly simulatorUrl: string;
}

const startedAt = performance.now();
const done = (text: string): void => say(`  ${green('✓')} ${text}`);
const chapter = (text: string): void => say(`\n${bold(text)} ${dim(`${((performance.now() - startedAt) / 1_000).toFixed(1)} s`)}`);

/** Decimal strings are compared as integers of a millionth: no float touches money, here neither. */
const micros = (amount: string): bigint => {
  const match = /^(-?)(\d+)(?:\.(\d{1,6}))?$/.exec(amount);
  assert.ok(match, `${amount} is not a decimal amount`);
  const value = BigInt(match[2] ?? '0') * 1_000_000n + BigInt((match[3] ?? '').padEnd(6, '0'));
  return match[1] === '-' ? -value : value;
};

const register = async ({ gatewayUrl }: World): Promise<RestClient> => {
  chapter('A customer registers');
  const visitor = restClient(gatewayUrl);
  const email = `customer-${randomBytes(5).toString('hex')}@example.com`;
  const password = randomBytes(15).toString('base64url');
  await visitor.post('/v2/auth/register', { email, password, organization: 'Analytical Engines' });
  done(`registered as ${email}`);
  const { status } = await visitor.send('POST', '/v2/auth/login', { body: { email, password: `${password}x` } });
  assert.equal(status, 401);
  done('a wrong password is refused');
  const { accessToken } = await visitor.post('/v2/auth/login', { email, password }, 200);
  done('logged in');
  const customer = visitor.withToken(accessToken);
  const wallet = await customer.get('/v2/wallet');
  assert.equal(micros(wallet.available), 0n);
  done(`the wallet is empty: ${wallet.available} ${wallet.currency}`);
  return customer;
};

const pay = async (customer: RestClient): Promise<void> => {
  chapter('Credit is bought');
  const payment = await customer.post('/v2/payments', { amount: '20.00', currency: 'USD', gateway: 'simulator' });
  assert.equal(payment.status, 'pending');
  done(`payment ${payment.id} waits at ${payment.checkoutUrl}`);
  const page = await fetch(payment.checkoutUrl, { signal: AbortSignal.timeout(10_000) });
  assert.equal(page.status, 200);
  const paid = await fetch(payment.checkoutUrl, {
    method: 'POST',
    body: new URLSearchParams({ outcome: 'success' }),
    redirect: 'manual',
    signal: AbortSignal.timeout(10_000),
  });
  assert.ok(paid.status < 400, `the checkout answered ${paid.status}`);
  done('paid on the hosted page');
  const settled = await until(
    'the payment settles',
    () => customer.get(`/v2/payments/${payment.id}`),
    ({ status }) => status !== 'pending',
  );
  assert.equal(settled.status, 'succeeded');
  const wallet = await until(
    'the credit arrives',
    () => customer.get('/v2/wallet'),
    ({ available }) => micros(available) > 0n,
  );
  assert.equal(micros(wallet.available), 20_000_000n);
  done(`the signed notification arrived: ${wallet.available} ${wallet.currency} available`);
};

const chargesFor = async (customer: RestClient, isOurs: (entry: Json) => boolean): Promise<Json[]> =>
  (await customer.get('/v2/transactions?type=charge&limit=100')).data.filter(isOurs);

const verify = async (customer: RestClient): Promise<void> => {
  chapter('A number is rented and receives a code');
  const found = await customer.get('/v2/services?search=telegram');
  const service = found.data.find((one: Json) => one.code === 'telegram') ?? found.data[0];
  assert.ok(service, 'the catalogue knows no Telegram');
  const countries = await customer.get('/v2/countries?limit=100');
  done(`${service.name} is offered from ${service.priceFrom} USD; ${countries.data.length} countries`);
  const prices = await customer.get(`/v2/services/${service.code}/prices`);
  const offer = prices.data.toSorted((a: Json, b: Json) => Number(micros(a.price) - micros(b.price)))[0];
  assert.ok(offer, `${service.code} has no price`);

  const before = await customer.get('/v2/wallet');
  const request = { service: service.code, country: offer.country, capability: 'sms', maxPrice: offer.price };
  const idempotencyKey = randomBytes(12).toString('hex');
  const rented = await customer.post('/v2/verifications', request, 201, { idempotencyKey });
  const again = await customer.post('/v2/verifications', request, 201, { idempotencyKey });
  assert.equal(again.id, rented.id);
  done(`rented ${rented.phoneNumber ?? 'a number'} in ${offer.country} for ${rented.price} USD (asked twice with one key: rented once)`);
  const during = await customer.get('/v2/wallet');
  assert.ok(micros(during.available) <= micros(before.available), 'renting gave credit');

  let latest: Json = rented;
  for await (const event of customer.events(`/v2/verifications/${rented.id}/events`, AbortSignal.timeout(90_000))) {
    latest = event;
    if (event.code !== null || !['waiting', 'received'].includes(event.status)) break;
  }
  assert.ok(latest.code, `no code came: status ${latest.status}, reason ${latest.reason}`);
  assert.match(latest.code, /^\d{4,8}$/);
  done(`the code came over the event stream: ${latest.code}`);

  const wallet = await until(
    'the price is charged',
    () => customer.get('/v2/wallet'),
    (now) => micros(now.balance) < micros(before.balance) && micros(now.held) === 0n,
  );
  assert.equal(micros(before.balance) - micros(wallet.balance), micros(rented.price));
  const charges = await chargesFor(customer, ({ amount }) => micros(amount) === -micros(rented.price));
  assert.equal(charges.length, 1, `charged ${charges.length} times`);
  done(`charged exactly once: ${charges[0].amount} USD, "${charges[0].description}"; balance ${wallet.balance}`);
};

/** A number in the range that Ofcom keeps for fiction: +44 7700 900000 to 900999. */
const fictionalNumbers = (count: number): readonly string[] => {
  const from = randomInt(0, 1_000 - count);
  return Array.from({ length: count }, (_, index) => `+447700900${String(from + index).padStart(3, '0')}`);
};

const campaign = async (customer: RestClient): Promise<readonly string[]> => {
  chapter('A campaign is sent');
  const phones = fictionalNumbers(5);
  const names = ['Ada', 'Grace', 'Edsger', 'Barbara', 'Alan'];
  for (const [index, phone] of phones.entries()) await customer.post('/v2/contacts', { phone, firstName: names[index] });
  done(`${phones.length} contacts`);
  const body = 'Hello {{ firstName | default: "there" }}, doors open at nine. Reply STOP to opt out.';
  const draft = await customer.post('/v2/campaigns', { name: 'Opening day', body, audience: { all: true } });
  assert.equal(draft.status, 'draft');
  done('drafted with a Liquid body');
  const launched = await customer.post(`/v2/campaigns/${draft.id}/launch`, undefined, 202);
  done(`launched; held for it: ${launched.estimatedCost} USD`);
  const sent = await until(
    'the receipts come back',
    () => customer.get(`/v2/campaigns/${draft.id}`),
    ({ counts }) => counts.delivered + counts.failed >= phones.length,
    90_000,
  );
  const { counts } = sent;
  assert.deepEqual([counts.planned, counts.submitted, counts.delivered + counts.failed], [phones.length, phones.length, phones.length]);
  assert.ok(counts.delivered > 0, 'nothing was delivered');
  done(`the carrier's receipts are back: ${counts.delivered} delivered, ${counts.failed} failed`);
  const finished = await until(
    'the campaign completes',
    () => customer.get(`/v2/campaigns/${draft.id}`),
    ({ status }) => status === 'completed',
    60_000,
  );
  const wallet = await until(
    'what is left of the hold comes back',
    () => customer.get('/v2/wallet'),
    ({ held }) => micros(held) === 0n,
    60_000,
  );
  done(`completed; charged ${finished.charged} USD, balance ${wallet.balance}, nothing held`);
  return phones;
};

/** Who messages reach the handset as: what the carrier saw as their sender. */
const optOut = async (customer: RestClient, { simulatorUrl }: World, phones: readonly string[]): Promise<void> => {
  chapter('A recipient writes STOP');
  const [phone = ''] = phones;
  const submissions = await restClient(simulatorUrl).get('/control/submissions');
  const submission = (submissions.data ?? submissions).find((one: Json) => JSON.stringify(one).includes(phone.slice(1)));
  assert.ok(submission, `the carrier saw no message to ${phone}`);
  const sender = submission.from ?? submission.sender ?? submission.sourceAddr;
  await fetch(new URL('/control/inbound', simulatorUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ from: phone, to: sender, text: 'Stop' }),
    signal: AbortSignal.timeout(10_000),
  }).then((response) => assert.ok(response.ok, `the simulator answered ${response.status}`));
  const contacts = await until(
    'the opt-out takes effect',
    () => customer.get('/v2/contacts?limit=100'),
    ({ data }) => data.some((one: Json) => one.phone === phone && one.doNotContact),
  );
  assert.equal(contacts.data.filter((one: Json) => one.doNotContact).length, 1);
  done(`${phone} is on the do-not-contact list`);
  const second = await customer.post('/v2/campaigns', { name: 'Second day', body: 'We open again.', audience: { all: true } });
  await customer.post(`/v2/campaigns/${second.id}/launch`, undefined, 202);
  // Completed means given to the carrier; receipts may still be on their way.
  const { counts } = await until(
    'the second campaign is delivered',
    () => customer.get(`/v2/campaigns/${second.id}`),
    ({ status, counts: now }) => status === 'completed' && now.delivered + now.failed >= phones.length - 1,
    90_000,
  );
  assert.deepEqual([counts.planned, counts.delivered + counts.failed, counts.suppressed], [phones.length, phones.length - 1, 1]);
  done(`the next campaign leaves it out: ${counts.delivered} delivered, ${counts.suppressed} suppressed`);
};

const analytics = async (customer: RestClient): Promise<void> => {
  chapter('The figures');
  const day = 24 * 3_600_000;
  const path = `/v2/analytics/summary?from=${new Date(Date.now() - day).toISOString()}&to=${new Date(Date.now() + day).toISOString()}`;
  const summary = await until(
    'analytics catches up',
    () => customer.get(path),
    ({ verifications, messages }) => verifications.received + verifications.completed > 0 && messages.delivered > 0,
  );
  done(`verifications: ${JSON.stringify(summary.verifications)}`);
  done(`messages: ${JSON.stringify(summary.messages)}`);
  done(`spent ${JSON.stringify(summary.spend)}, topped up ${JSON.stringify(summary.toppedUp)}`);
};

/** One customer, from registration to the figures. Throws at the first thing that is not as promised. */
export const walk = async (world: World): Promise<void> => {
  const customer = await register(world);
  await pay(customer);
  await verify(customer);
  const phones = await campaign(customer);
  await optOut(customer, world, phones);
  await analytics(customer);
};
