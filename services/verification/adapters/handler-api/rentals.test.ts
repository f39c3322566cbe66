import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { parseDecimal } from '#platform/money/index.ts';
import { eventually, startTestReceiver, startTestServer } from '#platform/testing/index.ts';
import { testCatalogue as catalogue } from '../../testing/harness.ts';
import {
  hastyMs,
  patientMs,
  rentalOrder,
  simulatedRentalContract,
  type SimulatedFamily,
  type SimulatedRentals,
  spoilNext,
  suitedTo,
} from '../../testing/rental/simulated-rentals.contract.ts';
import { type RunningSimulator, startSimulator } from '../../testing/simulator.ts';
import { createHandlerApiRentalPush, rentalPushAddress } from './push.ts';
import { createHandlerApiRentals } from './rentals.ts';

const family: SimulatedFamily = {
  ...{ name: 'handler_api', countryCode: 'ID' },
  actionOf: {
    price: 'getRentServicesAndCountries',
    rent: 'getRentNumber',
    extend: 'continueRentNumber',
    messages: 'getRentStatus',
    release: 'setRentStatus',
    find: 'getRentList',
    list: 'getRentList',
  },
  refusals: ['account_inactive', 'wrong_country', 'bad_key', 'sim_offline'],
  unknowns: ['error_sql'],
};
const order = (hours?: number) => rentalOrder(family.countryCode, hours);

describe('rentals of the family against the simulator', () => {
  let simulator: RunningSimulator;
  let provider: ReturnType<typeof createHandlerApiRentals>;
  let hasty: ReturnType<typeof createHandlerApiRentals>;
  let world: SimulatedRentals;
  before(async () => {
    simulator = await startSimulator();
    provider = createHandlerApiRentals({ url: simulator.apiUrl, apiKey: simulator.apiKey, timeoutMs: patientMs, catalogue });
    hasty = createHandlerApiRentals({ url: simulator.apiUrl, apiKey: simulator.apiKey, timeoutMs: hastyMs, catalogue });
    world = { simulator, provider, hasty };
  });
  after(async () => {
    await provider?.close();
    await hasty?.close();
    await simulator?.close();
  });
  beforeEach(() => simulator.reset());

  simulatedRentalContract(family, () => world);

  for (const name of ['http_402', 'http_403', 'http_429', 'garbled', 'timeout', 'reset'] as const)
    it(`an extension behind ${name} is unknown whether or not it happened; the end tells`, async () => {
      const grant = await provider.rent(order());
      assert.ok(grant.kind === 'granted');
      for (const [how, hours] of [
        [name, 0],
        [`${name}_after_buy`, 24],
      ] as const) {
        await spoilNext(simulator, family.actionOf.extend, how);
        assert.equal((await suitedTo(world, how).extend({ providerRentalId: grant.providerRentalId, hours: 24 })).kind, 'unknown');
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
    const server = await startTestServer((_request, response) => void response.end('{"services":{"wa":{"cost":1,"quant":5}}}'));
    const url = `${server.url}/stubs/handler_api.php`;
    const other = createHandlerApiRentals({ url, apiKey: 'any-key-at-all', timeoutMs: patientMs, catalogue });
    const absent = await other.price(order());
    assert.deepEqual([absent.kind, absent.kind === 'refused' && absent.reason], ['refused', 'not_offered']);
    await other.close();
    await server.close();
  });

  it('names the address that its messages are pushed to; the push says what the list says', async () => {
    const receiver = await startTestReceiver();
    const callbackUrl = `${receiver.url}/v2/callbacks/providers/${rentalPushAddress}/secret%20of%20ours`;
    const { apiUrl: url, apiKey } = simulator;
    const pushed = createHandlerApiRentals({ url, apiKey, timeoutMs: patientMs, catalogue, callbackUrl });
    const grant = await pushed.rent(order());
    assert.ok(grant.kind === 'granted');
    await simulator.sendToRental(grant.phoneNumber, { from: 'Telegram', text: 'Your code is 48151' });
    const [push] = await eventually(() => (receiver.received.length > 0 ? receiver.received : assert.fail('nothing was pushed')));
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
