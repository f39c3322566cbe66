/**
 * Cancel, report, code, late code, request for another code, expiry: all of them at the same numbers at the same time, by two replicas with
 * their own connections, over a real database and a provider that loses answers. What is left must add up.
 */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { openDatabase, type Database } from '#platform/postgres/index.ts';
import { minuteMs, secondMs } from '#platform/time/index.ts';
import { outboxRowOf } from '../../adapters/nats/events.ts';
import { entities } from '../../adapters/postgres/rows.ts';
import { createVerificationStore } from '../../adapters/postgres/store.ts';
import { isFinal, isPaid, type State } from '../../domain/state.ts';
import { type Harness, openHarness } from '../../testing/harness.ts';
import { laxRules } from '../../testing/policy/rules.ts';
import { cancelVerification } from '../cancel-verification.ts';
import { createVerification } from '../create-verification.ts';
import type { Ports } from '../ports.ts';
import { receivePush } from '../receive-push.ts';
import { reportNumber } from '../report/report-number.ts';
import { workDue } from '../work-due.ts';
import { requestAnother } from './request-another.ts';

const races = 1_000;
const atOnce = 40;

/** Deterministic: a failure is repeated with the seed that it prints. */
const seed = Number(process.env['RACE_SEED'] ?? Date.now() % 1_000_000);
const randomness = (from: number) => {
  let state = from >>> 0;
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};

let h: Harness;
let otherDb: Database;
let replicas: readonly [Ports, Ports];
before(async () => {
  h = await openHarness();
  otherDb = await openDatabase({ url: h.url, applicationName: 'second-replica', poolMax: 8, entities });
  const now = () => h.clock.now();
  const timing = { ...h.ports.timing, finishDelayMs: minuteMs };
  const first = { ...h.ports, timing };
  replicas = [first, { ...first, store: createVerificationStore({ db: otherDb, rules: laxRules, outboxRowOf: outboxRowOf(now), now }) }];
});
after(async () => {
  await otherDb?.close();
  await h?.close();
});

/** What billing makes of the events of one verification, in its rules: settled once, a repetition changes nothing. */
interface Books {
  charged: bigint;
  releases: number;
  readonly closed: Map<string, 'captured' | 'released'>;
}

interface Told {
  readonly subject: string;
  readonly aggregate_id: string;
  readonly aggregate_version: bigint;
  readonly payload: Buffer;
}

const settle = (told: readonly Told[]): Books => {
  const books: Books = { charged: 0n, releases: 0, closed: new Map() };
  for (const { subject, payload } of told) {
    const { holdId = '', price } = JSON.parse(payload.toString()) as { holdId?: string; price?: { micros?: string } };
    const kind = subject.split('.').at(-1) ?? '';
    if (holdId === '') continue;
    if (kind === 'code-received') {
      assert.equal(books.closed.get(holdId), undefined, 'a hold is captured once, and never after it was released');
      books.closed.set(holdId, 'captured');
      books.charged += BigInt(price?.micros ?? '0');
    } else if (['cancelled', 'expired', 'failed', 'another-code-ended'].includes(kind)) {
      assert.equal(books.closed.get(holdId), undefined, 'a hold is released once, and never after it was captured');
      books.closed.set(holdId, 'released');
      if (kind !== 'another-code-ended') books.releases += 1;
    }
  }
  return books;
};

const race = async (index: number): Promise<void> => {
  const random = randomness(seed + index * 7_919);
  const either = (): Ports => replicas[random(2)] ?? replicas[0];
  // Half of them are of a service whose further codes cost something.
  const bought = await createVerification(either())(h.request({ service: random(2) === 0 ? 'whatsapp' : 'telegram' }));
  const { id } = bought;
  const tenantId = h.request().tenantId;
  const activationId = h.provider.rented.find((row) => row.orderId === id)?.id ?? assert.fail('not rented');
  const code = (text: string) => async () => {
    h.provider.deliver(activationId, `Your code is ${text}`, text);
    await receivePush(either())(h.push(activationId, `Your code is ${text}`, text));
  };
  const steps: readonly (() => Promise<unknown>)[] = [
    () => cancelVerification(either())({ tenantId, id }),
    () => reportNumber(either())({ tenantId, id, reason: 'number_already_used' }),
    code('111111'),
    code('111111'),
    code('222222'),
    () => requestAnother(either())({ tenantId, id }),
    () => requestAnother(either())({ tenantId, id }),
    // A message that nobody fetched by push.
    async () => void h.provider.deliver(activationId, 'Your code is 333333', '333333'),
    () => workDue(either())({ limit: 20, leaseMs: 45_000 }),
  ];
  if (random(4) === 0)
    h.provider.spoil(
      (['cancel', 'report', 'status', 'requestAnother'] as const)[random(4)] ?? 'cancel',
      random(2) === 0 ? 'before' : 'after',
    );
  const drawn = Array.from({ length: 2 + random(5) }, () => steps[random(steps.length)] ?? assert.fail());
  // A refusal is an answer; anything that is none shows in the books.
  await Promise.allSettled(drawn.map((step) => step()));
};

