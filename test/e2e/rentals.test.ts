/**
 * A rented number through the whole platform: its price, its messages by list, stream and webhook, a longer time, and an end before its time
 * with the right money back. What happens at the end of its time needs another clock: services/verification/app/rental.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { parseDecimal } from '#platform/money/index.ts';
import { openSse, type Seen, type StreamClient } from '../../services/gateway/testing/stream-client.ts';
import { type Receiver, startReceiver, verified } from '../../services/notification/testing/webhooks/receiver.ts';
import { booksBalance, queryAll } from '../chaos/laws.ts';
import { type Answer, type Customer, expectStatus, newCustomer, pay, until } from '../support/client.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

const telegram = { service: 'telegram', country: 'ID' };
const dayMs = 86_400_000;
/** 80.00 were paid, the plan costs 49.00. */
const paidIn = '31.00';
/** Of the list 2.24 and 6.16, less the fifth that the plan takes off, to the cent. */
const prices = { day: '1.79', week: '4.93' };

/** A time of the API as files for spreadsheets have it: with its offset. */
const inFile = (time: string): string => time.replace('Z', '+00:00');
const micros = (amount: string): bigint => parseDecimal(amount) ?? assert.fail(`no amount: ${amount}`);

describe('rentals', () => {
  let platform: TestPlatform;
  let customer: Customer;
  let receiver: Receiver;
  let stream: StreamClient;
  let secret: string;
  let rental: any;
  before(async () => {
    [platform, receiver] = await Promise.all([startTestPlatform({ env: { verification: { POLL_FIRST_MS: '200' } } }), startReceiver()]);
    customer = await newCustomer(platform.gatewayUrl, 'Rentals');
    await pay(customer.api, '80.00');
    expectStatus(await customer.api.post('/v2/subscription', { plan: 'pro', interval: 'month' }), 200);
    const hook = await until(
      'an endpoint of the new plan',
      () => customer.api.post('/v2/webhooks', { url: receiver.url('/hook'), eventTypes: ['rental.*'] }),
      ({ status }) => status !== 409,
    );
    secret = expectStatus(hook, 201).secret;
    await until('prices of the new plan', offers, ([{ price }]) => price === '0.56');
    stream = await openSse(`${platform.gatewayUrl}/v2/stream?types=rental.*`, { authorization: `Bearer ${customer.tokens.accessToken}` });
    await until(
      'the stream is open',
      async () => stream.seen.length,
      (count) => count > 0,
    );
  });
  after(async () => {
    stream?.close();
    await receiver?.close();
    await platform?.stop();
  });

  const offers = async (): Promise<any[]> =>
    expectStatus(await customer.api.get('/v2/rentals/offers?service=telegram&country=ID'), 200).data;
  const rent = (body: object = {}, key: string = newId()): Promise<Answer> =>
    customer.api.post('/v2/rentals', { ...telegram, duration: '1d', ...body }, { 'idempotency-key': key });
  const look = async (id: string = rental.id) => expectStatus(await customer.api.get(`/v2/rentals/${id}`), 200);
  const listed = async (query = ''): Promise<string[]> =>
    expectStatus(await customer.api.get(`/v2/rentals${query}`), 200).data.map(({ id }: { id: string }) => id);
  const messages = async (): Promise<any[]> => expectStatus(await customer.api.get(`/v2/rentals/${rental.id}/messages`), 200).data;
  const wallet = async () => expectStatus(await customer.api.get('/v2/wallet'), 200);
  /** Charges and refunds follow the answer; what is available shows the hold at once. */
  const walletBecomes = async (balance: string): Promise<void> => {
    const seen = await until(`a wallet of ${balance}`, wallet, (now) => now.held === '0.00' && now.balance === balance);
    assert.equal(seen.available, balance);
  };
  const moved = async (type: string): Promise<string[]> =>
    expectStatus(await customer.api.get(`/v2/transactions?product=rental&type=${type}&limit=100`), 200).data.map(
      ({ amount }: { amount: string }) => amount,
    );
  /** Everything that was booked for one rental. */
  const booked = async (reference: string): Promise<readonly (readonly [string, string])[]> =>
    expectStatus(await customer.api.get(`/v2/transactions?reference=${reference}&limit=100`), 200).data.map(
      ({ type, amount, ...entry }: { type: string; amount: string; reference: string; product: string }) => {
        assert.deepEqual([entry.reference, entry.product], [reference, 'rental']);
        return [type, amount] as const;
      },
    );
  const hooks = (type: string, id: string): any[] =>
    receiver
      .at('/hook')
      .map((received) => verified(received, secret))
      .filter((body) => body.type === type && body.data.rentalId === id);
  const streamed = (name: string, id: string): readonly Seen[] =>
    stream.events().filter((event) => event.name === name && event.data.data.id === id);
  /** What both ways tell of one rental: bodies of the webhook, data of the stream. */
  const told = async (type: string, id: string, count = 1): Promise<readonly [any[], any[]]> =>
    until(
      `${count} ${type}`,
      async () => [hooks(type, id), streamed(type, id).map(({ data }) => data.data)] as const,
      ([byHook, byStream]) => byHook.length >= count && byStream.length >= count,
      30_000,
    );
  const atProvider = async (): Promise<any[]> => {
    const response = await fetch(`${platform.simulatorUrl}/control/rentals`);
    return ((await response.json()) as { data: any[] }).data;
  };
  const send = async (phoneNumber: string, from: string, text: string): Promise<void> => {
    const response = await fetch(`${platform.simulatorUrl}/control/rentals/${phoneNumber.slice(1)}/message`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ from, text }),
    });
    assert.equal(response.status, 204, await response.text());
  };

  it('cost what is offered: held at once, charged once, however often it is asked with the key', async () => {
    const offered = await offers();
    assert.deepEqual(
      offered.map(({ duration }) => duration),
      ['1h', '4h', '12h', '1d', '3d', '7d', '14d', '30d', '90d', '180d', '365d'],
    );
    const priceOf = (duration: string) => offered.find((offer) => offer.duration === duration).price;
    assert.deepEqual({ day: priceOf('1d'), week: priceOf('7d') }, prices);
    const key = newId();
    const answer = await rent({}, key);
    rental = expectStatus(answer, 201);
    assert.equal((await wallet()).available, '29.21', 'in the moment of the answer');
    assert.equal(answer.headers.get('location'), `/v2/rentals/${rental.id}`);
    assert.match(rental.phoneNumber, /^\+62\d{6,12}$/);
    assert.deepEqual(
      [rental.status, rental.duration, rental.autoRenew, rental.charged, rental.refunded],
      ['active', '1d', false, prices.day, '0.00'],
    );
    assert.ok(Math.abs(Date.parse(rental.endsAt) - Date.parse(rental.startedAt) - dayMs) < 5_000, rental.endsAt);
    assert.deepEqual(expectStatus(await rent({}, key), 201), rental);
    assert.equal(expectStatus(await rent({ duration: '1h' }, key), 409).code, 'request.idempotency_conflict');
    assert.equal(expectStatus(await rent({ maxPrice: '1.78' }), 409).code, 'verification.price_exceeded');
    await walletBecomes('29.21');
    assert.deepEqual(await moved('charge'), ['-1.79']);
    assert.deepEqual(
      (await atProvider()).map(({ phone, hours }) => [`+${phone}`, hours]),
      [[rental.phoneNumber, 24]],
    );
    const [[hook], [live]] = await told('rental.started', rental.id);
    assert.deepEqual([hook.data.phoneNumber, hook.data.price, hook.data.duration], [rental.phoneNumber, prices.day, '1d']);
    assert.deepEqual([live.phoneNumber, live.price, live.status], [rental.phoneNumber, prices.day, 'active']);
  });

  it('receive messages, which the list, the stream and the webhook tell alike, and no stranger sees', async () => {
    const texts = ['Telegram code: 48151', 'Telegram code: 62342, "again"'];
    for (const [index, text] of texts.entries()) {
      await send(rental.phoneNumber, 'Telegram', text);
      await told('rental.message_received', rental.id, index + 1);
    }
    const [byHook, byStream] = await told('rental.message_received', rental.id, 2);
    assert.deepEqual([byHook.length, byStream.length], [2, 2]);
    const received = await messages();
    assert.deepEqual(
      received.map(({ text, sender }) => [text, sender]),
      texts.toReversed().map((text) => [text, 'Telegram']),
      'newest first',
    );
    const byId = (rows: any[]) => rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    assert.deepEqual(byId(byStream.map(({ message }) => message)), byId(received));
    assert.deepEqual(
      byId(byHook.map(({ data }) => ({ id: data.messageId, sender: data.sender, text: data.text, receivedAt: data.receivedAt }))),
      byId(received),
    );
    assert.equal(new Set(byHook.map(({ sequence }) => sequence)).size, 2);
    const page = expectStatus(await customer.api.get(`/v2/rentals/${rental.id}/messages?limit=1`), 200);
    const rest = expectStatus(await customer.api.get(`/v2/rentals/${rental.id}/messages?limit=1&cursor=${page.nextCursor}`), 200);
    assert.deepEqual([...page.data, ...rest.data], received);
    const file = await customer.api.get(`/v2/rentals/${rental.id}/messages/export.csv`);
    assert.match(file.headers.get('content-type') ?? '', /^text\/csv/);
    const [older, newer] = received.toReversed();
    assert.equal(
      file.body,
      [
        'id,received,sender,text',
        `${older.id},${inFile(older.receivedAt)},Telegram,Telegram code: 48151`,
        `${newer.id},${inFile(newer.receivedAt)},Telegram,"Telegram code: 62342, ""again"""`,
        '',
      ].join('\r\n'),
    );
    const stranger = await newCustomer(platform.gatewayUrl, 'Stranger');
    for (const path of ['', '/messages', '/messages/export.csv'])
      assert.equal(expectStatus(await stranger.api.get(`/v2/rentals/${rental.id}${path}`), 404).code, 'request.not_found');
    for (const path of ['/extend', '/release'])
      expectStatus(await stranger.api.post(`/v2/rentals/${rental.id}${path}`, path === '/extend' ? { duration: '1h' } : {}), 404);
    assert.deepEqual(expectStatus(await stranger.api.get('/v2/rentals'), 200).data, []);
  });

  it('are renewed or not, as the customer says', async () => {
    const patch = (body: unknown, id: string = rental.id) => customer.api.call('PATCH', `/v2/rentals/${id}`, body);
    for (const autoRenew of [true, true, false]) {
      assert.equal(expectStatus(await patch({ autoRenew }), 200).autoRenew, autoRenew);
      assert.equal((await look()).autoRenew, autoRenew);
    }
    for (const body of [{}, { autoRenew: 'yes' }, { autoRenew: true, duration: '1d' }]) expectStatus(await patch(body), 422);
    expectStatus(await patch({ autoRenew: true }, 'rnt_nonsense'), 404);
    await walletBecomes('29.21');
  });

  it('are kept for longer, once for each key', async () => {
    const extend = (body: unknown, key: string = newId()) =>
      customer.api.post(`/v2/rentals/${rental.id}/extend`, body, { 'idempotency-key': key });
    const key = newId();
    const longer = expectStatus(await extend({ duration: '7d' }, key), 200);
    assert.equal(Date.parse(longer.endsAt) - Date.parse(rental.endsAt), 7 * dayMs);
    assert.deepEqual([longer.charged, longer.duration, longer.phoneNumber], ['6.72', '7d', rental.phoneNumber]);
    assert.deepEqual(expectStatus(await extend({ duration: '7d' }, key), 200), longer);
    assert.equal(expectStatus(await extend({ duration: '1h' }, key), 409).code, 'request.idempotency_conflict');
    assert.equal(expectStatus(await extend({ duration: '7d', maxPrice: '4.92' }), 409).code, 'verification.price_exceeded');
    for (const [body, field] of [
      [{ duration: '2d' }, 'duration'],
      [{ duration: '365d' }, 'duration'],
      [{ duration: '1d', maxPrice: 'much' }, 'maxPrice'],
    ] as const)
      assert.deepEqual(
        expectStatus(await extend(body), 422).errors.map((error: { field: string }) => error.field),
        [field],
      );
    await walletBecomes('24.28');
    assert.deepEqual(await moved('charge'), ['-4.93', '-1.79']);
    const [[hook, ...moreHooks], [live, ...moreLive]] = await told('rental.extended', rental.id);
    assert.deepEqual([moreHooks, moreLive], [[], []]);
    assert.deepEqual(
      [hook.data.price, hook.data.endsAt, live.price, live.endsAt],
      [prices.week, longer.endsAt, prices.week, longer.endsAt],
    );
    rental = longer;
  });

  it('come to an end when they are released, and half of the unused hours comes back, once', async () => {
    const release = () => customer.api.post(`/v2/rentals/${rental.id}/release`, {});
    const released = expectStatus(await release(), 200);
    // 23 whole hours of 24 after the first, 168 of 168: 23/48 of 1.79 and half of 4.93, each down to the cent.
    assert.deepEqual(
      [released.status, released.charged, released.refunded, released.reason],
      ['released', '6.72', '3.31', 'released_by_customer'],
    );
    assert.deepEqual(expectStatus(await release(), 200), released);
    await walletBecomes('27.59');
    assert.deepEqual((await moved('refund')).toSorted(), ['0.85', '2.46']);
    assert.deepEqual(
      (await booked(rental.id)).toSorted(([, one], [, other]) => Number(one) - Number(other)),
      [
        ['charge', '-4.93'],
        ['charge', '-1.79'],
        ['refund', '0.85'],
        ['refund', '2.46'],
      ],
      'the purchase, the extension and what came back of both',
    );
    const [[hook], [live]] = await told('rental.released', rental.id);
    assert.deepEqual([hook.data.refunded, live.refunded, live.status], ['3.31', '3.31', 'released']);
    for (const answer of [
      await customer.api.post(`/v2/rentals/${rental.id}/extend`, { duration: '1d' }),
      await customer.api.call('PATCH', `/v2/rentals/${rental.id}`, { autoRenew: true }),
    ])
      assert.equal(expectStatus(answer, 409).code, 'verification.not_cancellable');
    assert.deepEqual(
      (await atProvider()).map(({ state }) => state),
      ['finished'],
    );
    assert.equal((await messages()).length, 2, 'what was received can still be read');
    rental = released;
  });

  it('cost nothing when the provider gives its own money back', async () => {
    const unused = expectStatus(await rent({ autoRenew: true }), 201);
    await walletBecomes('25.80');
    const released = expectStatus(await customer.api.post(`/v2/rentals/${unused.id}/release`, {}), 200);
    assert.deepEqual([released.status, released.charged, released.refunded], ['released', prices.day, prices.day]);
    await walletBecomes('27.59');
    assert.deepEqual(
      (await booked(unused.id)).map(([, amount]) => amount),
      ['1.79', '-1.79'],
    );
    assert.equal((await booked(rental.id)).length, 4, 'nothing of another rental');
    assert.equal((await atProvider())[0].state, 'cancelled');
  });

  it('leave the wallet as it was when the purchase is refused, by the provider or for want of credit', async () => {
    await platform.simulator({ handlerApi: { nextFaultsOf: { getRentNumber: ['no_numbers'] } } });
    const key = newId();
    const bought = (await atProvider()).length;
    for (const answer of [await rent({}, key), await rent({}, key)])
      assert.equal(expectStatus(answer, 409).code, 'verification.no_numbers', 'the same key, the same answer');
    await walletBecomes('27.59');
    assert.equal(expectStatus(await rent({ duration: '365d' }), 402).code, 'billing.insufficient_credit');
    await walletBecomes('27.59');
    for (const [body, field] of [
      [{ duration: '2d' }, 'duration'],
      [{ country: 'Indonesia' }, 'country'],
      [{ service: 'no-such-thing' }, 'service'],
      [{ maxPrice: '-1' }, 'maxPrice'],
    ] as const)
      assert.equal(expectStatus(await rent(body), 422).errors[0].field, field);
    assert.equal((await atProvider()).length, bought);
    const failed = expectStatus(await customer.api.get('/v2/rentals?status=failed'), 200).data;
    assert.deepEqual(
      failed.map(({ reason, phoneNumber, charged, endsAt }: any) => [reason, phoneNumber, charged, endsAt]),
      [
        ['insufficient_credit', null, '0.00', null],
        ['no_numbers', null, '0.00', null],
      ],
    );
    const [[hook], [live]] = await told('rental.failed', failed[1].id);
    assert.deepEqual([hook.data.reason, live.reason], ['no_numbers', 'no_numbers']);
    assert.deepEqual([(await moved('charge')).length, (await moved('refund')).length], [3, 3]);
  });

  it('are listed by status, service, country and time, page by page and as a file', async () => {
    const all = await listed();
    assert.equal(all.length, 4);
    assert.equal(all.at(-1), rental.id, 'newest first');
    assert.deepEqual(await listed('?status=released'), all.slice(2));
    assert.deepEqual(await listed('?status=released,failed'), all);
    assert.deepEqual(await listed('?status=active,ordering'), []);
    assert.deepEqual(await listed('?service=telegram&country=id'), all);
    assert.deepEqual(await listed('?country=GB'), []);
    assert.deepEqual(await listed(`?createdTo=${rental.createdAt}`), []);
    assert.deepEqual(await listed(`?createdFrom=${rental.createdAt}`), all);
    const pages: string[] = [];
    let cursor = '';
    do {
      const page = expectStatus(await customer.api.get(`/v2/rentals?limit=3${cursor && `&cursor=${cursor}`}`), 200);
      pages.push(...page.data.map(({ id }: { id: string }) => id));
      cursor = page.nextCursor ?? '';
    } while (cursor !== '' && pages.length < 10);
    assert.deepEqual(pages, all);
    for (const query of ['?status=gone', '?country=IDN', '?createdFrom=yesterday', '?limit=0', '?unknown=1'])
      expectStatus(await customer.api.get(`/v2/rentals${query}`), 422);
    const file = await customer.api.get('/v2/rentals/export.csv?status=released');
    assert.match(file.headers.get('content-disposition') ?? '', /^attachment; filename="rentals-\d{4}-\d\d-\d\d\.csv"$/);
    const [head, first, second, end, ...others] = (file.body as string).split('\r\n');
    assert.equal(
      head,
      'id,created,status,service,country,phone_number,duration,auto_renew,started,ends,ended,charged,refunded,currency,reason',
    );
    assert.equal(
      first,
      [
        ...[
          rental.id,
          inFile(rental.createdAt),
          'released',
          'telegram',
          'ID',
          rental.phoneNumber.slice(1),
          '7d',
          'false',
          inFile(rental.startedAt),
        ],
        ...[inFile(rental.endsAt), inFile(rental.endedAt), '6.72', '3.31', 'USD', 'released_by_customer'],
      ].join(','),
    );
    assert.ok(second?.startsWith(`${all[2]},`), 'oldest first');
    assert.deepEqual([end, others], ['', []]);
  });

  it('leave books that agree', async () => {
    // Money follows the answer: a hold that goes back is worked off by the scheduler.
    const orders = await until(
      'money of every order settled',
      () =>
        queryAll<{ state: string; count: number }>(
          platform.databaseUrl('verification'),
          'select state, count(*)::int as count from rental_orders group by state order by state',
        ),
      (rows) => rows.every(({ state }) => ['charged', 'refunded', 'failed'].includes(state)),
    );
    assert.deepEqual(orders, [
      { state: 'failed', count: 2 },
      { state: 'refunded', count: 3 },
    ]);
    const billing = platform.databaseUrl('billing');
    const sums = await queryAll<{ currency: string; sum: string }>(
      billing,
      'select currency, sum(amount_micros)::text as sum from entries group by currency',
    );
    assert.deepEqual(sums, [{ currency: 'USD', sum: '0' }], 'debits are credits');
    const held = await queryAll<{ wallets: string; holds: string }>(
      billing,
      `select (select coalesce(sum(held_micros), 0) from accounts)::text as wallets,
              (select coalesce(sum(amount_micros - captured_micros), 0) from holds where state = 'held')::text as holds`,
    );
    assert.deepEqual(held, [{ wallets: '0', holds: '0' }]);
    const [charged, refunded] = [await moved('charge'), await moved('refund')].map((amounts) =>
      amounts.reduce((total, amount) => total + micros(amount), 0n),
    );
    assert.equal(micros((await wallet()).balance), micros(paidIn) + (charged ?? 0n) + (refunded ?? 0n));
    await booksBalance(platform);
  });
});
