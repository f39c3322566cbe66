import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import { addMs, hourMs } from '#platform/time/index.ts';
import type { Collection, Hold } from '../../domain/hold.ts';
import type {
  EntryFilter,
  CreditSweep,
  HoldFact,
  HoldLedger,
  HoldReader,
  HoldSettlement,
  HoldSweep,
  PlaceHold,
  Settled,
  WalletReader,
  Wallets,
} from '../../app/ledger/ports.ts';
import { priorities } from '../../domain/credit.ts';
import { canonicalRequest } from '../../app/canonical-request.ts';

/** The ledger's ports together, as the tests drive them; single facts each in a transaction of their own. */
type Ports = HoldLedger & HoldReader & HoldSweep & HoldSettlement & Wallets & WalletReader & CreditSweep;
export type BooksUnderTest = Ports & {
  collect(command: CollectCharge): Promise<Collection | undefined>;
  giveBack(command: Fact): Promise<boolean>;
};
type Fact = { readonly tenantId: string; readonly holdId: string; readonly now?: Date };
type CollectCharge = Fact & { readonly upToMicros: bigint; readonly final: boolean };

/** Adds the settlement of one fact at a time. */
export const underTest = (ports: Ports): BooksUnderTest => {
  const settle = async (fact: HoldFact): Promise<Settled> => (await ports.settle([fact]))[0] ?? assert.fail('a fact without an answer');
  return {
    ...ports,
    collect: async (command) => {
      const settled = await settle({ now: start, ...command, kind: 'collect' });
      return settled.found ? settled.collection : undefined;
    },
    giveBack: async (command) => (await settle({ now: start, ...command, kind: 'give_back' })).found,
  };
};

export const start = new Date('2026-03-01T12:00:00.000Z');
export const usd = (micros: bigint) => money('USD', micros);

export const placing = (tenantId: string, micros: bigint, over: Partial<PlaceHold> = {}): PlaceHold => ({
  tenantId,
  idempotencyKey: newId(),
  request: canonicalRequest('place', micros),
  holdId: newId(),
  amount: usd(micros),
  product: 'verification',
  reference: 'ref',
  description: 'Telegram code, Indonesia',
  expiresAt: addMs(start, hourMs),
  expiryAcceptable: true,
  now: start,
  ...over,
});

export const capturing = (tenantId: string, holdId: string, micros: bigint, final = true, idempotencyKey = newId()) => ({
  tenantId,
  idempotencyKey,
  request: canonicalRequest('capture', holdId, micros, final),
  holdId,
  amount: usd(micros),
  final,
  now: start,
});

export const releasing = (tenantId: string, holdId: string, idempotencyKey = newId()) => ({
  tenantId,
  idempotencyKey,
  request: canonicalRequest('release', holdId),
  holdId,
  now: start,
});

export const granting = (tenantId: string, micros: bigint, idempotencyKey = newId()) => ({
  tenantId,
  idempotencyKey,
  request: canonicalRequest('grant', micros),
  transferId: newId(),
  amount: usd(micros),
  reason: 'Welcome',
  priority: priorities.promotional,
  expiresAt: undefined as Date | undefined,
  now: start,
});

export const charging = (tenantId: string, micros: bigint, idempotencyKey = newId()) => ({
  tenantId,
  idempotencyKey,
  request: canonicalRequest('charge', micros),
  transferId: newId(),
  amount: usd(micros),
  product: 'usage' as const,
  reference: 'ref',
  description: 'API calls',
  now: start,
});

export const refunding = (tenantId: string, reverses: string, micros: bigint, idempotencyKey = newId()) => ({
  tenantId,
  idempotencyKey,
  request: canonicalRequest('refund', reverses, micros),
  transferId: newId(),
  reverses,
  amount: usd(micros),
  description: 'It did not work',
  reference: reverses,
  now: start,
});

/**
 * Every implementation of the ledger's ports behaves like this.
 * @param knowsActors false: one from before there were any, kept to compare money with
 */
