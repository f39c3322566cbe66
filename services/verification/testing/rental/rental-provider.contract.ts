import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { addMs, hourMs, minuteMs } from '#platform/time/index.ts';
import type { ListedRental, RentalProvider, Wanted } from '../../app/rental/ports.ts';
import type { Refusal } from '../../app/ports.ts';
import { testCatalogue } from '../harness.ts';

export type RentalOperation = 'price' | 'rent' | 'extend' | 'messages' | 'release' | 'find' | 'list';

/** What a contract needs to move the world behind a provider of rentals. */
export interface RentalWorld {
  readonly provider: RentalProvider;
  now(): Date;
  /** How many rentals were ever bought there. */
  bought(): Promise<number>;
  /** Money spent there, less what came back. */
  spentMicros(): Promise<bigint>;
  deliver(phoneNumber: string, sender: string, text: string): Promise<void>;
  /** The next purchase is refused for this reason. */
  refuse(reason: Extract<Refusal, 'no_numbers' | 'account'>): Promise<void>;
  /** The answer to the next call of this kind gets lost; `after`: what was asked for happens. */
  lose(operation: RentalOperation, how: 'before' | 'after'): Promise<void>;
  /** Whether a rental that had no message is paid back; true at the beginning. */
  refundable(on: boolean): Promise<void>;
  /** Everything costs this much more, or as much as at the beginning. */
  dearer(factor: number): Promise<void>;
  /** The provider ends the rental. */
  end(phoneNumber: string): Promise<void>;
  /** Nothing is answered; false: everything is again. */
  outage(on: boolean): Promise<void>;
  /** Every answer takes so long; 0: none does. */
  slow(ms: number): Promise<void>;
  /** A slow answer that still comes in time. */
  readonly patienceMs: number;
}

