import { newId } from '#platform/ids/index.ts';
import type { Queryable } from '#platform/postgres/index.ts';
import type { MarginLine, MarginReader, ProviderCosts } from '../../../app/margins/ports.ts';
import type { Product } from '../../../domain/ledger.ts';

/** Over any connection, so that a consumer posts within its own transaction. */
export const postgresProviderCosts = (queryable: Queryable): ProviderCosts => ({
  post: async (costs) => {
    const asked = costs.map(({ tenantId, product, reference, provider, amountMicros, currency, occurredAt }) => ({
      ...{ transfer: newId(), tenant: tenantId, product, reference, provider, currency, at: occurredAt },
      // Decimal text: JSON numbers do not hold every bigint.
      ...{ amount: String(amountMicros), description: `Cost at ${provider}` },
    }));
    const [row] = await queryable.query<{ posted: bigint }>('select post_provider_costs($1) as posted', [JSON.stringify(asked)], {
      name: 'post-provider-costs',
    });
    return Number(row?.posted ?? 0n);
  },
});

/**
 * Charges and refunds by the account of their product; the provider is that of the cost of the same purchase, found by its key. A refund says
 * which hold it gives back, so it counts against the same provider.
 */
const marginsSql = `with days as (
    select ($1::date)::timestamp at time zone 'UTC' as starts_at, ($2::date + 1)::timestamp at time zone 'UTC' as ends_at
  ), moved as (
    select (t.created_at at time zone 'UTC')::date as day, a.discriminator as product, coalesce(c.provider, '') as provider, t.currency,
           case when t.credit_account_id = a.id then t.amount_micros else 0 end as charged,
           case when t.debit_account_id = a.id then t.amount_micros else 0 end as refunded, 0 as cost
      from days d join transfers t on t.created_at >= d.starts_at and t.created_at < d.ends_at
      join accounts a on a.kind = 'revenue' and a.id in (t.credit_account_id, t.debit_account_id)
      left join holds h on h.id = t.hold_id
      left join provider_costs c on c.tenant_id = t.tenant_id and c.product = a.discriminator and c.reference = coalesce(h.reference, t.reference)
    union all
    select (c.occurred_at at time zone 'UTC')::date, c.product, c.provider, c.currency, 0, 0, c.amount_micros
      from days d join provider_costs c on c.occurred_at >= d.starts_at and c.occurred_at < d.ends_at
  )
  select to_char(m.day, 'YYYY-MM-DD') as day, m.product, m.provider, m.currency, sum(m.charged)::bigint as charged, sum(m.refunded)::bigint as refunded,
         sum(m.cost)::bigint as cost, count(*) filter (where m.charged > 0) as charges
    from moved m
   where ($3::text is null or m.product = $3) and ($4::text is null or m.provider = $4)
   group by m.day, m.product, m.provider, m.currency order by m.day desc, m.product, m.provider, m.currency`;

interface MarginRow {
  readonly day: string;
  readonly product: Product;
  readonly provider: string;
  readonly currency: string;
  readonly charged: bigint;
  readonly refunded: bigint;
  readonly cost: bigint;
  readonly charges: bigint;
}

export const postgresMargins = (db: Queryable): MarginReader => ({
  margins: async ({ from, to, product, provider }) => {
    const rows = await db.query<MarginRow>(marginsSql, [from, to, product ?? null, provider ?? null]);
    return rows.map(({ day, product: sold, provider: by, currency, charged, refunded, cost, charges }): MarginLine => ({
      ...{ day, product: sold, provider: by, currency, charges },
      ...{ chargedMicros: charged, refundedMicros: refunded, costMicros: cost },
    }));
  },
});
