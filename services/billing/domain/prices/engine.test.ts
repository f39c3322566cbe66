import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { money } from '#platform/money/index.ts';
import { type BookContent, effectiveBook, type EffectiveBook, type PriceRule } from './book.ts';
import { type Customer, priceOne } from './engine.ts';
import { attosOfMicros, attosPerMicro, formatAttos, formatPpm, roundHalfEven, shareOf, stepOf } from './exact.ts';
import { dimensions, type PriceItem } from './item.ts';
import type { Benefit } from './promotion.ts';

const seed = Date.now() % 1_000_000_000;
const check = <T>(property: fc.IPropertyWithHooks<T>): void => fc.assert(property, { seed, numRuns: 300 });

const anything: PriceItem = { product: 'verification', service: '', country: '', capability: '', operator: '', duration: '', segments: 0 };
const telegram: PriceItem = { ...anything, service: 'telegram', country: 'ID', capability: 'sms' };
const timesOne: PriceRule = { match: anything, price: { kind: 'multiple', ppm: 1_000_000n }, net: false, rounding: 'minor' };

const bookOf = (content: Partial<BookContent>, name = 'default'): EffectiveBook =>
  effectiveBook({
    versionId: `version of ${name}`,
    name,
    version: 1,
    content: { rules: [timesOne], volume: undefined, maxDiscountPpm: undefined, ...content },
  });
const starter: Customer = {
  books: [bookOf({})],
  plan: 'starter',
  planDiscountPpm: 0n,
  month: { spentMicros: 0n, purchases: 0n },
  benefits: [],
};
const price = (listMicros: bigint | undefined, customer: Partial<Customer> = {}, floorMicros?: bigint) =>
  priceOne(
    {
      item: telegram,
      listPrice: listMicros === undefined ? undefined : money('USD', listMicros),
      floor: floorMicros === undefined ? undefined : money('USD', floorMicros),
    },
    { ...starter, ...customer },
    'USD',
  );
const shown = (result: ReturnType<typeof price>) =>
  result && [result.price.micros, ...result.lines.map(({ kind, attos }) => `${kind} ${formatAttos(attos)}`)];

describe('one price', () => {
  it('is the list price, in one line, for a starter', () => {
    assert.deepEqual(shown(price(450_000n)), [450_000n, 'list 0.45']);
  });

  it('names each discount, of the undiscounted price, and rounds once, half to even', () => {
    const volume = { measure: 'spend', tiers: [{ from: 100_000_000n, ppm: 50_000n }] } as const;
    const pro = { plan: 'pro', planDiscountPpm: 200_000n };
    assert.deepEqual(shown(price(370_000n, pro)), [300_000n, 'list 0.37', 'plan_discount -0.074', 'rounding 0.004']);
    const busy = { ...pro, books: [bookOf({ volume })], month: { spentMicros: 100_000_000n, purchases: 0n } };
    assert.deepEqual(shown(price(370_000n, busy)), [
      280_000n,
      'list 0.37',
      'plan_discount -0.074',
      'volume_discount -0.0185',
      'rounding 0.0025',
    ]);
    assert.deepEqual(shown(price(370_000n, { ...busy, month: { spentMicros: 99_999_999n, purchases: 0n } }))?.[0], 300_000n);
    // 0.125 and 0.135: the even cent.
    const half = { plan: 'half', planDiscountPpm: 500_000n };
    assert.equal(price(250_000n, half)?.price.micros, 120_000n);
    assert.equal(price(270_000n, half)?.price.micros, 140_000n);
  });

  it('stops discounts at the cap, then at cost, and does not raise a price that was below cost already', () => {
    const capped = { planDiscountPpm: 350_000n, plan: 'enterprise', books: [bookOf({ maxDiscountPpm: 300_000n })] };
    assert.deepEqual(shown(price(1_000_000n, capped)), [700_000n, 'list 1.00', 'plan_discount -0.35', 'cap 0.05']);
    assert.deepEqual(shown(price(1_000_000n, capped, 801_000n)), [810_000n, 'list 1.00', 'plan_discount -0.35', 'cap 0.05', 'floor 0.11']);
    assert.equal(price(1_000_000n, capped, 2_000_000n)?.price.micros, 1_000_000n);
  });

  it('counts one promotion, the best for the customer, and only where it applies', () => {
    const benefit = (over: Partial<Benefit>): Benefit => ({
      promotionId: over.code ?? 'p',
      code: 'P',
      kind: 'percent',
      percentPpm: 0n,
      amountMicros: 0n,
      currency: 'USD',
      products: [],
      minimumMicros: 0n,
      endsAt: undefined,
      ...over,
    });
    const benefits = [
      benefit({ code: 'TEN', percentPpm: 100_000n }),
      benefit({ code: 'DIME', kind: 'fixed', amountMicros: 200_000n, minimumMicros: 500_000n }),
      benefit({ code: 'OTHER', percentPpm: 900_000n, products: ['campaign'] }),
    ];
    assert.equal(price(1_000_000n, { benefits })?.promotionId, 'DIME');
    assert.equal(price(490_000n, { benefits })?.promotionId, 'TEN');
    assert.deepEqual(shown(price(100_000n, { benefits: [benefit({ kind: 'fixed', amountMicros: 200_000n })] })), [
      0n,
      'list 0.10',
      'promotion -0.20',
      'cap 0.10',
    ]);
  });

  it('takes nothing off a net price, needs a list price only where the rule does, and knows no price without a rule', () => {
    const net = bookOf({ rules: [{ ...timesOne, price: { kind: 'fixed', micros: 310_000n }, net: true }] }, 'tenant:1');
    const vip = { books: [net, ...starter.books], planDiscountPpm: 350_000n, plan: 'enterprise' };
    assert.deepEqual(shown(price(undefined, vip)), [310_000n, 'rule 0.31']);
    assert.equal(price(undefined), undefined);
    assert.equal(price(450_000n, { books: [] }), undefined);
    assert.equal(price(450_000n, { books: [bookOf({ rules: [] }, 'tenant:1'), ...starter.books] })?.book.name, 'default');
  });

  it("rounds to the currency's own smallest unit", () => {
    assert.equal(stepOf('USD', 'minor'), attosOfMicros(10_000n));
    assert.equal(stepOf('JPY', 'minor'), attosOfMicros(1_000_000n));
    assert.equal(stepOf('KWD', 'minor'), attosOfMicros(1_000n));
    assert.equal(stepOf('JPY', 'micro'), attosOfMicros(1n));
    assert.equal(formatPpm(125_000n), '12.5 %');
  });
});