it(`${races} races: one end each, at most one refund, the ledger adds up`, { timeout: 600_000 }, async (t) => {
  t.diagnostic(`RACE_SEED=${seed}`);
  const before = h.ledger.balanceMicros;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < races) {
      const index = next++;
      await race(index);
      // Less than a purchase may take.
      if (index % 25 === 0) h.clock.advance(secondMs / 2);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  h.provider.heal();
  // Their time runs out; the two schedulers share the work, and late codes come in between.
  for (let turn = 0; turn < 80; turn++) {
    h.clock.advance(30 * secondMs);
    await Promise.all(replicas.map((ports) => workDue(ports)({ limit: 200, leaseMs: 45_000 })));
    if (turn % 10 !== 9) continue;
    const some = h.provider.rented.slice(turn, turn + 20);
    await Promise.allSettled(some.map(({ id }) => receivePush(replicas[0])(h.push(id, 'Your code is 987654', '987654'))));
  }

  const rows = await h.db.query<{ id: string; state: State; price_micros: bigint; codes: number; hold_id: string; visible: bigint }>(
    `select v.id, v.state, v.price_micros, v.codes, v.hold_id,
       (select count(*) from messages m where m.verification_id = v.id and not m.hidden) as visible from verifications v`,
  );
  const told = await h.db.query<Told>('select subject, aggregate_id, aggregate_version, payload from outbox order by seq');
  const byId = Map.groupBy(told, ({ aggregate_id }) => aggregate_id);
  assert.equal(rows.length, races);
  const ends = new Map<State, number>();
  let charged = 0n;
  const closed = new Map<string, 'captured' | 'released'>();
  for (const { id, state, price_micros: price, codes, hold_id: holdId, visible } of rows) {
    const events = byId.get(id) ?? [];
    const kinds = events.map(({ subject }) => subject.split('.').at(-1) ?? '');
    const about = `${id}: ${state} by ${kinds.join(', ')}`;
    ends.set(state, (ends.get(state) ?? 0) + 1);
    assert.ok(isFinal(state), about);
    assert.equal(kinds.filter((kind) => ['completed', 'cancelled', 'expired', 'failed'].includes(kind)).length, 1, about);
    assert.equal(kinds.filter((kind) => kind === 'code-received').length, codes, about);
    assert.equal(Number(visible), codes, about);
    const versions = events.map(({ aggregate_version }) => Number(aggregate_version));
    assert.deepEqual(
      versions,
      [...new Set(versions)].toSorted((a, b) => a - b),
      about,
    );
    const books = settle(events);
    assert.equal(books.releases, isPaid(state) ? 0 : 1, about);
    assert.equal(books.closed.get(holdId), isPaid(state) ? 'captured' : 'released', about);
    assert.ok(books.charged >= (isPaid(state) ? price : 0n), about);
    if (!isPaid(state)) assert.equal(books.charged, 0n, about);
    charged += books.charged;
    for (const [hold, how] of books.closed) closed.set(hold, how);
  }
  // Every hold has its end: by an event, or given back because nobody was asked for the code after all.
  const givenBack = new Set(h.ledger.givenBack);
  for (const hold of givenBack) {
    assert.notEqual(closed.get(hold), 'captured', `${hold} was given back while somebody waited for its code`);
    closed.set(hold, 'released');
  }
  const holds = [...h.ledger.holds.values()];
  for (const { holdId } of holds) assert.ok(closed.has(holdId), `${holdId} is still held`);
  const released = holds
    .filter(({ holdId }) => closed.get(holdId) === 'released')
    .reduce((sum, { amountMicros }) => sum + amountMicros, 0n);
  // What is given back by its id is in the balance already; what events release, billing adds when it hears of them.
  const returned = holds.filter(({ holdId }) => givenBack.has(holdId)).reduce((sum, { amountMicros }) => sum + amountMicros, 0n);
  assert.equal(
    before - (h.ledger.balanceMicros - returned) - released - charged,
    0n,
    'what was held is what was charged and what went back',
  );
  t.diagnostic([...ends].map(([state, count]) => `${state} ${count}`).join(', '));
  for (const state of ['completed', 'cancelled', 'expired'] as const) assert.ok((ends.get(state) ?? 0) > 0, `none has ended as ${state}`);
  assert.deepEqual(h.failedSteps, []);
});
