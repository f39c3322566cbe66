import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { getCountryCallingCode, isSupportedCountry } from 'libphonenumber-js';
import { browseCatalogue } from '../app/browse-catalogue.ts';
import { testCatalogue as catalogue } from '../testing/harness.ts';
import { createCatalogue, offerOf, priceOf, type Service } from './catalogue.ts';
import { distance } from './search.ts';

const browser = browseCatalogue(catalogue);
const found = (search: string): string[] =>
  browser.services({ search, after: undefined, limit: 100 }).rows.map(({ service }) => service.code);

describe('the catalogue', () => {
  it('has hundreds of services and the countries of the world', () => {
    assert.ok(catalogue.services.length >= 500);
    assert.ok(catalogue.countries.length >= 190);
    const sold = catalogue.services.filter((row) => catalogue.priceFrom(row) !== undefined);
    assert.ok(sold.length >= 500, `${sold.length} that somebody sells`);
    const at = (codes: string) => catalogue.countries.filter((row) => codes in row.providerCodes).length;
    assert.ok(at('handlerApi') >= 190);
  });

  it('sells nothing that no provider has a name for, and everything else at the lowest price of where it does', () => {
    for (const service of catalogue.services) {
      const { rows } = browser.prices({ service: service.code, country: '', after: undefined, limit: 1_000 });
      const named = rows.map(({ country }) => catalogue.country(country) ?? assert.fail());
      const wanted = { service: service.code, country: 'ID', capability: 'sms' };
      if (Object.keys(service.providerCodes).length === 0) {
        assert.deepEqual(rows, [], service.code);
        assert.throws(() => offerOf(catalogue, wanted), { code: 'verification.not_offered' });
      }
      if (service.policyClass === 'blocked') continue;
      for (const { providerCodes } of named) assert.ok(Object.keys(service.providerCodes).some((codes) => codes in providerCodes));
      const cheapest = rows.map(({ price }) => price.micros).toSorted((a, b) => Number(a - b))[0];
      assert.equal(catalogue.priceFrom(service)?.micros, cheapest, service.code);
    }
  });

  it('names no two services, and no two countries, alike at one provider', () => {
    for (const rows of [catalogue.services, catalogue.countries])
      for (const provider of ['handlerApi', 'fiveSim', 'textVerified']) {
        const codes = rows.flatMap(({ providerCodes }) => (provider in providerCodes ? [providerCodes[provider]] : []));
        assert.ok(codes.length > 0);
        assert.equal(new Set(codes).size, codes.length, provider);
      }
  });

  it('prices everything between 0.25 and 3.00 USD, in whole cents', () => {
    for (const service of catalogue.services)
      for (const country of catalogue.countries) {
        const { currency, micros } = priceOf(service, country);
        assert.ok(
          currency === 'USD' && micros >= 250_000n && micros <= 3_000_000n && micros % 10_000n === 0n,
          `${service.code} ${country.code} ${micros}`,
        );
      }
  });

  it('knows the codes that the market uses', () => {
    const market = {
      telegram: 'tg',
      whatsapp: 'wa',
      google: 'go',
      facebook: 'fb',
      instagram: 'ig',
      twitter: 'tw',
      viber: 'vi',
      wechat: 'wb',
      tiktok: 'lf',
      discord: 'ds',
      openai: 'dr',
      apple: 'wx',
      microsoft: 'mm',
    };
    for (const [code, known] of Object.entries(market)) assert.equal(catalogue.service(code)?.providerCodes['handlerApi'], known);
    const countries = { RU: 0, UA: 1, KZ: 2, CN: 3, PH: 4, ID: 6, GB: 16, CA: 36, NL: 48, TH: 52, US: 187 };
    for (const [code, known] of Object.entries(countries)) assert.equal(catalogue.country(code)?.providerCodes['handlerApi'], known);
  });

  it('has the dial codes of the numbering plans', () => {
    for (const { code, dialCode } of catalogue.countries) {
      assert.ok(isSupportedCountry(code), code);
      assert.equal(dialCode, `+${getCountryCallingCode(code)}`);
    }
  });

  it('blocks money, state and health', () => {
    for (const service of catalogue.services)
      assert.equal(
        service.policyClass === 'blocked',
        ['banking', 'payment', 'government', 'health'].includes(service.category),
        service.code,
      );
  });

  it('refuses data with anything twice', () => {
    const [service] = catalogue.services;
    assert.ok(service);
    const named = { ...service, providerCodes: { handlerApi: 'tg' } };
    const twice = (over: Partial<Service>) => () =>
      createCatalogue({
        services: [named, { ...named, code: 'x1', name: 'X1', providerCodes: { handlerApi: 'x1' }, ...over }],
        countries: catalogue.countries,
      });
    assert.doesNotThrow(twice({}));
    assert.throws(twice({ code: service.code }), /two services/);
    assert.throws(twice({ name: service.name.toUpperCase() }), /two service names/);
    assert.throws(twice({ providerCodes: named.providerCodes }), /two service codes/);
  });
});

