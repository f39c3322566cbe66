import { publishEvent } from '#platform/messaging/index.ts';
import { type Database, encodeCursor, type Transaction } from '#platform/postgres/index.ts';
import { events } from '#events';
import type { PriceBookFilter, PriceBooks } from '../../../app/prices/ports.ts';
import { bookName } from '../../../domain/prices/book.ts';
import type { PriceBook } from '../../../domain/prices/version.ts';
import { datedCursor } from '../dated-cursor.ts';
import { requestHash } from '../request-hash.ts';
import { contentOf, type StoredContent, toStoredContent } from './content.ts';
import { PriceBookRow } from './rows.ts';

/** Of facts about the platform itself, which belong to no tenant. */
const platformTenant = '00000000-0000-0000-0000-000000000000';

const statements = {
  add: `insert into price_books (id, book, scope, plan, tenant_id, state, content, note, revision, created_by, created_at, idempotency_key, request_hash)
    values ($1, $2, $3, $4, $5, 'draft', $6, $7, 1, $8, $9, $10, $11) on conflict (created_by, idempotency_key) where idempotency_key is not null do nothing returning id`,
  earlier: 'select id, request_hash from price_books where created_by = $1 and idempotency_key = $2',
  save: `update price_books set state = $4, content = $5, note = $6, effective_from = $7, effective_to = $8, revision = $9, proposed_by = $10, decided_by = $11, decided_at = $12
    where id = $1 and revision = $2 and state = $3 returning id`,
  // Publications of one book come one after another; readers are not disturbed.
  lock: `select pg_advisory_xact_lock(hashtextextended('price book ' || $1, 0))`,
  inTheWay: `select 1 from price_books where book = $1 and state = 'published' and effective_from >= $2 and effective_from < coalesce(effective_to, 'infinity')
    and ($3::timestamptz is null or effective_from < $3) limit 1`,
  effectiveAt: `select id, effective_to from price_books where book = $1 and state = 'published' and effective_from < $2 and coalesce(effective_to, 'infinity') > $2 for update`,
  cut: 'update price_books set effective_to = $2 where id = $1',
  publish: `update price_books set state = 'published', effective_from = $4, effective_to = $5, decided_by = $6, decided_at = $7, revision = revision + 1,
      version = (select max(version) + 1 from price_books where book = $8)
    where id = $1 and revision = $2 and state = $3 returning version`,
  resume: `insert into price_books (id, book, scope, plan, tenant_id, version, state, content, note, effective_from, effective_to, created_by, created_at, proposed_by, decided_by, decided_at)
    select $2, book, scope, plan, tenant_id, (select max(version) + 1 from price_books o where o.book = b.book), 'published', content, 'Version ' || version || ' again', $3, $4, created_by, $5, proposed_by, decided_by, decided_at
      from price_books b where id = $1`,
  end: `update price_books set effective_to = greatest($2, effective_from), revision = revision + 1
    where id = $1 and state = 'published' and coalesce(effective_to, 'infinity') > greatest($2, effective_from) returning effective_to, revision`,
} as const;

type Listed = Omit<PriceBook, 'content'>;

const listedOf = (row: PriceBookRow): Listed => ({
  id: row.id,
  key: { scope: row.scope, plan: row.plan, tenantId: row.tenantId ?? '' },
  version: row.version,
  state: row.state,
  note: row.note,
  effectiveFrom: row.effectiveFrom ?? undefined,
  effectiveTo: row.effectiveTo ?? undefined,
  revision: row.revision,
  createdBy: row.createdBy,
  createdAt: row.createdAt,
  proposedBy: row.proposedBy ?? undefined,
  decidedBy: row.decidedBy ?? undefined,
  decidedAt: row.decidedAt ?? undefined,
});

const tell = async (tx: Transaction, book: PriceBook, occurredAt: Date): Promise<void> => {
  const { scope, plan, tenantId } = book.key;
  await publishEvent(tx, events.billing.priceBookPublished, {
    tenantId: tenantId === '' ? platformTenant : tenantId,
    aggregateId: book.id,
    aggregateVersion: book.revision,
    occurredAt,
    payload: {
      ...{ priceBookId: book.id, scope, plan, tenantId, version: book.version },
      ...{ effectiveFrom: book.effectiveFrom, effectiveTo: book.effectiveTo },
    },
  });
};