const code = fc.constantFrom('', 'a', 'b');
const item = fc.record({
  product: fc.constant('verification'),
  service: code,
  country: fc.constantFrom('', 'ID', 'US'),
  capability: code,
  operator: code,
  duration: fc.constantFrom('', '1d'),
  segments: fc.constantFrom(0, 1),
});
const ppm = fc.bigInt(0n, 1_000_000n);
const micros = fc.bigInt(0n, 10_000_000n);
const notAbove = fc.oneof(
  ppm.map((value) => ({ kind: 'multiple', ppm: value }) as const),
  micros.map((value) => ({ kind: 'plus', micros: -value }) as const),
);
const anyPrice = fc.oneof(
  notAbove,
  micros.map((value) => ({ kind: 'fixed', micros: value }) as const),
  fc.bigInt(0n, 5_000_000n).map((value) => ({ kind: 'multiple', ppm: value }) as const),
  micros.map((value) => ({ kind: 'plus', micros: value }) as const),
);
const rules = (prices: fc.Arbitrary<PriceRule['price']>): fc.Arbitrary<PriceRule[]> =>
  fc.uniqueArray(
    fc.record({ match: item, price: prices, net: fc.boolean(), rounding: fc.constantFrom('minor' as const, 'micro' as const) }),
    { maxLength: 12, selector: ({ match }) => JSON.stringify(match) },
  );
const benefitOf = fc.record({
  promotionId: fc.uuid(),
  code: fc.string({ minLength: 1, maxLength: 4 }),
  kind: fc.constantFrom('percent' as const, 'fixed' as const),
  percentPpm: ppm,
  amountMicros: micros,
  currency: fc.constant('USD'),
  products: fc.constantFrom([], ['verification'], ['campaign']),
  minimumMicros: micros,
  endsAt: fc.constant(undefined),
});
const customerOf = (prices: fc.Arbitrary<PriceRule['price']>) =>
  fc.record({
    rules: rules(prices),
    cap: fc.option(ppm, { nil: undefined }),
    tier: fc.option(fc.record({ from: micros, ppm }), { nil: undefined }),
    planDiscountPpm: ppm,
    spentMicros: micros,
    benefits: fc.array(benefitOf, { maxLength: 3 }),
    fallback: prices,
  });