describe('search', () => {
  it('finds by name, alias and code in any case, the best first', () => {
    assert.equal(found('TELEGRAM')[0], 'telegram');
    assert.equal(found('tg')[0], 'telegram');
    assert.equal(found('chatgpt')[0], 'openai');
    assert.equal(found('insta')[0], 'instagram');
    assert.ok(found('micro').includes('azure'), 'a later word counts too');
  });
  it('puts prefixes before what only contains the text', () => {
    const hits = found('face');
    assert.equal(hits[0], 'facebook');
    assert.ok(hits.indexOf('faceit') < 2);
  });
  it('forgives small slips', () => {
    for (const [slip, code] of [
      ['telegarm', 'telegram'],
      ['whatsap', 'whatsapp'],
      ['watsapp', 'whatsapp'],
      ['gogle', 'google'],
      ['discrod', 'discord'],
      ['instgram', 'instagram'],
    ] as const)
      assert.equal(found(slip)[0], code, slip);
    assert.deepEqual(found('qqqqqqqq'), []);
    assert.deepEqual(found('???'), []);
  });
  it('forgives slips in aliases too, and puts a slip in a whole name before one in a word of a longer name', () => {
    assert.equal(found('chatgtp')[0], 'openai');
    assert.equal(found('instgram')[0], 'instagram');
    const hits = found('telgram');
    assert.equal(hits[0], 'telegram');
  });
  it('counts a swap of neighbours as one slip', () => {
    assert.equal(distance('discrod', 'discord', 2), 1);
    assert.equal(distance('abc', 'xyz', 1), 2);
  });
  it('finds countries without their accents', () => {
    const hits = (search: string) => browser.countries({ search, after: undefined, limit: 5 }).rows.map((row) => row.code);
    assert.equal(hits('aland')[0], 'AX');
    assert.equal(hits('indonsia')[0], 'ID');
    assert.equal(hits('us')[0], 'US');
    assert.equal(hits('uk')[0], 'GB', 'what people call it comes before what begins like it');
    assert.equal(hits('Holand')[0], 'NL');
    assert.equal(hits('ivory cost')[0], 'CI');
  });
});

describe('pages', () => {
  it('walk through everything once, in order', () => {
    const codes: string[] = [];
    for (let after: Parameters<typeof browser.services>[0]['after'], pages = 0; pages < 1_000; pages++) {
      const page = browser.services({ search: '', after, limit: 7 });
      codes.push(...page.rows.map(({ service }) => service.code));
      after = page.next;
      if (after === undefined) break;
    }
    assert.deepEqual(
      codes,
      catalogue.services.map((row) => row.code),
    );
  });
  it('walk through all prices, without those of blocked services', () => {
    let count = 0;
    for (let after: Parameters<typeof browser.prices>[0]['after']; ;) {
      const page = browser.prices({ service: '', country: '', after, limit: 1_000 });
      count += page.rows.length;
      after = page.next;
      if (after === undefined) break;
    }
    const codesOf = (row: object): readonly string[] => Object.keys(row);
    const sold = catalogue.services
      .filter((row) => row.policyClass !== 'blocked')
      .flatMap((row) => catalogue.countries.filter((where) => codesOf(row.providerCodes).some((codes) => codes in where.providerCodes)));
    assert.equal(count, sold.length);
    assert.equal(browser.prices({ service: 'telegram', country: 'id', after: undefined, limit: 10 }).rows[0]?.price.micros, 280_000n);
    assert.deepEqual(browser.prices({ service: 'paypal', country: '', after: undefined, limit: 10 }).rows, []);
    assert.throws(() => browser.prices({ service: 'nope', country: '', after: undefined, limit: 10 }), /not offered/);
  });
});