export const booksContract = (name: string, books: () => BooksUnderTest, { knowsActors = true } = {}): void => {
  const rich = async (micros = 100n): Promise<string> => {
    const tenantId = newId();
    await books().grant(granting(tenantId, micros));
    return tenantId;
  };
  const placed = async (tenantId: string, micros: bigint, over: Partial<PlaceHold> = {}): Promise<Hold> => {
    const result = await books().place(placing(tenantId, micros, over));
    if (result.outcome !== 'done') assert.fail(`placing ended in ${result.outcome}`);
    return result.hold;
  };
  const wallet = async (tenantId: string): Promise<string> => {
    const found = await books().wallet(tenantId);
    return found === undefined ? 'none' : `${found.balanceMicros}/${found.heldMicros}`;
  };
  const law = (title: string, body: () => Promise<void>): void => void test(`${name}: ${title}`, body);

  law('a hold counts against the available credit at once, a capture takes it, the rest comes back', async () => {
    const tenantId = await rich();
    const hold = await placed(tenantId, 60n);
    assert.equal(await wallet(tenantId), '100/60');
    const captured = await books().capture(capturing(tenantId, hold.id, 45n));
    assert.equal(captured.outcome, 'done');
    assert.equal(await wallet(tenantId), '55/0');
    const stored = await books().find(tenantId, hold.id);
    assert.deepEqual([stored?.state, stored?.capturedMicros], ['captured', 45n]);
  });

  const actorLaw = knowsActors ? law : () => {};
  actorLaw('what a hold is charged for, what is taken late, and what is given back of it bear the name of whoever placed it', async () => {
    const tenantId = await rich();
    const [anna, ben] = [`user:${newId()}`, `key:${newId()}`];
    const byActor = async (actor: string): Promise<(readonly [string, bigint])[]> => {
      const { entries } = await books().entries(tenantId, { actor }, { limit: 10, cursor: '' });
      assert.ok(entries.every((entry) => entry.actor === actor));
      return entries.map(({ type, amountMicros }) => [type, amountMicros] as const);
    };
    const short = await placed(tenantId, 20n, { actor: anna });
    await books().collect({ tenantId, holdId: short.id, upToMicros: 25n, final: true });
    const charge = charging(tenantId, 7n);
    await books().charge({ ...charge, actor: ben });
    await books().refund(refunding(tenantId, charge.transferId, 3n));
    const whole = placing(tenantId, 30n, { actor: ben });
    await books().place(whole);
    const part = placing(tenantId, 10n);
    await books().carve({ ...part, fromHoldId: whole.holdId });
    await books().capture(capturing(tenantId, part.holdId, 4n));
    const nobody = await placed(tenantId, 5n);
    await books().capture(capturing(tenantId, nobody.id, 5n));
    assert.deepEqual(await byActor(anna), [
      ['charge', -5n],
      ['charge', -20n],
    ]);
    assert.deepEqual(await byActor(ben), [
      ['charge', -4n],
      ['refund', 3n],
      ['usage', -7n],
    ]);
    const { entries } = await books().entries(tenantId, {}, { limit: 10, cursor: '' });
    assert.equal(entries.filter(({ actor }) => actor === undefined).length, 2, 'the grant, and what nobody in particular caused');
  });

  law('credit that is promised cannot be promised again', async () => {
    const tenantId = await rich();
    await placed(tenantId, 60n);
    assert.deepEqual(await books().place(placing(tenantId, 41n)), { outcome: 'insufficient_credit', availableMicros: 40n });
    assert.deepEqual(await books().place(placing(newId(), 1n)), { outcome: 'insufficient_credit', availableMicros: 0n });
  });

  law('increments add up, and never beyond the hold', async () => {
    const tenantId = await rich();
    const { id } = await placed(tenantId, 60n);
    for (const amount of [10n, 20n]) assert.equal((await books().capture(capturing(tenantId, id, amount, false))).outcome, 'done');
    assert.equal(await wallet(tenantId), '70/30');
    assert.equal((await books().capture(capturing(tenantId, id, 31n, false))).outcome, 'capture_exceeds_hold');
    assert.equal((await books().release(releasing(tenantId, id))).outcome, 'done');
    assert.equal(await wallet(tenantId), '70/0');
    assert.equal((await books().find(tenantId, id))?.capturedMicros, 30n);
  });

  law('every command repeated with its key gives the first answer and has no second effect', async () => {
    const tenantId = await rich();
    const place = placing(tenantId, 60n);
    const first = await books().place(place);
    const capture = capturing(tenantId, place.holdId, 10n, false);
    const captured = await books().capture(capture);
    const release = releasing(tenantId, place.holdId);
    const released = await books().release(release);
    assert.ok('hold' in first && 'hold' in captured && 'hold' in released);
    const again = await books().place({ ...place, holdId: newId(), expiryAcceptable: false });
    assert.deepEqual(again, { outcome: 'replayed', hold: first.hold });
    assert.deepEqual(await books().capture(capture), { outcome: 'replayed', hold: captured.hold });
    assert.deepEqual(await books().release(release), { outcome: 'replayed', hold: released.hold });
    assert.equal(await wallet(tenantId), '90/0');
  });

  law('a key with another request is a conflict and changes nothing', async () => {
    const tenantId = await rich();
    const place = placing(tenantId, 10n);
    await books().place(place);
    const capture = capturing(tenantId, place.holdId, 4n, false);
    await books().capture(capture);
    const other = canonicalRequest('another');
    assert.equal((await books().place({ ...place, request: other })).outcome, 'idempotency_conflict');
    assert.equal((await books().capture({ ...capture, request: other })).outcome, 'idempotency_conflict');
    const grant = granting(tenantId, 5n);
    const { outcome } = await books().grant(grant);
    assert.equal(outcome, 'done');
    assert.equal((await books().grant({ ...grant, request: other })).outcome, 'idempotency_conflict');
    assert.deepEqual(await books().grant({ ...grant, transferId: newId() }), { outcome: 'replayed', transferId: grant.transferId });
    assert.equal(await wallet(tenantId), '101/6');
  });

  law('one hold serves many: each part is captured or given back by itself, and the wallet holds the same in all', async () => {
    const tenantId = await rich();
    const whole = await placed(tenantId, 60n);
    const parts = [10n, 20n, 30n].map((micros) => ({ ...placing(tenantId, micros), fromHoldId: whole.id }));
    for (const part of parts) assert.equal((await books().carve(part)).outcome, 'done');
    assert.equal(await wallet(tenantId), '100/60');
    assert.equal((await books().find(tenantId, whole.id))?.amountMicros, 0n);
    assert.equal((await books().carve({ ...placing(tenantId, 1n), fromHoldId: whole.id })).outcome, 'capture_exceeds_hold');
    const [a, b, c] = parts.map(({ holdId }) => holdId) as [string, string, string];
    await books().collect({ tenantId, holdId: a, upToMicros: 10n, final: true });
    await books().giveBack({ tenantId, holdId: b });
    assert.equal(await wallet(tenantId), '90/30');
    assert.equal((await books().capture(capturing(tenantId, c, 31n))).outcome, 'capture_exceeds_hold');
    assert.equal((await books().release(releasing(tenantId, whole.id))).outcome, 'done');
    assert.equal(await wallet(tenantId), '90/30');
  });

  law('a part repeated with its key is the same part, also when the whole is closed; the whole repeated is as it was placed', async () => {
    const tenantId = await rich();
    const place = placing(tenantId, 60n);
    const whole = await books().place(place);
    const carve = { ...placing(tenantId, 25n), fromHoldId: place.holdId };
    const first = await books().carve(carve);
    assert.ok('hold' in first && 'hold' in whole);
    assert.equal((await books().release(releasing(tenantId, place.holdId))).outcome, 'done');
    assert.deepEqual(await books().carve({ ...carve, holdId: newId() }), { outcome: 'replayed', hold: first.hold });
    assert.deepEqual(await books().place(place), { outcome: 'replayed', hold: whole.hold });
    assert.equal((await books().carve({ ...carve, request: canonicalRequest('another') })).outcome, 'idempotency_conflict');
    assert.equal((await books().carve({ ...placing(tenantId, 1n), fromHoldId: place.holdId })).outcome, 'hold_released');
    assert.equal(await wallet(tenantId), '100/25');
  });

  law("no part is taken from what was captured already, from another tenant's hold, or under another hold's key", async () => {
    const [tenantId, stranger] = [await rich(), await rich()];
    const { id } = await placed(tenantId, 60n);
    assert.equal((await books().carve({ ...placing(stranger, 1n), fromHoldId: id })).outcome, 'not_found');
    const other = placing(tenantId, 1n);
    await books().place(other);
    assert.equal(
      (await books().carve({ ...other, holdId: newId(), request: canonicalRequest('carve'), fromHoldId: id })).outcome,
      'idempotency_conflict',
    );
    await books().capture(capturing(tenantId, id, 10n, false));
    assert.equal((await books().carve({ ...placing(tenantId, 1n), fromHoldId: id })).outcome, 'hold_captured');
    assert.equal(await wallet(tenantId), '90/51');
    assert.equal(await wallet(stranger), '100/0');
  });

  law('a resolved hold says how it was resolved', async () => {
    const tenantId = await rich();
    const [a, b, c] = [await placed(tenantId, 1n), await placed(tenantId, 1n), await placed(tenantId, 1n, { expiresAt: addMs(start, 1) })];
    await books().capture(capturing(tenantId, a.id, 1n));
    await books().release(releasing(tenantId, b.id));
    while ((await books().expireDue(addMs(start, 2), 100)) > 0);
    for (const [hold, outcome] of [
      [a, 'hold_captured'],
      [b, 'hold_released'],
      [c, 'hold_expired'],
    ] as const) {
      assert.equal((await books().capture(capturing(tenantId, hold.id, 1n))).outcome, outcome);
      assert.equal((await books().release(releasing(tenantId, hold.id))).outcome, outcome);
    }
    assert.equal(await wallet(tenantId), '99/0');
  });

  law("another tenant's hold does not exist", async () => {
    const [owner, stranger] = [await rich(), await rich()];
    const { id } = await placed(owner, 10n);
    assert.equal((await books().capture(capturing(stranger, id, 1n))).outcome, 'not_found');
    assert.equal((await books().release(releasing(stranger, id))).outcome, 'not_found');
    assert.equal(await books().find(stranger, id), undefined);
    assert.equal(await books().collect({ tenantId: stranger, holdId: id, upToMicros: 5n, final: true, now: start }), undefined);
    assert.equal(await books().giveBack({ tenantId: stranger, holdId: id, now: start }), false);
    assert.equal(await wallet(owner), '100/10');
  });

  law('a hold is open until its expiry, and not a moment longer once the sweeper has been', async () => {
    const tenantId = await rich();
    const { id } = await placed(tenantId, 10n, { expiresAt: addMs(start, hourMs) });
    while ((await books().expireDue(addMs(start, hourMs - 1), 100)) > 0);
    assert.equal((await books().find(tenantId, id))?.state, 'held');
    while ((await books().expireDue(addMs(start, hourMs), 100)) > 0);
    assert.equal((await books().find(tenantId, id))?.state, 'expired');
  });

  law('a delivery on an expired hold is charged to the free balance, and what is missing is recorded', async () => {
    const tenantId = await rich(50n);
    const { id } = await placed(tenantId, 40n, { expiresAt: addMs(start, 1) });
    while ((await books().expireDue(addMs(start, 2), 100)) > 0);
    await placed(tenantId, 20n);
    const charge = { tenantId, holdId: id, upToMicros: 40n, final: true, now: start };
    const first = await books().collect(charge);
    assert.deepEqual(first?.late, { totalMicros: 40n, collectedMicros: 30n, owedMicros: 10n });
    assert.equal(await wallet(tenantId), '20/20');
    await books().grant(granting(tenantId, 100n));
    assert.deepEqual((await books().collect(charge))?.late, { totalMicros: 40n, collectedMicros: 40n, owedMicros: 0n });
    assert.deepEqual((await books().collect(charge))?.collectedNowMicros, 0n);
    assert.equal(await wallet(tenantId), '110/20');
  });

  law('a total larger than its hold is charged beyond it', async () => {
    const tenantId = await rich(100n);
    const { id } = await placed(tenantId, 30n);
    const collection = await books().collect({ tenantId, holdId: id, upToMicros: 45n, final: true, now: start });
    assert.deepEqual([collection?.capturedNowMicros, collection?.collectedNowMicros, collection?.hold.state], [30n, 15n, 'captured']);
    assert.equal(await wallet(tenantId), '55/0');
  });

  law('the list of entries is complete, newest first, by page, type and time', async () => {
    const tenantId = await rich(100n);
    for (let count = 1; count <= 7; count++) {
      const { id } = await placed(tenantId, 2n);
      await books().capture({ ...capturing(tenantId, id, 2n), now: addMs(start, Math.floor(count / 2)) });
    }
    const seen: bigint[] = [];
    let cursor = '';
    do {
      const page = await books().entries(tenantId, {}, { limit: 3, cursor });
      seen.push(...page.entries.map(({ balanceAfterMicros }) => balanceAfterMicros));
      cursor = page.nextCursor;
    } while (cursor !== '');
    assert.deepEqual(seen, [86n, 88n, 90n, 92n, 94n, 96n, 98n, 100n]);
    const types = await books().entries(tenantId, { type: 'promotion' }, { limit: 10, cursor: '' });
    assert.deepEqual(
      types.entries.map(({ type, amountMicros, description }) => [type, amountMicros, description]),
      [['promotion', 100n, 'Welcome']],
    );
    const window = await books().entries(
      tenantId,
      { from: addMs(start, 1), to: addMs(start, 3), type: 'charge' },
      { limit: 10, cursor: '' },
    );
    assert.deepEqual(
      window.entries.map(({ createdAt }) => createdAt.getTime() - start.getTime()),
      [2, 2, 1, 1],
    );
    const found = async (filter: EntryFilter) =>
      (await books().entries(tenantId, filter, { limit: 10, cursor: '' })).entries.map(({ amountMicros }) => amountMicros);
    assert.deepEqual(await found({ minMicros: 3n }), [100n], 'sizes are without the sign');
    assert.equal((await found({ maxMicros: 2n })).length, 7);
    assert.equal((await found({ minMicros: 2n, maxMicros: 2n, product: 'verification' })).length, 7);
    assert.deepEqual(await found({ product: 'campaign' }), []);
    const { reference } = types.entries[0] ?? { reference: 'none' };
    assert.ok((await found({ reference })).includes(100n));
    assert.deepEqual(await found({ reference: 'nothing has this' }), []);
    assert.deepEqual((await books().entries(newId(), {}, { limit: 3, cursor: '' })).entries, []);
  });

  law('a wallet is opened once and is empty', async () => {
    const tenantId = newId();
    assert.equal(await wallet(tenantId), 'none');
    await Promise.all([books().open(tenantId, start), books().open(tenantId, start)]);
    assert.equal(await wallet(tenantId), '0/0');
  });

  /** Grants by reason, oldest first: kind, what is left. */
  const left = async (tenantId: string): Promise<Record<string, bigint>> => {
    const { grants } = await books().grants(tenantId, { limit: 100, cursor: '' });
    return Object.fromEntries(grants.toReversed().map(({ id, remainingMicros }) => [id, remainingMicros]));
  };
  const granted = async (
    tenantId: string,
    micros: bigint,
    over: { priority?: number; expiresAt?: Date; now?: Date } = {},
  ): Promise<string> => {
    const command = { ...granting(tenantId, micros), ...over };
    assert.equal((await books().grant(command)).outcome, 'done');
    return command.transferId;
  };
  const inHours = (hours: number): Date => addMs(start, hours * hourMs);

  law('credit is burnt by priority, then by expiry, then by age', async () => {
    const tenantId = newId();
    const old = await granted(tenantId, 10n);
    const young = await granted(tenantId, 10n, { now: addMs(start, 1) });
    const later = await granted(tenantId, 10n, { expiresAt: inHours(9) });
    const soon = await granted(tenantId, 10n, { expiresAt: inHours(2) });
    const first = await granted(tenantId, 10n, { priority: 1 });
    for (const [micros, expected] of [
      [5n, [10n, 10n, 10n, 10n, 5n]],
      [10n, [10n, 10n, 10n, 5n, 0n]],
      [10n, [10n, 10n, 5n, 0n, 0n]],
      [10n, [5n, 10n, 0n, 0n, 0n]],
      [14n, [0n, 1n, 0n, 0n, 0n]],
    ] as const) {
      const { id } = await placed(tenantId, micros);
      await books().capture(capturing(tenantId, id, micros));
      const found = await left(tenantId);
      assert.deepEqual(
        [old, young, later, soon, first].map((grant) => found[grant]),
        expected,
      );
    }
  });

  law('a charge without a hold is taken at once, once per key, and never beyond what is available', async () => {
    const tenantId = await rich();
    await placed(tenantId, 60n);
    const charge = charging(tenantId, 30n);
    assert.deepEqual(await books().charge(charge), { outcome: 'done', transferId: charge.transferId });
    assert.deepEqual(await books().charge({ ...charge, transferId: newId() }), { outcome: 'replayed', transferId: charge.transferId });
    assert.deepEqual(await books().charge({ ...charge, request: 'another' }), { outcome: 'idempotency_conflict' });
    for (const product of ['verification', 'subscription'] as const)
      assert.deepEqual(
        await books().charge({ ...charge, transferId: newId(), product, request: 'another' }),
        { outcome: 'idempotency_conflict' },
        `the key of a charge for ${product}, too`,
      );
    assert.deepEqual(await books().charge(charging(tenantId, 11n)), { outcome: 'insufficient_credit', availableMicros: 10n });
    assert.deepEqual(await books().charge(charging(newId(), 1n)), { outcome: 'insufficient_credit', availableMicros: 0n });
    assert.equal(await wallet(tenantId), '70/60');
  });

  law('a refund returns to the grants that the charge came from, last burnt first, and never more than was charged', async () => {
    const tenantId = newId();
    const [a, b] = [await granted(tenantId, 30n, { priority: 1 }), await granted(tenantId, 30n, { priority: 2 })];
    const charge = charging(tenantId, 50n);
    await books().charge(charge);
    const refund = refunding(tenantId, charge.transferId, 25n);
    assert.deepEqual(await books().refund(refund), { outcome: 'done', transferId: refund.transferId });
    assert.deepEqual(await left(tenantId), { [a]: 5n, [b]: 30n });
    assert.deepEqual(await books().refund({ ...refund, transferId: newId() }), { outcome: 'replayed', transferId: refund.transferId });
    assert.equal((await books().refund({ ...refund, request: 'another' })).outcome, 'idempotency_conflict');
    assert.equal((await books().refund(refunding(tenantId, charge.transferId, 26n))).outcome, 'exceeds');
    assert.equal((await books().refund(refunding(tenantId, charge.transferId, 25n))).outcome, 'done');
    assert.deepEqual(await left(tenantId), { [a]: 30n, [b]: 30n });
    assert.equal((await books().refund(refunding(newId(), charge.transferId, 1n))).outcome, 'not_found');
    assert.equal((await books().refund(refunding(tenantId, a, 1n))).outcome, 'not_found');
  });

  law('expired credit is not spent, even before the sweeper comes; the rest is', async () => {
    const tenantId = newId();
    await granted(tenantId, 40n, { expiresAt: inHours(1) });
    await granted(tenantId, 60n);
    assert.deepEqual(await books().place({ ...placing(tenantId, 61n), now: inHours(1), expiresAt: inHours(3) }), {
      outcome: 'insufficient_credit',
      availableMicros: 60n,
    });
    assert.equal(await wallet(tenantId), '60/0');
    const { entries } = await books().entries(tenantId, { type: 'expiry' }, { limit: 5, cursor: '' });
    assert.deepEqual(
      entries.map(({ amountMicros }) => amountMicros),
      [-40n],
    );
  });

  law('held credit does not expire before its hold is resolved', async () => {
    const tenantId = newId();
    const expiring = await granted(tenantId, 40n, { expiresAt: inHours(1) });
    const lasting = await granted(tenantId, 60n);
    const used = await placed(tenantId, 15n, { expiresAt: inHours(5) });
    const unused = await placed(tenantId, 10n, { expiresAt: inHours(5) });
    await books().lapseDue(inHours(2), undefined, 1_000);
    assert.deepEqual(await left(tenantId), { [expiring]: 25n, [lasting]: 60n });
    await books().capture({ ...capturing(tenantId, used.id, 15n), now: inHours(2) });
    assert.deepEqual(await left(tenantId), { [expiring]: 10n, [lasting]: 60n });
    await books().release({ ...releasing(tenantId, unused.id), now: inHours(2) });
    await books().lapseDue(inHours(2), undefined, 1_000);
    assert.deepEqual(await left(tenantId), { [expiring]: 0n, [lasting]: 60n });
  });

  law('expired credit that a release sets free is not there for what comes together with it', async () => {
    const tenantId = newId();
    const expiring = await granted(tenantId, 50n, { expiresAt: inHours(1) });
    const lasting = await granted(tenantId, 100n);
    const hold = await placed(tenantId, 50n, { expiresAt: inHours(5) });
    // Of one ledger, so that they may travel in one batch.
    const ledger = books();
    const [, refused] = await Promise.all([
      ledger.release({ ...releasing(tenantId, hold.id), now: inHours(2) }),
      ledger.place({ ...placing(tenantId, 150n, { expiresAt: inHours(3) }), now: inHours(2) }),
    ]);
    assert.deepEqual(refused, { outcome: 'insufficient_credit', availableMicros: 100n });
    await books().lapseDue(inHours(2), undefined, 1_000);
    assert.deepEqual(await left(tenantId), { [expiring]: 0n, [lasting]: 100n });
  });

  law('expired credit that one fact sets free does not pay for what the next one is late with', async () => {
    const tenantId = newId();
    await granted(tenantId, 50n, { expiresAt: inHours(1) });
    const late = await placed(tenantId, 30n);
    await books().release(releasing(tenantId, late.id));
    const unused = await placed(tenantId, 50n, { expiresAt: inHours(5) });
    const about = { tenantId, now: inHours(2) };
    const [, second] = await books().settle([
      { ...about, kind: 'give_back', holdId: unused.id },
      { ...about, kind: 'collect', holdId: late.id, upToMicros: 30n, final: true },
    ]);
    assert.deepEqual(second?.found === true && second.collection?.late, { totalMicros: 30n, collectedMicros: 0n, owedMicros: 30n });
    assert.equal(await wallet(tenantId), '0/0');
  });

  law('what is refunded to an expired grant can be spent for 30 days more', async () => {
    const tenantId = newId();
    const grant = await granted(tenantId, 40n, { expiresAt: inHours(1) });
    const charge = charging(tenantId, 40n);
    await books().charge(charge);
    await books().refund({ ...refunding(tenantId, charge.transferId, 40n), now: inHours(10) });
    await books().lapseDue(inHours(11), undefined, 1_000);
    const found = await books().wallet(tenantId);
    assert.deepEqual(found?.nextExpiry, { at: addMs(inHours(10), 30 * 24 * hourMs), amountMicros: 40n });
    assert.deepEqual(await left(tenantId), { [grant]: 40n });
    await books().lapseDue(addMs(inHours(10), 30 * 24 * hourMs), undefined, 1_000);
    assert.equal(await wallet(tenantId), '0/0');
  });

  law('a refund to a grant that has expired revives what it brings back, not what the sweeper had not taken yet', async () => {
    const tenantId = newId();
    const grant = await granted(tenantId, 50n, { expiresAt: inHours(1) });
    const charge = charging(tenantId, 10n);
    await books().charge(charge);
    await books().refund({ ...refunding(tenantId, charge.transferId, 10n), now: inHours(2) });
    assert.deepEqual(await left(tenantId), { [grant]: 10n });
    assert.equal(await wallet(tenantId), '10/0');
  });

  law('grants are listed newest first, page by page, of their tenant only', async () => {
    const tenantId = newId();
    const ids: string[] = [];
    for (let at = 0; at < 5; at++) ids.push(await granted(tenantId, 1n, { now: addMs(start, at) }));
    await granted(newId(), 1n);
    const seen: string[] = [];
    for (let cursor = ''; ;) {
      const page = await books().grants(tenantId, { limit: 2, cursor });
      seen.push(...page.grants.map(({ id }) => id));
      cursor = page.nextCursor;
      if (cursor === '') break;
    }
    assert.deepEqual(seen, ids.toReversed());
  });
};