type Drawn = typeof customerOf extends (prices: never) => fc.Arbitrary<infer T> ? T : never;
const customer = ({ rules: drawn, cap, tier, planDiscountPpm, spentMicros, benefits, fallback }: Drawn, order = drawn): Customer => ({
  books: [
    bookOf({
      rules: order.some(({ match }) => JSON.stringify(match) === JSON.stringify(anything))
        ? order
        : [...order, { ...timesOne, price: fallback }],
      maxDiscountPpm: cap,
      volume: tier && { measure: 'spend', tiers: [tier] },
    }),
  ],
  plan: 'any',
  planDiscountPpm,
  month: { spentMicros, purchases: 0n },
  benefits,
});
const ask = fc.record({ item, list: micros, floor: fc.option(micros, { nil: undefined }) });
const run = (asked: { item: PriceItem; list: bigint; floor: bigint | undefined }, who: Customer) => {
  const { floor } = asked;
  const result = priceOne(
    { item: asked.item, listPrice: money('USD', asked.list), floor: floor === undefined ? undefined : money('USD', floor) },
    who,
    'USD',
  );
  assert.ok(result);
  return result;
};
const total = (lines: readonly { attos: bigint }[]): bigint => lines.reduce((sum, { attos }) => sum + attos, 0n);
const baseOf = (lines: readonly { kind: string; attos: bigint }[]): bigint =>
  total(lines.filter(({ kind }) => kind === 'list' || kind === 'rule'));

describe('every price', () => {
  it('is not negative, and its lines add up to it exactly', () => {
    check(
      fc.property(ask, customerOf(anyPrice), (asked, drawn) => {
        const { price: paid, lines } = run(asked, customer(drawn));
        assert.ok(paid.micros >= 0n);
        assert.equal(total(lines), attosOfMicros(paid.micros));
      }),
    );
  });

  it('is never above the list price unless a rule says so', () => {
    check(
      fc.property(ask, customerOf(notAbove), (asked, drawn) => {
        const { price: paid } = run(asked, customer(drawn));
        const cent = stepOf('USD', 'minor');
        const list = attosOfMicros(asked.list);
        const highest = [roundHalfEven(list, cent), list].reduce((a, b) => (a > b ? a : b));
        assert.ok(attosOfMicros(paid.micros) <= highest);
      }),
    );
  });

  it('respects the cap and the floor, before the one rounding', () => {
    check(
      fc.property(ask, customerOf(anyPrice), (asked, drawn) => {
        const { lines } = run(asked, customer(drawn));
        const base = baseOf(lines);
        const exact = total(lines.filter(({ kind }) => kind !== 'rounding'));
        assert.ok(base - exact <= shareOf(base, drawn.cap ?? 1_000_000n));
        const floor = attosOfMicros(asked.floor ?? 0n);
        assert.ok(exact >= (floor < base ? floor : base));
      }),
    );
  });

  it('is rounded once: by less than a step, half to even, and the remainder is a line', () => {
    check(
      fc.property(ask, customerOf(anyPrice), (asked, drawn) => {
        const who = customer(drawn);
        const { lines, price: paid, book } = run(asked, who);
        const rule = book.ruleFor(asked.item);
        assert.ok(rule);
        const step = stepOf('USD', rule.rounding);
        const remainders = lines.filter(({ kind }) => kind === 'rounding');
        assert.ok(remainders.length <= 1);
        const off = remainders[0]?.attos ?? 0n;
        assert.ok(2n * (off < 0n ? -off : off) <= step);
        if (2n * (off < 0n ? -off : off) === step) assert.equal((attosOfMicros(paid.micros) / step) % 2n, 0n);
        assert.equal((paid.micros * attosPerMicro) % step, 0n);
      }),
    );
  });

  it('does not depend on the order of rules or benefits, nor on when it is computed', () => {
    check(
      fc.property(ask, customerOf(anyPrice), (asked, drawn) => {
        const plain = run(asked, customer(drawn));
        const turned = run(asked, { ...customer(drawn, drawn.rules.toReversed()), benefits: drawn.benefits.toReversed() });
        assert.deepEqual(turned.price, plain.price);
        // Benefits that are alike in all but their id may change places.
        const plainLines = plain.lines.map(({ kind, attos }) => `${kind} ${attos}`);
        assert.deepEqual(
          turned.lines.map(({ kind, attos }) => `${kind} ${attos}`),
          plainLines,
        );
      }),
    );
  });

  it('comes from the most specific rule that matches', () => {
    const weight = (match: PriceItem): number =>
      dimensions.reduce((sum, dimension, index) => sum + (match[dimension] === '' || match[dimension] === 0 ? 0 : 2 ** (9 - index)), 0);
    check(
      fc.property(item, rules(anyPrice), (wanted, drawn) => {
        const matching = drawn.filter(({ match }) =>
          dimensions.every((dimension) => match[dimension] === '' || match[dimension] === 0 || match[dimension] === wanted[dimension]),
        );
        const best = matching.toSorted((a, b) => weight(b.match) - weight(a.match)).at(0);
        assert.equal(bookOf({ rules: drawn }).ruleFor(wanted), best);
      }),
    );
  });
});
