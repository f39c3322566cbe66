import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { newId } from '#platform/ids/index.ts';
import { addMs, minuteMs, secondMs } from '#platform/time/index.ts';
import { after, type Circuit, closedCircuit, stateAt, usualBreaker } from './breaker.ts';
import { type Choice, decide, usualRules, type Wish } from './decide.ts';
import { estimate, meanOf } from './estimate.ts';
import { createEvidence, type RouteKey } from './evidence.ts';
import { fractionOf } from './fraction.ts';
import { aged, none, plus, type Tally, tallyFields, tallyOf } from './tally.ts';

const start = new Date('2026-11-21T00:00:00Z');
const hour = 60 * minuteMs;
const route = (over: Partial<RouteKey> = {}): RouteKey => ({ provider: 'a', service: 'telegram', country: 'ID', operator: '', ...over });
const seen = (codes: number, misses: number): Tally => ({ ...none, granted: codes + misses, codes, misses });

const choice = (provider: string, over: Partial<Choice> & { tally?: Tally } = {}): Choice => {
  const { tally = none, ...rest } = over;
  const evidence = createEvidence(6 * hour);
  evidence.learn({ ...route({ provider }), tally, asOf: start });
  return {
    provider,
    estimate: estimate(evidence.ladder(route({ provider }), start)),
    listed: { costMicros: 200_000n, stock: 100 },
    circuit: 'closed',
    paused: false,
    ...rest,
  };
};
const wish = (over: Partial<Wish> = {}): Wish => ({ id: newId(), maxCostMicros: 900_000n, excluded: [], attempts: 3, ...over });
/** An id whose throw for the purpose is on the wanted side of `share`. */
const idWhere = (purpose: string, share: number, below: boolean): string => {
  for (let turn = 0; turn < 10_000; turn++) {
    const id = newId();
    if (fractionOf(id, purpose) < share === below) return id;
  }
  return assert.fail('no such id');
};
const plain = (): string => {
  for (let turn = 0; turn < 10_000; turn++) {
    const id = idWhere('explore', usualRules.exploreShare, false);
    if (fractionOf(id, 'probe') >= usualRules.probeShare) return id;
  }
  return assert.fail('no such id');
};

describe('what is known of a route', () => {
  it('sums of every level are those of their routes, in whatever order things are learnt', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            ...{ provider: fc.constantFrom('a', 'b'), service: fc.constantFrom('x', 'y'), country: fc.constantFrom('ID', 'GB') },
            ...{ codes: fc.nat(50), misses: fc.nat(50), minutes: fc.nat(600) },
          }),
          { maxLength: 30 },
        ),
        (steps) => {
          const evidence = createEvidence(6 * hour);
          const newest = new Map<string, Tally>();
          const now = addMs(start, 600 * minuteMs);
          for (const { provider, service, country, codes, misses, minutes } of steps) {
            const asOf = addMs(start, minutes * minuteMs);
            evidence.learn({ ...route({ provider, service, country }), tally: seen(codes, misses), asOf });
            newest.set(`${provider} ${service} ${country}`, aged(seen(codes, misses), now.getTime() - asOf.getTime(), 6 * hour));
          }
          const [all = none, ofA = none] = evidence.ladder(route(), now);
          const sum = (begin: string) => [...newest].filter(([name]) => name.startsWith(begin)).reduce((a, [, b]) => plus(a, b), none);
          for (const field of tallyFields) {
            assert.ok(Math.abs(all[field] - sum('')[field]) < 1e-6, field);
            assert.ok(Math.abs(ofA[field] - sum('a ')[field]) < 1e-6, field);
          }
        },
      ),
    );
  });

  it('a new route borrows from its provider, and forgets what it borrowed as it gets to know itself', () => {
    const evidence = createEvidence(6 * hour);
    evidence.learn({ ...route({ country: 'GB' }), tally: seen(10, 190), asOf: start });
    evidence.learn({ ...route({ provider: 'b', country: 'GB' }), tally: seen(190, 10), asOf: start });
    const rate = (provider: string) => meanOf(estimate(evidence.ladder(route({ provider }), start)).success);
    assert.ok(rate('a') < 0.2 && rate('b') > 0.8, `${rate('a')} ${rate('b')}`);
    evidence.learn({ ...route(), tally: seen(95, 5), asOf: start });
    assert.ok(rate('a') > 0.85, String(rate('a')));
  });

  it('old observations count less, so that a route which has got better gets its chance', () => {
    const evidence = createEvidence(6 * hour);
    evidence.learn({ ...route(), tally: seen(0, 100), asOf: start });
    const early = estimate(evidence.ladder(route(), start));
    const late = estimate(evidence.ladder(route(), addMs(start, 3 * 24 * hour)));
    assert.ok(meanOf(early.success) < 0.05);
    assert.ok(late.observations < 0.1 && meanOf(late.success) > 0.6);
  });

  it('latencies give their median, whatever the tail', () => {
    const evidence = createEvidence(6 * hour);
    const latencies = [4_000, 5_000, 6_000, 5_000, 200_000].flatMap((ms) => Array.from({ length: 40 }, () => ms));
    const tally = latencies.reduce((sum, latencyMs) => plus(sum, tallyOf({ kind: 'code', latencyMs })), none);
    evidence.learn({ ...route(), tally, asOf: start });
    const { latencyMs } = estimate(evidence.ladder(route(), start));
    assert.ok(latencyMs > 5_000 && latencyMs < 20_000, String(latencyMs));
  });
});

