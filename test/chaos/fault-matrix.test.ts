/**
 * Every fault that the simulated market knows, through every adapter, at every step of a number's life: the real use cases over a real
 * database, the real adapters, the real protocols over HTTP, one clock. Whatever happens: at most one number is bought, nobody pays without a code,
 * the provider's side is settled to the cent, the customer's first answer and every repetition are exactly the table's, nothing stays parked.
 */
import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Adapter, adapters, type End, expected, type Outcome, paths, strangers, table } from './faults/table.ts';
import { type Meeting, openWorld, shiftRows, type World } from './faults/world.ts';

const root = join(import.meta.dirname, '../..');

it('knows every fault of the simulator and every adapter that there is', () => {
  assert.deepEqual(strangers(), []);
  const folders = globSync('services/verification/adapters/*/provider.ts', { cwd: root }).map((path) => basename(dirname(path)));
  assert.deepEqual(folders.toSorted(), ['five-sim', 'handler-api', 'text-verified']);
  assert.equal(adapters.length, folders.length, 'an adapter without rows in the table');
});

/** All that follows from how it ended. */
const laws: Readonly<
  Record<End, { captured: number; released: number; bought: number; atProvider: string | undefined; settlement: string | undefined }>
> = {
  completed: { captured: 1, released: 0, bought: 1, atProvider: 'finished', settlement: 'charged' },
  cancelled: { captured: 0, released: 1, bought: 1, atProvider: 'ended', settlement: 'refunded' },
  expired: { captured: 0, released: 1, bought: 1, atProvider: 'ended', settlement: 'refunded' },
  failed: { captured: 0, released: 1, bought: 0, atProvider: undefined, settlement: undefined },
};
const wanted = ([answer, end]: Outcome) => {
  const again = end === 'failed' && answer !== 'waiting' ? answer : end;
  return { answer, again, end, hold: true, shows: end === 'completed', ...laws[end] };
};

interface Facts {
  readonly events: ReadonlyMap<string, readonly { readonly subject: string; readonly payload: Readonly<Record<string, unknown>> }[]>;
  readonly settlements: ReadonlyMap<string, string>;
}

const readFacts = async ({ here }: World): Promise<Facts> => {
  const outbox = await here.db.query<{ aggregate_id: string; subject: string; payload: Buffer }>(
    "select aggregate_id, subject, payload from outbox where subject like 'namaskah.verification.v1.activation.%' order by seq",
  );
  const events = outbox.map(({ aggregate_id: id, subject, payload }) => ({
    ...{ id, subject: subject.split('.').at(-1) ?? '' },
    payload: JSON.parse(payload.toString()) as Record<string, unknown>,
  }));
  const settlements = await here.db.query<{ verification_id: string; state: string }>(
    'select verification_id, state from provider_settlements',
  );
  return {
    events: Map.groupBy(events, ({ id }) => id),
    settlements: new Map(settlements.map(({ verification_id: id, state }) => [id, state])),
  };
};

const gives = new Set(['cancelled', 'expired', 'failed']);
const digits = (text: string): string => text.replaceAll(/\D/g, '');

const outcome = async (world: World, meeting: Meeting, nth: number, facts: Facts) => {
  const [view, again] = [await world.view(meeting), await world.again(meeting, nth)];
  const bought = await Promise.all(meeting.activationIds.map((id) => world.activation(id)));
  const told = (facts.events.get(meeting.id) ?? []).filter(({ payload }) => (payload['holdId'] ?? '') !== '');
  const codes = bought.flatMap((activation) => activation.codes.map(({ code }) => digits(code)));
  const states = bought.map(({ state }) =>
    state === 'finished' ? 'finished' : state === 'cancelled' || state === 'expired' ? 'ended' : state,
  );
  return {
    ...{ answer: meeting.answer, again, end: view.status },
    hold: world.here.ledger.holds.has(meeting.id),
    // What the customer reads is what was sent; where nothing is owed, nothing is read.
    shows: view.code !== '' && codes.includes(view.code) && view.messages.every(({ code }) => codes.includes(code)),
    captured: told.filter(({ subject }) => subject === 'code-received').length,
    released: told.filter(({ subject }) => gives.has(subject)).length,
    bought: bought.length,
    atProvider: states.length > 1 ? states.join() : states[0],
    settlement: facts.settlements.get(meeting.id),
  };
};

describe('whatever the provider does', () => {
  let world: World;
  before(async () => {
    world = await openWorld();
  });
  after(() => world?.close());

  for (const path of paths)
    describe(path, () => {
      const meetings = new Map<string, Meeting>();
      let facts: Facts;
      const keyOf = (nth: number, adapter: Adapter): string => `${nth} ${adapter}`;
      let boughtBefore = 0n;
      before(async () => {
        boughtBefore = BigInt((await world.newestActivations(1)).at(0)?.id ?? 0);
        for (let from = 0; from < table.length; from += shiftRows) {
          for (const [index, { trouble }] of table.slice(from, from + shiftRows).entries())
            for (const adapter of adapters)
              meetings.set(keyOf(from + index, adapter), await world.act(trouble, from + index, adapter, path));
          await world.settle();
        }
        facts = await readFacts(world);
      });

      for (const [nth, { trouble, row }] of table.entries())
        it(`${trouble.kind} ${trouble.name}`, async () => {
          const seen: Record<string, object> = {};
          for (const adapter of adapters)
            seen[adapter] = await outcome(world, meetings.get(keyOf(nth, adapter)) ?? assert.fail(), nth, facts);
          assert.deepEqual(seen, Object.fromEntries(adapters.map((adapter) => [adapter, wanted(expected(row, path, adapter))])));
        });

      it('and afterwards nothing is parked, claimed, leaked or bought by nobody', async () => {
        const { db, leaks, failedSteps } = world.here;
        const open = await db.query(
          `select id, state, provider, service from verifications where state not in ('completed', 'cancelled', 'expired', 'failed')`,
        );
        const claimed = await db.query(`select verification_id, provider from provider_settlements where state in ('claimed', 'lost')`);
        assert.deepEqual({ open, claimed, leaks, failedSteps }, { open: [], claimed: [], leaks: [], failedSteps: [] });
        const owned = [...meetings.values()].flatMap(({ activationIds }) => activationIds);
        const all = (await world.newestActivations(1_000)).map(({ id }) => id).filter((id) => BigInt(id) > boughtBefore);
        assert.deepEqual(all.toSorted(), owned.toSorted());
      });
    });
});
