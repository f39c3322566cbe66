import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { addMs, dayMs, hourMs } from '#platform/time/index.ts';
import { changePriceBook } from '../../app/prices/change-price-book.ts';
import { createPriceBook } from '../../app/prices/create-price-book.ts';
import { decidePriceBook } from '../../app/prices/decide-price-book.ts';
import { endPriceBook } from '../../app/prices/end-price-book.ts';
import { listPriceBooks } from '../../app/prices/list-price-books.ts';
import { proposePriceBook } from '../../app/prices/propose-price-book.ts';
import { publishPriceBook } from '../../app/prices/publish-price-book.ts';
import { tryPrice } from '../../app/prices/try-price.ts';
import type { BookContent } from '../../domain/prices/book.ts';
import { anyVerification, content, listed, openPriceHouse, type PriceHouse, rule, telegram } from './price-house.ts';

const times = (ppm: bigint): BookContent => content(rule({ kind: 'multiple', ppm }));
const code = (expected: string) => (error: unknown) => isAppError(error) && error.code === expected;

describe('price books', () => {
  let house: PriceHouse;
  before(async () => {
    house = await openPriceHouse();
  });
  after(() => house.close());
  const draft = (over: Partial<Parameters<ReturnType<typeof createPriceBook>>[1]> = {}, by = 'user:ada') =>
    createPriceBook(house)(by, {
      ...{ idempotencyKey: newId(), scope: 'default', plan: '', tenantId: '', content: times(1_000_000n), note: '' },
      ...over,
    });

  it('start with list prices, less what the plan takes off', async () => {
    const [starter, pro, enterprise] = [newId(), newId(), newId()];
    house.plans.set(pro, 'pro');
    house.plans.set(enterprise, 'enterprise');
    assert.equal(await house.price(starter, 450_000n), 450_000n);
    assert.equal(await house.price(pro, 450_000n), 360_000n);
    assert.equal(await house.price(enterprise, 450_000n), 290_000n);
  });

  it("look up a tenant's own book before its plan's, and that before the default one", async () => {
    const [mine, other] = [newId(), newId()];
    house.plans.set(mine, 'pro');
    house.plans.set(other, 'pro');
    await house.publish({ scope: 'plan', plan: 'pro' }, content(rule({ kind: 'fixed', micros: 500_000n }, { net: true })));
    assert.equal(await house.price(mine), 500_000n);
    const own = content(rule({ kind: 'fixed', micros: 300_000n }, { match: { ...anyVerification, service: 'telegram' }, net: true }));
    await house.publish({ scope: 'tenant', tenantId: mine }, own);
    assert.equal(await house.price(mine), 300_000n);
    assert.equal(await house.price(mine, 1_000_000n, { ...telegram, service: 'whatsapp' }), 500_000n);
    assert.equal(await house.price(other), 500_000n);
    assert.equal(await house.price(newId()), 1_000_000n);
  });

  it('change at the time that was said, a temporary version gives way to the one before, and history stays', async () => {
    const tenantId = newId();
    const start = house.clock.now();
    await house.publish({ scope: 'tenant', tenantId }, times(900_000n));
    await house.publish({ scope: 'tenant', tenantId }, times(500_000n), { from: addMs(start, hourMs), to: addMs(start, 3 * hourMs) });
    const at = async (ms: number): Promise<bigint> => {
      const at = addMs(start, ms);
      return (await tryPrice(house)({ tenantId, ask: listed(1_000_000n), at, draftId: '' })).unit.price.micros;
    };
    assert.deepEqual(await Promise.all([0, hourMs - 1, hourMs, 3 * hourMs - 1, 3 * hourMs, 30 * dayMs].map(at)), [
      ...[900_000n, 900_000n, 500_000n, 500_000n, 900_000n, 900_000n],
    ]);
    const versions = await listPriceBooks(house)({ scope: '', plan: '', tenantId, state: 'published', limit: 10, cursor: '' });
    assert.deepEqual(
      versions.books.map(({ version }) => version).toSorted((a, b) => a - b),
      [1, 2, 3],
    );
    await assert.rejects(house.publish({ scope: 'tenant', tenantId }, times(1n), { from: start }), code('request.invalid'));
  });

  it('end a promise at the next change, so that prices change when they should', async () => {
    const tenantId = newId();
    const change = addMs(house.clock.now(), 60_000);
    await house.publish({ scope: 'tenant', tenantId }, times(700_000n), { from: change });
    await house.price(tenantId);
    const [quote] = await house.db.query<{ expires_at: Date }>('select expires_at from quotes where tenant_id = $1', [tenantId]);
    assert.deepEqual(quote?.expires_at, change);
  });

  it("need two persons for one tenant's prices", async () => {
    const tenantId = newId();
    const { id } = await draft({ scope: 'tenant', tenantId });
    const span = { id, effectiveFrom: undefined, effectiveTo: undefined };
    await assert.rejects(publishPriceBook(house)('user:ada', span), code('billing.second_person_needed'));
    await assert.rejects(decidePriceBook(house)('user:bob', { id, approve: true }), code('billing.price_book_state'));
    await proposePriceBook(house)('user:ada', span);
    await assert.rejects(decidePriceBook(house)('user:ada', { id, approve: true }), code('billing.second_person_needed'));
    const change = { id, revision: 2, content: times(1n), note: '' };
    await assert.rejects(changePriceBook(house)(change), code('billing.price_book_state'));
    const decided = await Promise.allSettled([1, 2].map(() => decidePriceBook(house)('user:bob', { id, approve: true })));
    assert.deepEqual(decided.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
    await assert.rejects(
      house.db.query(
        `insert into price_books (id, book, scope, plan, tenant_id, version, state, content, note, effective_from, created_by, created_at, proposed_by, decided_by)
        values ($1::uuid, 'tenant:' || $1::uuid, 'tenant', '', $1::uuid, 1, 'published', '{}', '', now(), 'a', now(), 'a', 'a')`,
        [newId()],
      ),
      /price_books_two_persons/,
    );
  });

  it('never change once published, and never overlap, whatever writes to the table', async () => {
    const { id } = await house.publish({ scope: 'plan', plan: 'starter' }, times(1_000_000n));
    for (const change of [`content = '{"rules": []}'`, `effective_from = effective_from - interval '1 day'`, `state = 'draft'`])
      await assert.rejects(house.db.query(`update price_books set ${change} where id = $1`, [id]), /published prices do not change/);
    await assert.rejects(house.db.query('delete from price_books where id = $1', [id]), /published prices do not change/);
    await assert.rejects(
      house.db.query(
        `insert into price_books (id, book, scope, plan, version, state, content, note, effective_from, created_by, created_at, decided_by)
         select $2, book, scope, plan, 99, state, content, note, effective_from + interval '1 hour', created_by, created_at, decided_by from price_books where id = $1`,
        [id, newId()],
      ),
      /price_books_one_at_a_time/,
    );
    const ended = await endPriceBook(house)(id);
    assert.deepEqual(ended.effectiveTo, house.clock.now());
    await assert.rejects(endPriceBook(house)(id), code('billing.price_book_state'));
  });

  it('are published one after another by two at once: both hold, one at a time', async () => {
    const tenants = await Promise.all([draft({ scope: 'plan', plan: 'enterprise' }), draft({ scope: 'plan', plan: 'enterprise' })]);
    house.clock.advance(1_000);
    const publish = (id: string, ms: number) =>
      publishPriceBook(house)('user:ada', { id, effectiveFrom: addMs(house.clock.now(), ms), effectiveTo: undefined });
    const outcomes = await Promise.allSettled(tenants.map(({ id }, index) => publish(id, index * 1_000)));
    // The later one cuts the earlier; the earlier one finds the later in its way, if that was first.
    assert.ok(outcomes.some(({ status }) => status === 'fulfilled'));
    const rows = await house.db.query<{ overlaps: bigint }>(
      `select count(*) as overlaps from price_books a join price_books b on a.book = b.book and a.id < b.id
        where a.state = 'published' and b.state = 'published' and tstzrange(a.effective_from, a.effective_to) && tstzrange(b.effective_from, b.effective_to)`,
    );
    assert.equal(rows[0]?.overlaps, 0n);
  });

  it('tell what is wrong with a draft, answer a repeated key alike, and notice a change in between', async () => {
    const wrong = content(
      rule({ kind: 'fixed', micros: -1n }),
      rule({ kind: 'multiple', ppm: 1n }),
      rule({ kind: 'plus', micros: 0n }, { match: { ...telegram, country: 'IDN', product: 'verification' } }),
    );
    await assert.rejects(draft({ content: wrong }), (error) => {
      assert.ok(isAppError(error, 'request.invalid'));
      assert.deepEqual(
        error.fields.map(({ field }) => field),
        ['rules[0].fixed', 'rules[1]', 'rules[2].match.country'],
      );
      return true;
    });
    const idempotencyKey = newId();
    const first = await draft({ idempotencyKey });
    assert.equal((await draft({ idempotencyKey })).id, first.id);
    await assert.rejects(draft({ idempotencyKey, note: 'other' }), code('request.idempotency_conflict'));
    await changePriceBook(house)({ id: first.id, revision: 1, content: times(2_000_000n), note: 'twice' });
    await assert.rejects(
      changePriceBook(house)({ id: first.id, revision: 1, content: times(3_000_000n), note: '' }),
      code('billing.price_book_state'),
    );
    const trial = await tryPrice(house)({ tenantId: newId(), ask: listed(1_000_000n), at: undefined, draftId: first.id });
    assert.equal(trial.unit.price.micros, 2_000_000n);
    assert.equal(await house.price(newId()), 1_000_000n);
  });
});
