import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ErrorCode, isAppError } from '#platform/errors/index.ts';
import { browseCatalogue } from '../app/browse-catalogue.ts';
import { testCatalogue as catalogue } from '../testing/harness.ts';
import { createCatalogue, offerFor, sellsOffer } from './catalogue.ts';

const refused = (field: string) => (error: unknown) =>
  (isAppError(error, 'verification.not_offered' satisfies ErrorCode) && error.fields[0]?.field === field) ||
  assert.fail(`expected a refusal of ${field}, got ${String(error)}`);
const country = (code: string) => catalogue.country(code) ?? assert.fail(code);
const wanted = (over: object) => offerFor(catalogue, { service: 'telegram', country: 'US', capability: 'sms', ...over });

describe('operators and area codes', () => {
  it('are there for most of the world, each once, by name', () => {
    const chosen = catalogue.countries.filter((row) => catalogue.operators(row).length > 0);
    assert.ok(chosen.length >= 140);
    assert.ok(chosen.reduce((sum, row) => sum + catalogue.operators(row).length, 0) >= 500);
    for (const row of chosen) {
      const names = catalogue.operators(row).map(({ name }) => name);
      assert.deepEqual(
        names,
        names.toSorted((a, b) => a.localeCompare(b, 'en')),
      );
    }
    assert.ok(catalogue.operators(country('ID')).some(({ code, name }) => code === 'telkomsel' && name === 'Telkomsel'));
  });

  it('area codes are those of the North American plan, in every state', () => {
    const areas = catalogue.areaCodes(country('US'));
    assert.ok(areas.every(({ code }) => /^[2-9]\d\d$/.test(code) && !code.endsWith('11')));
    assert.equal(new Set(areas.map(({ name }) => name)).size, 51, '50 states and the capital');
    assert.deepEqual(catalogue.areaCodes(country('ID')), []);
  });

  it('become part of an offer, in any case, and only providers that know them sell it', () => {
    const offer = wanted({ operator: 'VERIZON', areaCode: '212' });
    assert.deepEqual([offer.operator, offer.areaCode], ['verizon', '212']);
    assert.ok(sellsOffer('textVerified', offer));
    assert.ok(!sellsOffer('handlerApi', offer), 'it knows the operator, not the place');
    assert.ok(sellsOffer('handlerApi', wanted({ operator: 'verizon' })));
    assert.deepEqual(wanted({}).chosen, {});
  });

  it('are refused by name where there is no such thing, and where no provider can', () => {
    assert.throws(() => wanted({ operator: 'telkomsel' }), refused('operator'));
    assert.throws(() => wanted({ areaCode: '999' }), refused('areaCode'));
    assert.throws(() => wanted({ country: 'ID', areaCode: '212' }), refused('areaCode'));
    const elsewhere = catalogue.services.find(
      (row) => row.policyClass === 'open' && 'handlerApi' in row.providerCodes && row.providerCodes['textVerified'] === undefined,
    );
    assert.throws(() => wanted({ service: elsewhere?.code, areaCode: '212' }), refused('areaCode'));
    assert.throws(() => wanted({ operator: 'us-cellular', areaCode: '212' }), refused('areaCode'));
  });

  it('refuse data about what is not there, and anything twice', () => {
    const { services, countries } = catalogue;
    const choice = { code: 'a', name: 'A', providerCodes: { handlerApi: 'a' } };
    assert.throws(() => createCatalogue({ services, countries, operators: { XX: [choice] } }), /operators of "XX"/);
    assert.throws(() => createCatalogue({ services, countries, areaCodes: { US: [choice, choice] } }), /two area codes of US "a"/);
    assert.throws(() => createCatalogue({ services, countries, icons: { nothing: 'x' } }), /icon of no service/);
  });
});

describe('calls', () => {
  it('are sold where somebody answers them, for more than a text, and refused by name elsewhere', () => {
    const [call, text] = [wanted({ capability: 'voice' }), wanted({})];
    assert.equal(call.price.micros - text.price.micros, 300_000n);
    assert.ok(sellsOffer('textVerified', call) && !sellsOffer('handlerApi', call) && !sellsOffer('fiveSim', call));
    assert.throws(() => wanted({ capability: 'voice', country: 'ID' }), refused('capability'));
    assert.throws(() => wanted({ capability: 'fax' }), refused('capability'));
  });

  it('have a price list of their own: what nobody sells is not on it', () => {
    const { rows } = browseCatalogue(catalogue).prices({
      service: 'telegram',
      country: '',
      capability: 'voice',
      after: undefined,
      limit: 300,
    });
    assert.deepEqual(
      rows.map(({ country: where, capability }) => [where, capability]),
      [['US', 'voice']],
    );
    assert.throws(
      () => browseCatalogue(catalogue).prices({ service: '', country: '', capability: 'fax', after: undefined, limit: 1 }),
      refused('capability'),
    );
  });
});

describe('icons', () => {
  it('every service has one: of its brand, else of its category', () => {
    const icon = (code: string) => catalogue.icon(catalogue.service(code) ?? assert.fail(code));
    assert.equal(icon('telegram'), 'telegram');
    assert.equal(icon('126mail'), 'category-email');
    for (const service of catalogue.services) assert.match(catalogue.icon(service), /^(category-[a-z]+|[a-z0-9]+)$/);
  });
});
