import { LRUCache } from 'lru-cache';
import type { Database } from '#platform/postgres/index.ts';
import type { Path, PriceSources } from '../../../app/prices/ports.ts';
import { walletCurrency } from '../../../domain/ledger.ts';
import { bookName, effectiveBook, type EffectiveBook } from '../../../domain/prices/book.ts';
import type { Benefit } from '../../../domain/prices/promotion.ts';
import { contentOf, type StoredContent } from './content.ts';

const statements = {
  // What is effective, and what will be: few rows, found by the index of the exclusion constraint.
  versions: `select id, book, version, effective_from, effective_to from price_books
    where state = 'published' and book = any($1) and tstzrange(effective_from, effective_to) && tstzrange($2::timestamptz, null)`,
  contents: 'select id, book, version, content from price_books where id = any($1)',
  benefits: `select r.tenant_id, p.id as promotion_id, p.code, p.kind, p.percent_ppm, p.amount_micros, p.currency, p.products, p.minimum_micros, r.benefit_ends_at
    from redemptions r join promotions p on p.id = r.promotion_id
   where r.benefit and r.tenant_id = any($1) and r.created_at <= $2 and (r.benefit_ends_at is null or r.benefit_ends_at > $2)`,
  month: 'select spent_micros, purchases from month_volume($1, $2, $3)',
} as const;

interface VersionRow {
  readonly id: string;
  readonly book: string;
  readonly version: number;
  readonly effective_from: Date;
  readonly effective_to: Date | null;
}
interface BenefitRow {
  readonly tenant_id: string;
  readonly promotion_id: string;
  readonly code: string;
  readonly kind: 'percent' | 'fixed';
  readonly percent_ppm: bigint;
  readonly amount_micros: bigint;
  readonly currency: string;
  readonly products: string[];
  readonly minimum_micros: bigint;
  readonly benefit_ends_at: Date | null;
}

const benefitOf = (row: BenefitRow): Benefit => ({
  promotionId: row.promotion_id,
  code: row.code,
  kind: row.kind,
  percentPpm: row.percent_ppm,
  amountMicros: row.amount_micros,
  currency: row.currency,
  products: row.products,
  minimumMicros: row.minimum_micros,
  endsAt: row.benefit_ends_at ?? undefined,
});

const namesOf = (tenantId: string, plan: string): readonly string[] => [
  bookName({ scope: 'tenant', plan: '', tenantId }),
  bookName({ scope: 'plan', plan, tenantId: '' }),
  'default',
];

const earliest = (times: readonly Date[]): Date | undefined => (times.length === 0 ? undefined : times.reduce((a, b) => (a < b ? a : b)));

/** Published versions never change, so their rules are read and indexed once per process. */
export const postgresPriceSources = (db: Database): PriceSources => {
  const known = new LRUCache<string, EffectiveBook>({ max: 1_000 });

  const booksById = async (ids: readonly string[]): Promise<ReadonlyMap<string, EffectiveBook>> => {
    const found = new Map(ids.flatMap((id) => (known.has(id) ? [[id, known.get(id) as EffectiveBook]] : [])));
    const missing = ids.filter((id) => !found.has(id));
    if (missing.length === 0) return found;
    const rows = await db.query<{ id: string; book: string; version: number; content: StoredContent }>(statements.contents, [missing]);
    for (const { id, book: name, version, content } of rows) {
      const book = effectiveBook({ versionId: id, name, version, content: contentOf(content) });
      known.set(id, book);
      found.set(id, book);
    }
    return found;
  };

  return {
    paths: async (tenants, at) => {
      const names = [...new Set(tenants.flatMap(({ tenantId, plan }) => namesOf(tenantId, plan)))];
      const rows = await db.query<VersionRow>(statements.versions, [names, at], { name: 'price-versions' });
      const isEffective = (row: VersionRow): boolean => row.effective_from <= at;
      const books = await booksById(rows.filter(isEffective).map(({ id }) => id));
      const byName = Map.groupBy(rows, ({ book }) => book);
      return tenants.map(({ tenantId, plan }): Path => {
        const versions = namesOf(tenantId, plan).flatMap((name) => byName.get(name) ?? []);
        const changes = versions
          .flatMap((row) => [isEffective(row) ? row.effective_to : row.effective_from])
          .filter((time) => time !== null);
        return {
          books: versions.filter(isEffective).flatMap(({ id }) => books.get(id) ?? []),
          nextChange: earliest(changes),
        };
      });
    },

    benefits: async (tenantIds, at) => {
      const rows = await db.query<BenefitRow>(statements.benefits, [tenantIds, at], { name: 'price-benefits' });
      return new Map([...Map.groupBy(rows, ({ tenant_id: id }) => id)].map(([id, own]) => [id, own.map(benefitOf)]));
    },

    month: async (tenantId, at) => {
      const [row] = await db.query<{ spent_micros: bigint; purchases: bigint }>(statements.month, [tenantId, walletCurrency, at]);
      const spent = row?.spent_micros ?? 0n;
      return { spentMicros: spent > 0n ? spent : 0n, purchases: row?.purchases ?? 0n };
    },
  };
};
