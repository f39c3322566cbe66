import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { parseDecimal } from '#platform/money/index.ts';
import { eventually } from '#platform/testing/index.ts';
import { testCatalogue as catalogue } from '../../testing/harness.ts';
import { rentalProviderContract } from '../../testing/rental/rental-provider.contract.ts';
import { type RunningSimulator, startSimulator } from '../../testing/simulator.ts';
import { startPushReceiver } from '../../testing/rental/push-receiver.ts';
import { createHandlerApiRentalPush, rentalPushAddress } from './push.ts';
import { createHandlerApiRentals } from './rentals.ts';

const actionOf = {
  price: 'getRentServicesAndCountries',
  rent: 'getRentNumber',
  extend: 'continueRentNumber',
  messages: 'getRentStatus',
  release: 'setRentStatus',
  find: 'getRentList',
  list: 'getRentList',
} as const;
const order = (hours = 24) => ({
  ...{ orderId: newId(), hours },
  service: catalogue.service('telegram') ?? assert.fail(),
  country: catalogue.country('ID') ?? assert.fail(),
});
/** Nothing but a time-out waits for it, whatever else the machine does. */
const timeoutMs = 20_000;
const hastyMs = 1_000;

describe('rentals of the family against the simulator', () => {
  let simulator: RunningSimulator;
  let provider: ReturnType<typeof createHandlerApiRentals>;
  let hasty: ReturnType<typeof createHandlerApiRentals>;
  const suited = (fault: string) => (fault.startsWith('timeout') ? hasty : provider);
  const fault = (action: string, ...faults: string[]) => simulator.configure({ handlerApi: { nextFaultsOf: { [action]: faults } } });
  const bought = async () => (await simulator.rentals()).length;
  before(async () => {
    simulator = await startSimulator();
    provider = createHandlerApiRentals({ url: simulator.apiUrl, apiKey: simulator.apiKey, timeoutMs, catalogue });
    hasty = createHandlerApiRentals({ url: simulator.apiUrl, apiKey: simulator.apiKey, timeoutMs: hastyMs, catalogue });
  });
  after(async () => {
    await provider?.close();
    await hasty?.close();
    await simulator?.close();
  });
  beforeEach(() => simulator.reset());

  rentalProviderContract('handler_api', async () => ({
    provider,
    now: () => new Date(),
    bought,
    spentMicros: () => simulator.spentMicros(),
    deliver: (phoneNumber, from, text) => simulator.sendToRental(phoneNumber, { from, text }),
    refuse: (reason) => fault('getRentNumber', reason === 'account' ? 'no_balance' : 'no_numbers'),
    lose: (operation, how) => fault(actionOf[operation], how === 'after' ? 'reset_after_buy' : 'reset'),
    refundable: (on) => simulator.configure({ handlerApi: { rentalRefundMs: on ? null : 0 } }),
    dearer: (factor) => simulator.configure({ handlerApi: { cost: (0.2 * factor).toFixed(2) } }),
    end: (phoneNumber) => simulator.endRental(phoneNumber),
    outage: (on) => simulator.configure({ handlerApi: { outage: on ? '503' : null } }),
    slow: (ms) => simulator.configure({ handlerApi: { latencyMs: ms } }),
    patienceMs: 300,
  }));

  for (const [name, kind, count] of [
    ['no_numbers', 'refused', 0],
    ['no_balance', 'refused', 0],
    ['banned', 'refused', 0],
    ['account_inactive', 'refused', 0],
    ['bad_service', 'refused', 0],
    ['wrong_country', 'refused', 0],
    ['bad_key', 'refused', 0],
    ['sim_offline', 'refused', 0],
    ['channels_limit', 'refused', 0],
    ['server_error', 'unknown', 0],
    ['error_sql', 'unknown', 0],
    ['http_402', 'unknown', 0],
    ['http_403', 'unknown', 0],
    ['http_429', 'unknown', 0],
    ['http_500', 'unknown', 0],
    ['http_503', 'unknown', 0],
    ['garbled', 'unknown', 0],
    ['empty', 'unknown', 0],
    ['timeout', 'unknown', 0],
    ['reset', 'unknown', 0],
    ['http_402_after_buy', 'unknown', 1],
    ['http_403_after_buy', 'unknown', 1],
    ['http_429_after_buy', 'unknown', 1],
    ['http_502_after_buy', 'unknown', 1],
    ['garbled_after_buy', 'unknown', 1],
    ['empty_after_buy', 'unknown', 1],
    ['timeout_after_buy', 'unknown', 1],
    ['reset_after_buy', 'unknown', 1],
  ] as const)
    it(`${name}: ${kind}, ${count} bought, and the list says so`, async () => {
      await fault('getRentNumber', name);
      assert.equal((await suited(name).rent(order())).kind, kind);
      const listing = await provider.list();
      assert.deepEqual([await bought(), listing.kind === 'listed' && listing.rentals.length], [count, count]);
      // A page in front of the provider refuses a question: nothing is bought by one.
      await fault(actionOf.price, name);
      assert.notEqual((await suited(name).price(order())).kind, 'priced');
      const { kind: price } = await provider.price(order());
      assert.equal(price, 'priced');
    });

  for (const name of ['http_402', 'http_403', 'http_429', 'garbled', 'timeout', 'reset'] as const)
    it(`an extension behind ${name} is unknown whether or not it happened; the end tells`, async () => {
      const grant = await provider.rent(order());
      assert.ok(grant.kind === 'granted');
      for (const [how, hours] of [
        [name, 0],
        [`${name}_after_buy`, 24],
      ] as const) {
        await fault('continueRentNumber', how);
        assert.equal((await suited(how).extend({ providerRentalId: grant.providerRentalId, hours: 24 })).kind, 'unknown');
        const found = await provider.find(grant.providerRentalId);
        assert.equal(found.kind === 'active' && found.rental.endsAt.getTime() - grant.endsAt.getTime(), hours * 3_600_000);
      }
    });

  it('words that end a rental: too long, dead, unknown', async () => {
    const grant = await provider.rent(order(8_760));
    assert.ok(grant.kind === 'granted');
    const long = await provider.extend({ providerRentalId: grant.providerRentalId, hours: 8_760 });
    assert.equal(long.kind === 'refused' && long.detail, 'HTTP 200 MAX_HOURS_EXCEED');
    await simulator.endRental(grant.phoneNumber);
    const dead = await provider.extend({ providerRentalId: grant.providerRentalId, hours: 24 });
    assert.equal(dead.kind === 'refused' && dead.detail, 'HTTP 200 RENT_DIE');
    const stranger = await provider.extend({ providerRentalId: '1', hours: 24 });
    assert.equal(stranger.kind === 'refused' && stranger.detail, 'HTTP 200 NO_ID_RENT');
    assert.equal(provider.sells(order(8_761)), false);
  });

  it('a price list without numbers or without the service refuses before anything is bought', async () => {
    await simulator.configure({ handlerApi: { stock: { tg: 0 } } });
    const none = await provider.price(order());
    assert.deepEqual([none.kind, none.kind === 'refused' && none.reason], ['refused', 'no_numbers']);
    const server = createServer((_request, response) => void response.end('{"services":{"wa":{"cost":1,"quant":5}}}'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/stubs/handler_api.php`;
    const other = createHandlerApiRentals({ url, apiKey: 'any-key-at-all', timeoutMs, catalogue });
    const absent = await other.price(order());
    assert.deepEqual([absent.kind, absent.kind === 'refused' && absent.reason], ['refused', 'not_offered']);
    await other.close();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  it('names the address that its messages are pushed to; the push says what the list says', async () => {
    const receiver = await startPushReceiver();
    const callbackUrl = `${receiver.url}/v2/callbacks/providers/${rentalPushAddress}/secret%20of%20ours`;
    const { apiUrl: url, apiKey } = simulator;
    const pushed = createHandlerApiRentals({ url, apiKey, timeoutMs, catalogue, callbackUrl });
    const grant = await pushed.rent(order());
    assert.ok(grant.kind === 'granted');
    await simulator.sendToRental(grant.phoneNumber, { from: 'Telegram', text: 'Your code is 48151' });
    const [push] = await eventually(() => (receiver.pushes.length > 0 ? receiver.pushes : assert.fail('nothing was pushed')));
    assert.equal(push?.path, new URL(callbackUrl).pathname);
    const read = createHandlerApiRentalPush({ secret: 'secret of ours' }).read(push?.body ?? Buffer.alloc(0));
    const inbox = await pushed.messages(grant.providerRentalId);
    assert.deepEqual(inbox, { kind: 'listed', messages: [{ text: read?.text, sender: read?.sender, receivedAt: read?.receivedAt }] });
    assert.deepEqual([read?.activationId, read?.text, read?.sender], [grant.providerRentalId, 'Your code is 48151', 'Telegram']);
    // The others have none, and are polled.
    const silent = await provider.rent(order());
    assert.ok(silent.kind === 'granted' && (await simulator.rentals()).some((row) => row.id === silent.providerRentalId && !row.pushUrl));
    await pushed.close();
    await receiver.close();
  });

  it('says what a purchase may cost in whole micros', async () => {
    const price = await provider.price(order());
    assert.equal(price.kind === 'priced' && price.costMicros, parseDecimal('0.54'));
  });
});