describe('the decision', () => {
  it('is the same whenever it is made anew', () => {
    fc.assert(
      fc.property(fc.uuid({ version: 7 }), (id) => {
        const choices = ['a', 'b', 'c'].map((name, index) => choice(name, { tally: seen(3 * index, 3) }));
        assert.deepEqual(decide(wish({ id }), choices), decide(wish({ id }), choices.toReversed()));
      }),
    );
  });

  it('prefers what a received code costs least, not what a number does', () => {
    const cheap = choice('cheap', { tally: seen(10, 90), listed: { costMicros: 100_000n, stock: 9 } });
    const good = choice('good', { tally: seen(90, 10), listed: { costMicros: 180_000n, stock: 9 } });
    const decision = decide(wish({ id: plain() }), [cheap, good]);
    assert.deepEqual(decision.order, ['good', 'cheap']);
    assert.deepEqual(
      decision.candidates.map(({ verdict }) => verdict),
      ['best', 'next'],
    );
  });

  it('sends a share of purchases to what may be better than the best known, and none to what cannot be', () => {
    const choices = [choice('known', { tally: seen(80, 20) }), choice('new'), choice('hopeless', { tally: seen(5, 395) })];
    const firsts = new Map<string, number>();
    const total = 20_000;
    for (let turn = 0; turn < total; turn++) {
      const [first = ''] = decide(wish(), choices).order;
      firsts.set(first, (firsts.get(first) ?? 0) + 1);
    }
    const share = (firsts.get('new') ?? 0) / total;
    assert.ok(Math.abs(share - usualRules.exploreShare) < 0.01, String(share));
    assert.equal(firsts.get('hopeless'), undefined);
  });

  it('asks nobody who is paused or excluded, at most as often as is allowed, and doubtful ones last', () => {
    const choices = [
      choice('paused', { paused: true }),
      choice('unwanted'),
      choice('empty', { listed: { costMicros: 100_000n, stock: 0 } }),
      choice('dear', { listed: { costMicros: 950_000n, stock: 5 } }),
      choice('usual'),
      choice('unlisted', { listed: undefined, tally: seen(1, 9) }),
    ];
    const decision = decide(wish({ id: plain(), excluded: ['unwanted'], attempts: 9 }), choices);
    assert.deepEqual(decision.order.slice(0, 2), ['usual', 'unlisted']);
    assert.deepEqual(decision.order.slice(2).toSorted(), ['dear', 'empty']);
    assert.equal(decide(wish({ attempts: 2 }), choices).order.length, 2);
    assert.deepEqual(Object.fromEntries(decision.candidates.map(({ provider, verdict }) => [provider, verdict])), {
      usual: 'best',
      unlisted: 'next',
      empty: 'doubtful_stock',
      dear: 'doubtful_price',
      paused: 'paused',
      unwanted: 'excluded',
    });
    assert.deepEqual(decide(wish({ excluded: ['a'] }), [choice('a')]).order, []);
  });

  it('asks those that are preferred first and those that are avoided last, and no wish makes one usable', () => {
    const choices = [
      choice('good', { tally: seen(90, 10) }),
      choice('poor', { tally: seen(20, 80) }),
      choice('fair', { tally: seen(60, 40) }),
      choice('empty', { listed: { costMicros: 100_000n, stock: 0 } }),
      choice('paused', { paused: true }),
    ];
    for (const id of [plain(), idWhere('explore', usualRules.exploreShare, true)]) {
      const { order, candidates } = decide(wish({ id, preferred: ['poor', 'paused', 'empty'], avoided: ['good'], attempts: 9 }), choices);
      assert.deepEqual(order, ['poor', 'fair', 'good', 'empty']);
      assert.deepEqual(Object.fromEntries(candidates.map(({ provider, verdict }) => [provider, verdict])), {
        poor: 'preferred',
        fair: 'best',
        good: 'avoided',
        empty: 'doubtful_stock',
        paused: 'paused',
      });
    }
    assert.deepEqual(decide(wish({ avoided: ['a'] }), [choice('a')]).order, ['a'], 'avoided is not excluded');
    assert.deepEqual(decide(wish({ avoided: ['a'], excluded: ['a'] }), [choice('a')]).order, []);
  });

  it('asks one with an open circuit only when there is no other', () => {
    const open = choice('open', { circuit: 'open', tally: seen(99, 1) });
    assert.deepEqual(decide(wish(), [open, choice('other', { tally: seen(10, 90) })]).order, ['other']);
    assert.deepEqual(decide(wish(), [open, choice('other', { paused: true })]).order, ['open']);
    const half = choice('half', { circuit: 'half_open' });
    const probe = idWhere('probe', usualRules.probeShare, true);
    assert.equal(decide(wish({ id: probe }), [half, choice('other')]).order[0], 'half');
    assert.deepEqual(decide(wish({ id: plain() }), [half, choice('other')]).order, ['other']);
  });
});

