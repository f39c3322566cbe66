import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { bodyOf, eventually, startTestReceiver, startTestServer, type TestReceiver, type TestServer } from '#platform/testing/index.ts';
import { systemClock } from '#platform/time/index.ts';
import { testCatalogue as catalogue } from '../../testing/harness.ts';
import {
  hastyMs,
  patientMs,
  rentalOrder,
  simulatedRentalContract,
  type SimulatedFamily,
  type SimulatedRentals,
  spoilNext,
} from '../../testing/rental/simulated-rentals.contract.ts';
import { type RunningSimulator, startSimulator } from '../../testing/simulator.ts';
import { createTextVerifiedPush } from './push.ts';
import { createTextVerifiedRentals } from './rentals.ts';

const family: SimulatedFamily = {
  ...{ name: 'textverified', countryCode: 'US' },
  actionOf: {
    price: 'textVerifiedRentalPrice',
    rent: 'textVerifiedRentalCreate',
    extend: 'textVerifiedRentalExtend',
    messages: 'textVerifiedSms',
    release: 'textVerifiedRentalRefund',
    find: 'textVerifiedReservation',
    list: 'textVerifiedRentalList',
  },
  refusals: ['wrong_max_price'],
};
const order = (hours?: number) => rentalOrder(family.countryCode, hours);
const webhookSecret = 'webhook-secret-of-textverified';