export const postgresPriceBooks = (db: Database): PriceBooks => {
  const find = async (id: string): Promise<PriceBook | undefined> => {
    const row = await db.em().findOne(PriceBookRow, { id }, { populate: ['content'] });
    return row === null ? undefined : { ...listedOf(row as PriceBookRow), content: contentOf(row.content as StoredContent) };
  };
  return {
    find,

    add: async (book, { idempotencyKey, request }) => {
      const { scope, plan, tenantId } = book.key;
      const hash = requestHash(request);
      const owner = [bookName(book.key), scope, plan, tenantId === '' ? null : tenantId];
      const content = JSON.stringify(toStoredContent(book.content));
      const params = [book.id, ...owner, content, book.note, book.createdBy, book.createdAt, idempotencyKey, hash];
      const [added] = await db.query(statements.add, params);
      if (added !== undefined) return { outcome: 'done', book };
      const [first] = await db.query<{ id: string; request_hash: Buffer }>(statements.earlier, [book.createdBy, idempotencyKey]);
      const earlier = first?.request_hash.equals(hash) ? await find(first.id) : undefined;
      return earlier === undefined ? { outcome: 'idempotency_conflict' } : { outcome: 'replayed', book: earlier };
    },

    list: async ({ scope, plan, tenantId, state }: PriceBookFilter, { limit, cursor }) => {
      const after = datedCursor(cursor, 'uuid');
      const older =
        after === undefined ? {} : { $or: [{ createdAt: { $lt: after.at } }, { createdAt: after.at, id: { $lt: String(after.tie) } }] };
      const where = {
        ...(scope === undefined ? {} : { scope }),
        ...(plan === undefined ? {} : { plan }),
        ...(tenantId === undefined ? {} : { tenantId }),
        ...(state === undefined ? {} : { state }),
        ...older,
      };
      const rows = await db.em().find(PriceBookRow, where, { orderBy: { createdAt: 'desc', id: 'desc' }, limit: limit + 1 });
      const shown = rows.slice(0, limit);
      const last = shown.at(-1);
      return {
        books: shown.map((row) => listedOf(row as PriceBookRow)),
        nextCursor: rows.length > limit && last !== undefined ? encodeCursor([last.createdAt, last.id]) : '',
      };
    },

    save: async (from, to) => {
      const decided = [to.proposedBy ?? null, to.decidedBy ?? null, to.decidedAt ?? null];
      const content = JSON.stringify(toStoredContent(to.content));
      const rows = await db.query(statements.save, [
        ...[from.id, from.revision, from.state, to.state, content, to.note, to.effectiveFrom ?? null, to.effectiveTo ?? null, to.revision],
        ...decided,
      ]);
      return rows.length > 0;
    },

    publish: async (from, { from: begin, to, by, at, resumeId }) => {
      const name = bookName(from.key);
      try {
        return await db.transaction(async (tx) => {
          await tx.query(statements.lock, [name]);
          if ((await tx.query(statements.inTheWay, [name, begin, to ?? null])).length > 0) return { outcome: 'overlaps' };
          const [present] = await tx.query<{ id: string; effective_to: Date | null }>(statements.effectiveAt, [name, begin]);
          if (present !== undefined) await tx.query(statements.cut, [present.id, begin]);
          const [row] = await tx.query<{ version: number }>(statements.publish, [
            ...[from.id, from.revision, from.state, begin, to ?? null, by, at, name],
          ]);
          if (row === undefined) throw new Lost();
          if (present !== undefined && to !== undefined && (present.effective_to === null || present.effective_to > to))
            await tx.query(statements.resume, [present.id, resumeId, to, present.effective_to, at]);
          const book: PriceBook = {
            ...from,
            ...{ state: 'published', version: row.version, effectiveFrom: begin, effectiveTo: to, revision: from.revision + 1 },
            ...{ decidedBy: by, decidedAt: at },
          };
          await tell(tx, book, at);
          return { outcome: 'done', book };
        });
      } catch (error) {
        if (error instanceof Lost) return { outcome: 'lost' };
        throw error;
      }
    },

    end: (book, at) =>
      db.transaction(async (tx) => {
        await tx.query(statements.lock, [bookName(book.key)]);
        const [row] = await tx.query<{ effective_to: Date; revision: number }>(statements.end, [book.id, at]);
        if (row === undefined) return undefined;
        const ended: PriceBook = { ...book, effectiveTo: row.effective_to, revision: row.revision };
        await tell(tx, ended, at);
        return ended;
      }),
  };
};

/** Rolls the publication back: what was cut for it was cut in vain. */
class Lost extends Error {}
