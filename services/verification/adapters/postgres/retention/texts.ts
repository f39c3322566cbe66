import type { Database } from '#platform/postgres/index.ts';
import type { Texts } from '../../../app/retention/ports.ts';

const setPlanSql = `insert into tenant_plans as t (tenant_id, plan, since) values ($1, $2, $3)
  on conflict (tenant_id) do update set plan = excluded.plan, since = excluded.since where t.since < excluded.since`;

export const postgresTexts = (db: Database): Texts => ({
  setPlan: async (tenantId, plan, at) => void (await db.query(setPlanSql, [tenantId, plan, at])),
  purge: async (now, days, defaultDays, limit) => {
    const [row] = await db.query<{ gone: bigint }>('select purge_texts($1, $2, $3, $4) as gone', [
      now,
      JSON.stringify(days),
      defaultDays,
      limit,
    ]);
    return Number(row?.gone ?? 0n);
  },
});