describe('rentals of TextVerified against the simulator', () => {
  let simulator: RunningSimulator;
  let provider: ReturnType<typeof createTextVerifiedRentals>;
  let hasty: ReturnType<typeof createTextVerifiedRentals>;
  let world: SimulatedRentals;
  let receiver: TestReceiver;
  const bought = async () => (await simulator.rentals()).length;
  before(async () => {
    receiver = await startTestReceiver();
    simulator = await startSimulator({ textVerifiedWebhook: { url: `${receiver.url}/hook`, secret: webhookSecret } });
    const { textVerifiedUrl: url, textVerifiedKey: apiKey, textVerifiedUsername: username } = simulator;
    provider = createTextVerifiedRentals({ url, apiKey, username, timeoutMs: patientMs, clock: systemClock, catalogue });
    hasty = createTextVerifiedRentals({ url, apiKey, username, timeoutMs: hastyMs, clock: systemClock, catalogue });
    world = { simulator, provider, hasty };
  });
  after(async () => {
    await provider?.close();
    await hasty?.close();
    await simulator?.close();
    await receiver?.close();
  });
  beforeEach(() => simulator.reset());

  simulatedRentalContract(family, () => world);

  for (const step of ['textVerifiedSale', 'textVerifiedRentalRead'])
    it(`bought, but ${step} cannot be read: unknown, and found by the list`, async () => {
      await spoilNext(simulator, step, 'http_503');
      assert.equal((await provider.rent(order())).kind, 'unknown');
      const listing = await provider.list();
      assert.deepEqual([await bought(), listing.kind === 'listed' && listing.rentals.length], [1, 1]);
    });

  it('one key is one purchase at the provider, too', async () => {
    const wanted = order();
    const [one, two] = [await provider.rent(wanted), await provider.rent(wanted)];
    assert.ok(one.kind === 'granted' && two.kind === 'granted');
    assert.equal(one.providerRentalId, two.providerRentalId);
    assert.equal(await bought(), 1);
  });

  it('an extension behind a page, a refund behind a page: unknown whether or not they happened', async () => {
    const grant = await provider.rent(order());
    assert.ok(grant.kind === 'granted');
    const { providerRentalId } = grant;
    for (const [how, hours] of [
      ['http_429', 0],
      ['http_429_after_buy', 24],
      ['empty', 24],
      ['garbled_after_buy', 48],
    ] as const) {
      await spoilNext(simulator, family.actionOf.extend, how);
      const answer = await provider.extend({ providerRentalId, hours: 24 });
      // Looked up afterwards, a page with 200 is found out either way.
      assert.equal(answer.kind, how === 'garbled_after_buy' ? 'granted' : 'unknown', how);
      const found = await provider.find(providerRentalId);
      assert.equal(found.kind === 'active' && found.rental.endsAt.getTime() - grant.endsAt.getTime(), hours * 3_600_000, how);
    }
    await spoilNext(simulator, family.actionOf.release, 'garbled');
    assert.equal((await provider.release(providerRentalId)).kind, 'unknown');
    await spoilNext(simulator, family.actionOf.release, 'garbled_after_buy');
    assert.deepEqual(await provider.release(providerRentalId), { kind: 'released', returned: true });
  });

  it('rents for days and more, not for hours, and in the United States only', () => {
    assert.deepEqual(
      [1, 4, 12, 24, 72, 168, 336, 720, 2_160, 4_320, 8_760].filter((hours) => provider.sells(order(hours))),
      [24, 72, 168, 336, 720, 2_160, 8_760],
    );
    const indonesia = catalogue.country('ID') ?? assert.fail();
    assert.equal(provider.sells({ ...order(), country: indonesia }), false);
  });

  it('its webhook is genuine, and says what the list of messages says', async () => {
    const grant = await provider.rent(order());
    assert.ok(grant.kind === 'granted');
    receiver.received.length = 0;
    await simulator.sendToRental(grant.phoneNumber, { from: 'Telegram', text: 'Your code is 48151' });
    const [push = assert.fail()] = await eventually(() =>
      receiver.received.length > 0 ? receiver.received : assert.fail('nothing was pushed'),
    );
    const reader = createTextVerifiedPush({ secret: 'secret-in-the-address', webhookSecret });
    assert.ok(reader.accepts({ ...push, secret: 'secret-in-the-address' }));
    const read = reader.read(push.body);
    const inbox = await provider.messages(grant.providerRentalId);
    assert.deepEqual(inbox, { kind: 'listed', messages: [{ text: read?.text, sender: read?.sender, receivedAt: read?.receivedAt }] });
    assert.equal(read?.activationId, grant.providerRentalId);
  });

  it('reads a list of many pages', async () => {
    const grants = await Promise.all(Array.from({ length: 60 }, () => provider.rent(order())));
    const listing = await provider.list();
    assert.ok(listing.kind === 'listed');
    const ids = new Set(listing.rentals.map((row) => row.providerRentalId));
    assert.ok(grants.every((grant) => grant.kind === 'granted' && ids.has(grant.providerRentalId)));
  });

  it('a renewable rental that somebody made there has the end of its cycle, cannot be extended, and is excluded from renewals when it is given back late', async () => {
    const { textVerifiedUrl: url, textVerifiedKey, textVerifiedUsername } = simulator;
    const headers = { 'x-api-key': textVerifiedKey, 'x-api-username': textVerifiedUsername };
    const { token } = (await (await fetch(`${url}/auth`, { method: 'POST', headers })).json()) as { token: string };
    const body = {
      serviceName: 'telegram',
      duration: 'threeDay',
      isRenewable: true,
      numberType: 'mobile',
      capability: 'sms',
      alwaysOn: true,
    };
    const made = await fetch(`${url}/reservations/rental`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...body, allowBackOrderReservations: false }),
    });
    assert.equal(made.status, 201);
    const [{ id } = assert.fail()] = await simulator.rentals();
    const found = await provider.find(id);
    assert.ok(found.kind === 'active' && Math.abs(found.rental.endsAt.getTime() - Date.now() - 72 * 3_600_000) < 10_000);
    assert.deepEqual(await provider.list(), { kind: 'listed', rentals: [] });
    assert.equal((await provider.extend({ providerRentalId: id, hours: 72 })).kind, 'refused');
    await simulator.configure({ handlerApi: { rentalRefundMs: 0 } });
    assert.deepEqual(await provider.release(id), { kind: 'released', returned: false });
    assert.equal((await simulator.rentals())[0]?.includedForRenewal, false);
  });
});