/** What every implementation of `RentalProvider` keeps. */
export const rentalProviderContract = (name: string, open: () => Promise<RentalWorld>, countryCode = 'ID'): void => {
  describe(`rental provider contract: ${name}`, () => {
    const service = testCatalogue.service('telegram') ?? assert.fail();
    const country = testCatalogue.country(countryCode) ?? assert.fail();
    const wanted = (hours = 24): Wanted & { orderId: string } => ({ service, country, hours, orderId: newId() });
    const shown = (value: unknown): string => JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each));
    const rent = async ({ provider }: RentalWorld, hours = 24) => {
      const outcome = await provider.rent(wanted(hours));
      return outcome.kind === 'granted' ? outcome : assert.fail(shown(outcome));
    };
    const listed = async ({ provider }: RentalWorld): Promise<readonly ListedRental[]> => {
      const outcome = await provider.list();
      return outcome.kind === 'listed' ? outcome.rentals : assert.fail(shown(outcome));
    };
    const idsOf = (rows: readonly ListedRental[]): string[] => rows.map((row) => row.providerRentalId);
    const endOf = async ({ provider }: RentalWorld, id: string): Promise<number> => {
      const found = await provider.find(id);
      return found.kind === 'active' ? found.rental.endsAt.getTime() : assert.fail(shown(found));
    };
    const textsOf = async ({ provider }: RentalWorld, id: string, since?: Date) => {
      const inbox = await provider.messages(id, since);
      return inbox.kind === 'listed' ? inbox.messages : assert.fail(shown(inbox));
    };
    const reasonOf = (outcome: { kind: string; reason?: Refusal }) => [outcome.kind, outcome.reason];
    const slackMs = 5_000;

    it('names a price, and the purchase takes it', async () => {
      const world = await open();
      const price = await world.provider.price(wanted());
      assert.ok(price.kind === 'priced' && price.costMicros > 0n, shown(price));
      const longer = await world.provider.price(wanted(72));
      assert.ok(longer.kind === 'priced' && longer.costMicros > price.costMicros);
      const before = await world.spentMicros();
      const grant = await rent(world);
      assert.equal((await world.spentMicros()) - before, price.costMicros);
      assert.ok(grant.costMicros === undefined || grant.costMicros === price.costMicros);
    });

    it('shows a price that has moved', async () => {
      const world = await open();
      const before = await world.provider.price(wanted());
      const grant = await rent(world);
      const moreBefore = await world.provider.priceOfMore({ providerRentalId: grant.providerRentalId, hours: 24 });
      await world.dearer(10);
      const after = await world.provider.price(wanted());
      const moreAfter = await world.provider.priceOfMore({ providerRentalId: grant.providerRentalId, hours: 24 });
      await world.dearer(1);
      assert.ok(before.kind === 'priced' && after.kind === 'priced');
      assert.ok(moreBefore.kind === 'priced' && moreAfter.kind === 'priced');
      assert.equal(after.costMicros, before.costMicros * 10n);
      assert.equal(moreAfter.costMicros, moreBefore.costMicros * 10n);
    });

    it('grants a number in E.164 for so long, and has it in its list', async () => {
      const world = await open();
      const grant = await rent(world);
      assert.match(grant.phoneNumber, /^\+[1-9]\d{6,14}$/);
      assert.ok(Math.abs(grant.endsAt.getTime() - addMs(world.now(), 24 * hourMs).getTime()) < slackMs);
      const row = (await listed(world)).find((each) => each.providerRentalId === grant.providerRentalId);
      assert.deepEqual([row?.phoneNumber, row?.service, row?.country], [grant.phoneNumber, 'telegram', countryCode]);
      assert.ok(row?.endsAt === undefined || Math.abs(row.endsAt.getTime() - grant.endsAt.getTime()) < slackMs);
      assert.ok(row?.startedAt === undefined || Math.abs(row.startedAt.getTime() - world.now().getTime()) < slackMs);
      assert.ok(row?.startedAt !== undefined || row?.endsAt !== undefined, 'one of them tells a purchase from another');
      assert.ok(Math.abs((await endOf(world, grant.providerRentalId)) - grant.endsAt.getTime()) < slackMs);
    });

    for (const reason of ['no_numbers', 'account'] as const)
      it(`refuses with a reason: ${reason}; nothing was bought`, async () => {
        const world = await open();
        const before = await world.bought();
        await world.refuse(reason);
        assert.deepEqual(reasonOf(await world.provider.rent(wanted())), ['refused', reason]);
        assert.equal(await world.bought(), before);
      });

    it('does not rent what it has no name for', async () => {
      const world = await open();
      const before = await world.bought();
      const nameless = { ...wanted(), service: { ...service, providerCodes: {} } };
      // A provider in memory knows every name.
      if (world.provider.sells(nameless)) return;
      assert.deepEqual(reasonOf(await world.provider.price(nameless)), ['refused', 'not_offered']);
      assert.deepEqual(reasonOf(await world.provider.rent(nameless)), ['refused', 'not_offered']);
      assert.equal(await world.bought(), before);
    });

    it('says "unknown" when the answer to a purchase is lost; the list tells what happened, and nothing is bought twice', async () => {
      const world = await open();
      const known = new Set(idsOf(await listed(world)));
      const before = await world.bought();
      await world.lose('rent', 'after');
      assert.equal((await world.provider.rent(wanted())).kind, 'unknown');
      assert.equal(await world.bought(), before + 1);
      const [row, ...others] = (await listed(world)).filter((each) => !known.has(each.providerRentalId));
      assert.equal(others.length, 0);
      assert.deepEqual([row?.service, row?.country], ['telegram', countryCode]);
      const endsAt = await endOf(world, row?.providerRentalId ?? '');
      assert.ok(Math.abs(endsAt - addMs(world.now(), 24 * hourMs).getTime()) < slackMs);
      await world.lose('rent', 'before');
      assert.equal((await world.provider.rent(wanted())).kind, 'unknown');
      assert.equal(await world.bought(), before + 1);
    });

    it('extends, and is asked for its end when the answer was lost', async () => {
      const world = await open();
      const grant = await rent(world);
      const id = grant.providerRentalId;
      const price = await world.provider.priceOfMore({ providerRentalId: id, hours: 72 });
      const before = await world.spentMicros();
      const more = await world.provider.extend({ providerRentalId: id, hours: 72 });
      assert.ok(more.kind === 'granted', shown(more));
      assert.ok(Math.abs(more.endsAt.getTime() - addMs(grant.endsAt, 72 * hourMs).getTime()) < slackMs);
      assert.equal((await world.spentMicros()) - before, price.kind === 'priced' ? price.costMicros : -1n);
      assert.ok(Math.abs((await endOf(world, id)) - more.endsAt.getTime()) < slackMs);
      await world.lose('extend', 'before');
      assert.equal((await world.provider.extend({ providerRentalId: id, hours: 24 })).kind, 'unknown');
      assert.ok(Math.abs((await endOf(world, id)) - more.endsAt.getTime()) < slackMs, 'it did not happen');
      await world.lose('extend', 'after');
      assert.equal((await world.provider.extend({ providerRentalId: id, hours: 24 })).kind, 'unknown');
      assert.ok(Math.abs((await endOf(world, id)) - addMs(more.endsAt, 24 * hourMs).getTime()) < slackMs, 'it did');
    });

    it('refuses an extension beyond a year, of what has ended, and of what is not ours', async () => {
      const world = await open();
      const grant = await rent(world, 8_760);
      const id = grant.providerRentalId;
      assert.equal((await world.provider.extend({ providerRentalId: id, hours: 8_760 })).kind, 'refused');
      await world.end(grant.phoneNumber);
      assert.equal((await world.provider.extend({ providerRentalId: id, hours: 24 })).kind, 'refused');
      assert.equal((await world.provider.priceOfMore({ providerRentalId: id, hours: 24 })).kind, 'refused');
      assert.equal((await world.provider.extend({ providerRentalId: '987654321', hours: 24 })).kind, 'refused');
    });

    it('gives the money back inside the window, and says so again when it is asked again', async () => {
      const world = await open();
      const before = await world.spentMicros();
      const grant = await rent(world);
      assert.deepEqual(await world.provider.release(grant.providerRentalId), { kind: 'released', returned: true });
      assert.equal(await world.spentMicros(), before);
      assert.deepEqual(await world.provider.find(grant.providerRentalId), { kind: 'returned' });
      assert.deepEqual(await world.provider.release(grant.providerRentalId), { kind: 'released', returned: true });
      assert.ok(!idsOf(await listed(world)).includes(grant.providerRentalId));
    });

    it('keeps the money outside the window, and after a message', async () => {
      const world = await open();
      const used = await rent(world);
      await world.deliver(used.phoneNumber, 'Telegram', 'code 40215');
      const late = await rent(world);
      const before = await world.spentMicros();
      await world.refundable(false);
      for (const { providerRentalId } of [used, late]) {
        assert.deepEqual(await world.provider.release(providerRentalId), { kind: 'released', returned: false });
        const found = await world.provider.find(providerRentalId);
        assert.ok(found.kind === 'ended' || found.kind === 'active', shown(found));
      }
      await world.refundable(true);
      assert.equal(await world.spentMicros(), before);
    });

    it('a lost answer to a release is unknown, and asking again is safe', async () => {
      const world = await open();
      const before = await world.spentMicros();
      const grant = await rent(world);
      await world.lose('release', 'before');
      assert.equal((await world.provider.release(grant.providerRentalId)).kind, 'unknown');
      await world.lose('release', 'after');
      assert.equal((await world.provider.release(grant.providerRentalId)).kind, 'unknown');
      assert.deepEqual(await world.provider.release(grant.providerRentalId), { kind: 'released', returned: true });
      assert.equal(await world.spentMicros(), before);
    });

    it('shows messages in their order, all of them over many pages, or those since a moment', async () => {
      const world = await open();
      const { providerRentalId: id, phoneNumber } = await rent(world);
      assert.deepEqual(await textsOf(world, id), []);
      const count = 130;
      for (let index = 0; index < count; index++) await world.deliver(phoneNumber, 'Telegram', `code ${10_000 + index}`);
      const all = await textsOf(world, id);
      const texts = Array.from({ length: count }, (_, index) => `code ${10_000 + index}`);
      assert.deepEqual(
        all.map(({ text }) => text),
        texts,
        'oldest first, those of one second, too',
      );
      const [one] = all.filter(({ text }) => text === 'code 10007');
      assert.equal(one?.sender, 'Telegram');
      assert.ok(one?.receivedAt && Math.abs(one.receivedAt.getTime() - world.now().getTime()) < minuteMs);
      await world.deliver(phoneNumber, 'Telegram', 'the newest');
      const newest = (await textsOf(world, id, world.now())).map(({ text }) => text);
      assert.ok(newest.includes('the newest') && newest.length <= count + 1);
    });

    it('a list of messages that cannot be read is no empty list', async () => {
      const world = await open();
      const { providerRentalId: id, phoneNumber } = await rent(world);
      await world.deliver(phoneNumber, 'Telegram', 'code 40215');
      await world.lose('messages', 'before');
      assert.equal((await world.provider.messages(id)).kind, 'unknown');
      assert.equal((await textsOf(world, id)).length, 1);
      await world.lose('find', 'before');
      assert.equal((await world.provider.find(id)).kind, 'unknown');
      await world.lose('list', 'before');
      assert.equal((await world.provider.list()).kind, 'unknown');
    });

    it('an ended rental has ended, one that is not ours is absent', async () => {
      const world = await open();
      const grant = await rent(world);
      await world.end(grant.phoneNumber);
      assert.deepEqual(await world.provider.find(grant.providerRentalId), { kind: 'ended' });
      assert.ok(!idsOf(await listed(world)).includes(grant.providerRentalId));
      assert.deepEqual(await world.provider.find('987654321'), { kind: 'absent' });
    });

    it('an answer that is slow but in time is an answer; an outage is no answer, and buys nothing', async () => {
      const world = await open();
      await world.slow(world.patienceMs);
      const grant = await rent(world);
      await world.slow(0);
      const before = await world.bought();
      await world.outage(true);
      const { provider } = world;
      const id = grant.providerRentalId;
      const answers = await Promise.all([
        ...[provider.price(wanted()), provider.priceOfMore({ providerRentalId: id, hours: 24 }), provider.rent(wanted())],
        ...[
          provider.extend({ providerRentalId: id, hours: 24 }),
          provider.messages(id),
          provider.release(id),
          provider.find(id),
          provider.list(),
        ],
      ]);
      await world.outage(false);
      // "Never left this machine" is a refusal, too: then nothing was bought either.
      for (const answer of answers) assert.ok(answer.kind === 'unknown' || answer.kind === 'refused', shown(answer));
      assert.ok([4, 5, 6, 7].every((index) => answers[index]?.kind === 'unknown'));
      assert.equal(await world.bought(), before);
      assert.ok(idsOf(await listed(world)).includes(id));
    });

    it('keeps many rentals apart', async () => {
      const world = await open();
      const grants = await Promise.all(Array.from({ length: 30 }, () => rent(world, 24)));
      assert.equal(new Set(grants.map((grant) => grant.phoneNumber)).size, 30);
      const ids = new Set(idsOf(await listed(world)));
      assert.ok(grants.every((grant) => ids.has(grant.providerRentalId)));
      const [one, two] = grants;
      await world.deliver(one?.phoneNumber ?? '', 'Telegram', 'for the first');
      assert.equal((await textsOf(world, two?.providerRentalId ?? '')).length, 0);
    });
  });
};
