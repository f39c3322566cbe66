import { money } from '#platform/money/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import type { LeakageRow, SettlementStore } from '../../../app/settlement/ports.ts';
import type { Claim } from '../../../domain/settlement/claim.ts';

interface ClaimRow {
  readonly product: Claim['product'];
  readonly verification_id: string;
  readonly tenant_id: string;
  readonly provider: string;
  readonly activation_id: string;
  readonly cost_micros: bigint;
  readonly ended_at: Date;
  readonly attempts: number;
}

const claimOf = (row: ClaimRow): Claim => ({
  product: row.product,
  ...{ verificationId: row.verification_id, tenantId: row.tenant_id, provider: row.provider, activationId: row.activation_id },
  ...{ costMicros: row.cost_micros, endedAt: row.ended_at, attempts: row.attempts },
});

const claimDueSql = `
update provider_settlements s set leased_until = $2
from (
  select verification_id from provider_settlements
  where state = 'claimed' and due_at <= $1 and (leased_until is null or leased_until <= $1)
  order by due_at limit $3 for update skip locked
) due
where s.verification_id = due.verification_id
returning s.verification_id, s.tenant_id, s.provider, s.activation_id, s.cost_micros, s.ended_at, s.attempts, s.product`;

const settleSql = `
-- A code that came late and was paid for makes a sale of what would be a loss.
with paid as (
  select 1 from late_codes where verification_id = $1 and state = 'charged' and $3 = 'lost' and $4 = 'code_at_provider' limit 1
)
update provider_settlements set state = case when exists (select from paid) then 'charged' else $3 end,
  evidence = case when exists (select from paid) then null else $4 end,
  -- What was never bought never cost anything.
  cost_micros = case when $4 = 'never_bought' then 0 else cost_micros end,
  settled_at = $5, due_at = null, leased_until = null, attempts = attempts + 1
where verification_id = $1 and tenant_id = $2 and state = 'claimed'
returning state`;

const rescheduleSql = `
update provider_settlements set due_at = $3, leased_until = null, attempts = attempts + 1
where verification_id = $1 and tenant_id = $2 and state = 'claimed'`;

const openSql = `select provider, count(*)::int as count from provider_settlements where state = 'claimed' group by provider`;

/** Over all tenants, for operators: the one place that sums across them. */
const reportSql = `
select case when $3 then to_char(ended_at at time zone 'UTC', 'YYYY-MM-DD') else '' end as day,
  case when $4 then provider else '' end as of_provider, case when $5 then service else '' end as of_service, currency,
  count(*) as activations, count(*) filter (where state = 'lost') as lost_activations,
  coalesce(sum(cost_micros) filter (where state = 'charged'), 0)::bigint
    + coalesce(sum(cost_micros - lost_micros) filter (where state = 'lost' and lost_micros is not null), 0)::bigint as charged,
  coalesce(sum(cost_micros) filter (where state = 'refunded'), 0)::bigint as refunded,
  coalesce(sum(cost_micros) filter (where state = 'claimed'), 0)::bigint as claimed,
  coalesce(sum(coalesce(lost_micros, cost_micros)) filter (where state = 'lost'), 0)::bigint as lost
from provider_settlements
where ended_at >= ($1::date)::timestamp at time zone 'UTC' and ended_at < ($2::date + 1)::timestamp at time zone 'UTC'
  and ($6::text is null or provider = $6) and ($7::text is null or service = $7)
group by 1, 2, 3, 4
order by 1 desc, lost desc, 2, 3, 4
limit $8`;

interface ReportRow {
  readonly day: string;
  readonly of_provider: string;
  readonly of_service: string;
  readonly currency: string;
  readonly activations: bigint;
  readonly lost_activations: bigint;
  readonly charged: bigint;
  readonly refunded: bigint;
  readonly claimed: bigint;
  readonly lost: bigint;
}

const leakageOf = (row: ReportRow): LeakageRow => ({
  ...{ day: row.day, provider: row.of_provider, service: row.of_service },
  ...{ activations: Number(row.activations), lostActivations: Number(row.lost_activations) },
  charged: money(row.currency, row.charged),
  refunded: money(row.currency, row.refunded),
  claimed: money(row.currency, row.claimed),
  lost: money(row.currency, row.lost),
});

export const createSettlementStore = (db: Pick<Database, 'query'>): SettlementStore => ({
  claimDue: async (now, until, limit) =>
    (await db.query<ClaimRow>(claimDueSql, [now, until, limit], { name: 'settlement-due' })).map(claimOf),
  settle: async ({ verificationId, tenantId }, { kind, evidence, at }) =>
    (
      await db.query<{ state: 'refunded' | 'lost' | 'charged' }>(settleSql, [verificationId, tenantId, kind, evidence, at], {
        name: 'settlement-settle',
      })
    )[0]?.state,
  reschedule: async ({ verificationId, tenantId }, dueAt) => {
    await db.query(rescheduleSql, [verificationId, tenantId, dueAt], { name: 'settlement-reschedule' });
  },
  openClaims: () => db.query<{ provider: string; count: number }>(openSql, []),
  report: async ({ from, to, by, provider, service, limit }) => {
    const flags = [by.has('day'), by.has('provider'), by.has('service')];
    return (await db.query<ReportRow>(reportSql, [from, to, ...flags, provider ?? null, service ?? null, limit])).map(leakageOf);
  },
});
