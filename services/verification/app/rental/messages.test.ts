import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { addMs, dayMs, hourMs, minuteMs, secondMs } from '#platform/time/index.ts';
import { loadPolicies } from '../../adapters/policies/load.ts';
import { postgresTexts } from '../../adapters/postgres/retention/texts.ts';
import type { Rental } from '../../domain/rental/rental.ts';
import { openRentalWorld, type RentalWorld } from '../../testing/rental/rental-world.ts';
import { purgeTexts } from '../retention/purge-texts.ts';
import { listRentalMessages } from './read-rentals.ts';
import { receiveMessages } from './rental-messages.ts';

const policies = loadPolicies(new URL('../../data/policies.json', import.meta.url));
const keptMs = (policies.plans['starter']?.retentionDays ?? assert.fail()) * dayMs;

describe("a rental's messages", () => {
  let world: Awaited<ReturnType<typeof openRentalWorld>>;
  let w: RentalWorld;
  before(async () => {
    world = await openRentalWorld();
  });
  after(() => world.close());
  beforeEach(async () => {
    w = await world.fresh();
  });

  const purge = (): Promise<number> => purgeTexts({ texts: postgresTexts(w.db), policies, clock: w.clock })();
  const texts = async ({ id }: Rental): Promise<string[]> =>
    (await listRentalMessages(w.ports)({ tenantId: w.tenantId, id, before: undefined, limit: 50 })).messages
      .map(({ text }) => text)
      .toReversed();
  const told = async (): Promise<number> => (await w.events()).filter((event) => event === 'message-received').length;
  const rows = () => w.db.query<{ sealed: Buffer; hidden: boolean }>('select sealed, hidden from rental_messages order by id');

  const say = (text: string, receivedAt: Date | undefined = w.clock.now()): void =>
    void (w.fake.rented.at(-1) ?? assert.fail()).messages.push({ text, sender: 'Telegram', receivedAt });

  for (const dated of [true, false])
    it(`are told once, although their text is gone and the provider still lists them (${dated ? 'with' : 'without'} its date)`, async () => {
      const rental = await w.rent({ duration: '90d' });
      await w.pass(0);
      for (const text of ['Your code is 48151', 'Your code is 62342']) {
        say(text);
        if (!dated) w.fake.rented[0]?.messages.splice(-1, 1, { text, sender: 'Telegram', receivedAt: undefined });
      }
      await w.pass(2 * minuteMs);
      assert.equal(await told(), 2);
      w.clock.advance(keptMs);
      say('Your code is 77777');
      await w.pass(2 * minuteMs);
      assert.equal(await purge(), 2);
      assert.equal(await purge(), 0, 'what is gone is not counted again');
      await w.pass(2 * minuteMs);
      await receiveMessages(w.ports, rental, w.fake.rented[0]?.messages ?? assert.fail());
      assert.deepEqual([await told(), await texts(rental)], [3, ['Your code is 77777']]);
      const kept = await rows();
      assert.deepEqual(
        kept.map(({ sealed, hidden }) => [sealed.length > 0, hidden]),
        [
          [false, true],
          [false, true],
          [true, false],
        ],
      );
      assert.deepEqual(w.failures, []);
    });

  it('leave their fingerprints until a week after the end, however often that was moved', async () => {
    const rental = await w.rent({ duration: '30d' });
    await w.pass(0);
    say('Your code is 48151');
    await w.pass(2 * minuteMs);
    w.clock.advance(29 * dayMs);
    await w.pass(0);
    await w.extend(rental.id, '90d');
    await w.db.query('update rental_messages set received_at = $1', [addMs(w.clock.now(), -keptMs - minuteMs)]);
    await purge();
    w.clock.advance(60 * dayMs);
    await w.extend(rental.id, '30d');
    w.clock.advance(38 * dayMs + hourMs);
    await purge();
    await w.pass(2 * minuteMs);
    assert.deepEqual([(await rows()).length, await told()], [1, 1], 'the end was moved after its text was gone');
    w.clock.advance(25 * dayMs);
    await w.pass(2 * minuteMs);
    assert.equal((await w.ports.store.find(w.tenantId, rental.id))?.state, 'expired');
    await purge();
    assert.equal((await rows()).length, 1);
    w.clock.advance(8 * dayMs);
    await purge();
    assert.equal((await rows()).length, 0);
  });

  it('of a rental that ended long ago go with their fingerprints', async () => {
    await w.rent();
    await w.pass(0);
    say('Your code is 48151');
    await w.pass(2 * minuteMs);
    await w.pass(2 * dayMs);
    w.clock.advance(keptMs);
    assert.equal(await purge(), 1);
    assert.deepEqual(await rows(), []);
  });

  const second = (): Date => new Date(Math.floor(w.clock.now().getTime() / secondMs) * secondMs);
  const receive = (rental: Rental, receivedAt: Date | undefined, text = 'Your code is 48151') =>
    receiveMessages(w.ports, rental, [{ text, sender: 'Telegram', receivedAt }]);

  for (const [push, poll] of [
    [789, 0],
    [789, 1_000],
    [0, 999],
    [500, 1_000],
  ] as const)
    it(`by a push at ${push} ms and a poll at ${poll} ms are one, in any order and at one moment`, async () => {
      for (const [a, b] of [
        [push, poll],
        [poll, push],
      ] as const) {
        const rental = await w.rent();
        const [before, at] = [await told(), second()];
        await receive(rental, addMs(at, a));
        await receive(rental, addMs(at, b));
        await receive(rental, addMs(at, a));
        assert.equal((await told()) - before, 1);
        const other = await w.rent();
        await Promise.all([a, b, a, b].map((ms) => receive(other, addMs(at, ms))));
        assert.equal((await told()) - before, 2);
      }
    });

  it('that are a second apart, or say something else, or are in one page, are each their own', async () => {
    const [rental, at] = [await w.rent(), second()];
    const page = [0, 1_000, 2_000].map((ms) => ({ text: 'Your code is 48151', sender: 'Telegram', receivedAt: addMs(at, ms) }));
    await receiveMessages(w.ports, rental, page);
    await receiveMessages(w.ports, rental, page.toReversed());
    assert.equal(await told(), 3);
    await receive(rental, at, 'Your code is 62342');
    assert.equal(await told(), 4);
    await receive(await w.rent(), at);
    assert.equal(await told(), 5, "another rental's");
  });

  it('from before fingerprints were of seconds are known still', async () => {
    const [rental, at] = [await w.rent(), addMs(second(), 789)];
    await receive(rental, at);
    const old = w.ports.sealer.fingerprint(`${rental.id}\nTelegram\nYour code is 48151\n${at.toISOString()}`);
    await w.db.query('update rental_messages set fingerprint = $1', [old]);
    await receive(rental, at);
    assert.equal(await told(), 1);
  });

  it('are told by whoever has the rental only: a fingerprint of another tenant is none', async () => {
    const rental = await w.rent();
    await receive(rental, second());
    assert.deepEqual(await w.ports.store.messages(newId(), rental.id, undefined, 10), []);
  });
});
