/** What a tenant reads of its rentals: pages and exports say the same, and nobody else's. */
import { strict as assert } from 'node:assert';
import { after, before, beforeEach, describe, it } from 'node:test';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { addMs, hourMs, minuteMs } from '#platform/time/index.ts';
import type { Rental } from '../../domain/rental/rental.ts';
import { openRentalWorld, type RentalWorld } from '../../testing/rental/rental-world.ts';
import { exportRentalMessages, exportRentals } from './export-rentals.ts';
import type { RentalFilter } from './ports.ts';
import { getRental, listRentalMessages, listRentals } from './read-rentals.ts';
import { releaseRental } from './release-rental.ts';

const all: RentalFilter = { states: [], service: undefined, country: undefined, createdFrom: undefined, createdTo: undefined };

describe('the history of rentals', () => {
  let opened: Awaited<ReturnType<typeof openRentalWorld>>;
  let world: RentalWorld;
  before(async () => {
    opened = await openRentalWorld();
  });
  after(() => opened.close());
  beforeEach(async () => {
    world = await opened.fresh();
  });

  const listed = async (over: Partial<RentalFilter> = {}, tenantId = world.tenantId): Promise<Rental[]> => {
    const rows: Rental[] = [];
    let before: string | undefined;
    do {
      const page = await listRentals(world.ports)({ ...all, ...over, tenantId, before, limit: 2 });
      rows.push(...page.rentals);
      before = page.next;
    } while (before !== undefined);
    return rows;
  };
  const exported = async (over: Partial<RentalFilter> = {}, tenantId = world.tenantId): Promise<Rental[]> => {
    const rows: Rental[] = [];
    for await (const batch of exportRentals(world.ports)(tenantId, { ...all, ...over })) rows.push(...batch);
    return rows;
  };

  it('is found by status, service, country and time; the export is the same backwards', async () => {
    const start = world.clock.now();
    const first = await world.rent();
    const second = await world.rent({ service: 'whatsapp' });
    await releaseRental(world.ports)({ tenantId: world.tenantId, id: second.id });
    world.clock.advance(5 * minuteMs);
    const third = await world.rent({ country: 'GB' });
    await world.rent({ tenantId: newId() });
    const later = addMs(start, 2 * minuteMs);
    const cases: readonly (readonly [Partial<RentalFilter>, readonly Rental[]])[] = [
      [{}, [third, second, first]],
      [{ states: ['active'] }, [third, first]],
      [{ states: ['released', 'expired'] }, [second]],
      [{ service: 'telegram' }, [third, first]],
      [{ country: 'GB' }, [third]],
      [{ service: 'whatsapp', country: 'GB' }, []],
      [{ createdFrom: later }, [third]],
      [{ createdTo: later }, [second, first]],
      [{ createdFrom: start, createdTo: later, states: ['active'] }, [first]],
    ];
    for (const [filter, expected] of cases) {
      const ids = expected.map(({ id }) => id);
      assert.deepEqual(
        (await listed(filter)).map(({ id }) => id),
        ids,
        JSON.stringify(filter),
      );
      assert.deepEqual(
        (await exported(filter)).map(({ id }) => id),
        ids.toReversed(),
        JSON.stringify(filter),
      );
    }
    assert.deepEqual([await listed({}, newId()), await exported({}, newId())], [[], []]);
  });

  it('says what each cost and gave back, and that is what the wallet says', async () => {
    const before = world.billing.money.balance;
    const rental = await world.rent();
    await world.pass(0);
    await world.extend(rental.id);
    world.fake.rented[0]?.messages.push({ text: 'Hello', sender: 'Shop', receivedAt: world.clock.now() });
    await world.pass(2 * hourMs);
    await releaseRental(world.ports)({ tenantId: world.tenantId, id: rental.id });
    await world.pass(minuteMs);
    const { chargedMicros, refundedMicros } = await getRental(world.ports)({ tenantId: world.tenantId, id: rental.id });
    assert.ok(refundedMicros > 0n && refundedMicros < chargedMicros);
    assert.equal(before - world.billing.money.balance, chargedMicros - refundedMicros);
  });

  it('messages have pages without gap or repetition, newest first; the export has all, oldest first', async () => {
    const rental = await world.rent();
    const inbox = world.fake.rented[0]?.messages ?? assert.fail();
    const sent = Array.from({ length: 7 }, (_, index) => `text ${index}`);
    // The provider shows the newest first.
    for (const [index, text] of sent.entries())
      inbox.unshift({ text, sender: 'Shop', receivedAt: addMs(world.clock.now(), index * 1_000) });
    await world.pass(2 * minuteMs);
    const read: string[] = [];
    let before: string | undefined;
    do {
      const page = await listRentalMessages(world.ports)({ tenantId: world.tenantId, id: rental.id, before, limit: 3 });
      read.push(...page.messages.map(({ text }) => text));
      before = page.next;
    } while (before !== undefined);
    assert.deepEqual(read, sent.toReversed());
    const exportedTexts: string[] = [];
    for await (const batch of exportRentalMessages(world.ports)({ tenantId: world.tenantId, id: rental.id }))
      exportedTexts.push(...batch.map(({ text }) => text));
    assert.deepEqual(exportedTexts, sent);
    const strangers = exportRentalMessages(world.ports)({ tenantId: newId(), id: rental.id });
    await assert.rejects(strangers.next(), (error) => isAppError(error, 'request.not_found'));
  });
});
