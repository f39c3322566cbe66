import { type Database } from '#platform/postgres/index.ts';
import type { Quotes } from '../../../app/prices/ports.ts';
import type { Quote } from '../../../domain/prices/quote.ts';
import { requestHash } from '../request-hash.ts';
import { quoteItemOf, type StoredQuoteItem, toStoredItem } from './content.ts';
import { QuoteRow } from './rows.ts';

/** In the order of the key, so that two batches lock rows alike. */
const saveSql = `insert into quotes (id, tenant_id, fingerprint, currency, total_micros, plan, items, expires_at, created_at)
  select * from unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::text[], $5::bigint[], $6::text[], $7::jsonb[], $8::timestamptz[], $9::timestamptz[])
    as new (id, tenant_id, fingerprint)
   order by tenant_id, fingerprint
  on conflict (tenant_id, fingerprint) do update set expires_at = greatest(quotes.expires_at, excluded.expires_at)
  returning id, tenant_id, fingerprint, expires_at, created_at`;

interface SavedRow {
  readonly id: string;
  readonly tenant_id: string;
  readonly fingerprint: Buffer;
  readonly expires_at: Date;
  readonly created_at: Date;
}

interface Draft {
  readonly quote: Quote;
  readonly items: string;
  readonly fingerprint: Buffer;
}

const draftOf = (quote: Quote): Draft => {
  const items = JSON.stringify(quote.items.map(toStoredItem));
  return { quote, items, fingerprint: requestHash(JSON.stringify([quote.total.currency, quote.plan, items])) };
};
const keyOf = (tenantId: string, fingerprint: Buffer): string => `${tenantId} ${fingerprint.toString('base64')}`;

const quoteOf = (row: QuoteRow): Quote => ({
  id: row.id,
  tenantId: row.tenantId,
  items: row.items.map((item: StoredQuoteItem) => quoteItemOf(item, row.currency)),
  total: { currency: row.currency, micros: row.totalMicros },
  plan: row.plan,
  expiresAt: row.expiresAt,
  createdAt: row.createdAt,
});

export const postgresQuotes = (db: Database): Quotes => ({
  save: async (quotes) => {
    const drafts = quotes.map(draftOf);
    // A statement may touch a row once: of the same promise twice in a batch, the one that lives longest.
    const unique = new Map<string, Draft>();
    for (const draft of drafts) {
      const key = keyOf(draft.quote.tenantId, draft.fingerprint);
      const other = unique.get(key);
      if (other === undefined || other.quote.expiresAt < draft.quote.expiresAt) unique.set(key, draft);
    }
    if (unique.size === 0) return [];
    const column = <T>(of: (draft: Draft) => T): T[] => [...unique.values()].map(of);
    const rows = await db.query<SavedRow>(
      saveSql,
      [
        column(({ quote }) => quote.id),
        column(({ quote }) => quote.tenantId),
        column(({ fingerprint }) => fingerprint),
        column(({ quote }) => quote.total.currency),
        column(({ quote }) => quote.total.micros),
        column(({ quote }) => quote.plan),
        column(({ items }) => items),
        column(({ quote }) => quote.expiresAt),
        column(({ quote }) => quote.createdAt),
      ],
      { name: 'save-quotes' },
    );
    const saved = new Map(rows.map((row) => [keyOf(row.tenant_id, row.fingerprint), row]));
    return drafts.map(({ quote, fingerprint }) => {
      const row = saved.get(keyOf(quote.tenantId, fingerprint));
      if (row === undefined) throw new Error('a quote was not stored');
      return { ...quote, id: row.id, expiresAt: row.expires_at, createdAt: row.created_at };
    });
  },

  find: async (tenantId, id) => {
    const row = await db.em().findOne(QuoteRow, { id, tenantId });
    return row === null ? undefined : quoteOf(row);
  },
});