describe('the breaker', () => {
  const run = (answers: readonly ('sound' | 'fault')[], from: Circuit = closedCircuit, at: Date = start): Circuit =>
    answers.reduce((circuit, answer) => after(circuit, answer, at), from);
  const faults = (count: number) => Array.from({ length: count }, () => 'fault' as const);

  it('opens after faults in a row, or when too many of many answers are faults', () => {
    assert.equal(run(faults(usualBreaker.faultsInARow - 1)).state, 'closed');
    assert.equal(run(faults(usualBreaker.faultsInARow)).state, 'open');
    const mixed = Array.from({ length: 60 }, (_, index) => (index % 4 === 0 ? 'sound' : 'fault'));
    assert.equal(run(mixed).state, 'open');
    const fair = Array.from({ length: 400 }, (_, index) => (index % 4 === 0 ? 'fault' : 'sound'));
    assert.equal(run(fair).state, 'closed');
  });

  it('is half-open after its pause, closes after sound answers, opens for twice as long after a fault', () => {
    const open = run(faults(5));
    assert.equal(stateAt(open, start), 'open');
    const later = addMs(start, usualBreaker.pauseMs);
    assert.equal(stateAt(open, later), 'half_open');
    assert.equal(run(['sound', 'sound', 'sound'], open, later).state, 'closed');
    const again = run(['sound', 'fault'], open, later);
    assert.equal(again.openUntil?.getTime(), addMs(later, 2 * usualBreaker.pauseMs).getTime());
    assert.equal(stateAt(run(['sound'], open, later), later), 'half_open');
  });

  it('never stays open for ever, and late answers do not move it', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ fault: fc.boolean(), ms: fc.nat(60_000) }), { maxLength: 200 }), (steps) => {
        let circuit = closedCircuit;
        let now = start;
        for (const { fault, ms } of steps) {
          now = addMs(now, ms);
          const before = circuit;
          circuit = after(circuit, fault ? 'fault' : 'sound', now);
          if (stateAt(before, now) === 'open') assert.equal(circuit, before);
          const until = circuit.openUntil;
          if (until) assert.ok(until.getTime() - now.getTime() <= usualBreaker.longestPauseMs);
        }
        assert.notEqual(stateAt(circuit, addMs(now, usualBreaker.longestPauseMs + secondMs)), 'open');
      }),
    );
  });
});