describe('the wire of rentals', () => {
  let wire: TestServer;
  let origin = '';
  before(async () => {
    wire = await startTestServer();
    origin = wire.url;
  });
  after(() => wire?.close());
  const open = () =>
    createTextVerifiedRentals({
      url: `${origin}/api/pub/v2`,
      apiKey: 'key',
      username: 'me',
      timeoutMs: 1_000,
      clock: systemClock,
      catalogue,
    });

  it('asks for exactly what was sold, under its key, and follows Location, sale and reservation; its token goes nowhere else', async () => {
    const paths: string[] = [];
    const wanted = order();
    let location = `${origin}/api/pub/v2/sales/s1`;
    let sale: object = {
      state: 'succeeded',
      total: 1.5,
      reservations: [{ link: { href: `${origin}/api/pub/v2/reservations/rental/nonrenewable/lr_1` } }],
    };
    wire.listener = (request, response) =>
      void bodyOf(request).then((sent) => {
        paths.push(`${request.method} ${request.url?.replace('/api/pub/v2', '')}`);
        if (request.url?.endsWith('/auth')) return void response.end('{"token":"T","expiresIn":900}');
        assert.equal(request.headers.authorization, 'Bearer T');
        if (request.method === 'POST') {
          assert.equal(request.headers['idempotency-key'], wanted.orderId);
          assert.deepEqual(JSON.parse(sent.toString()), {
            ...{ serviceName: 'telegram', duration: 'oneDay', isRenewable: false, numberType: 'mobile', capability: 'sms', alwaysOn: true },
            allowBackOrderReservations: false,
          });
          return void response.writeHead(201, { location }).end('{}');
        }
        if (request.url?.includes('/sales/')) return void response.end(JSON.stringify(sale));
        const rental = {
          id: 'lr_1',
          number: '5551234567',
          state: 'nonrenewableActive',
          endsAt: '2027-01-01T00:00:00Z',
          serviceName: 'telegram',
        };
        response.end(JSON.stringify(rental));
      });
    const provider = open();
    assert.deepEqual(await provider.rent(wanted), {
      ...{
        kind: 'granted',
        providerRentalId: 'lr_1',
        phoneNumber: '+15551234567',
        endsAt: new Date('2027-01-01T00:00:00Z'),
        costMicros: 1_500_000n,
      },
    });
    assert.deepEqual(paths, ['POST /auth', 'POST /reservations/rental', 'GET /sales/s1', 'GET /reservations/rental/nonrenewable/lr_1']);
    for (const [state, kind] of [
      ['processing', 'unknown'],
      ['created', 'unknown'],
      ['something', 'unknown'],
      ['failed', 'refused'],
    ] as const) {
      sale = { state, total: 1.5, reservations: [] };
      assert.equal((await provider.rent(wanted)).kind, kind, state);
    }
    for (const elsewhere of ['http://127.0.0.1:1/api/pub/v2/sales/s1', '/admin', `${origin}/api/pub/v2/../../secret`, '::']) {
      location = elsewhere;
      paths.length = 0;
      assert.equal((await provider.rent(wanted)).kind, 'unknown', elsewhere);
      assert.deepEqual(paths, ['POST /reservations/rental'], elsewhere);
    }
    await provider.close();
  });

  it('ids that are none of its own never become part of a path', async () => {
    const paths: string[] = [];
    wire.listener = (request, response) => {
      paths.push(request.url ?? '');
      response.end('{}');
    };
    const provider = open();
    for (const id of ['../account/me', 'a b', '', 'x'.repeat(65)]) {
      assert.deepEqual(await provider.find(id), { kind: 'absent' });
      assert.deepEqual(await provider.messages(id), { kind: 'ended' });
      assert.equal((await provider.extend({ providerRentalId: id, hours: 24 })).kind, 'refused');
      assert.deepEqual(await provider.release(id), { kind: 'released', returned: false });
    }
    assert.deepEqual(paths, []);
    await provider.close();
  });
});
