import type { Database } from '#platform/postgres/index.ts';
import type { HashNumber, NumberLeases } from '../../../app/policy/ports.ts';

/** Which number went to whom for which service, by keyed hash; and numbers on their way back. */
export const postgresLeases = (db: Database, hashNumber: HashNumber): NumberLeases => ({
  lease: async ({ id, tenantId, service, createdAt }, phoneNumber) => {
    const [row] = await db.query<{ answer: 'leased' | 'taken' | 'unfit' }>(
      'select lease_number($1, $2, $3, $4, $5) as answer',
      [hashNumber(phoneNumber), service, id, tenantId, createdAt],
      { name: 'lease-number' },
    );
    return row?.answer ?? 'unfit';
  },
  keepReturn: async ({ provider, activationId, verificationId, tenantId, attempts, giveUpAt }, dueAt) => {
    await db.query(
      `insert into number_returns (provider, activation_id, verification_id, tenant_id, attempts, due_at, give_up_at)
       values ($1, $2, $3, $4, $5, $6, $7) on conflict (provider, activation_id) do nothing`,
      [provider, activationId, verificationId, tenantId, attempts, dueAt, giveUpAt],
    );
  },
  dropReturn: async ({ provider, activationId }) => {
    await db.query('delete from number_returns where provider = $1 and activation_id = $2', [provider, activationId]);
  },
  claimReturns: async (now, until, limit) => {
    const rows = await db.query<{
      provider: string;
      activation_id: string;
      verification_id: string;
      tenant_id: string;
      attempts: number;
      give_up_at: Date;
    }>(
      `with due as (
         select provider, activation_id from number_returns where due_at <= $1 order by due_at limit $3 for update skip locked
       )
       update number_returns r set due_at = $2, attempts = r.attempts + 1 from due
        where r.provider = due.provider and r.activation_id = due.activation_id returning r.*`,
      [now, until, limit],
    );
    return rows.map((row) => ({
      provider: row.provider,
      activationId: row.activation_id,
      verificationId: row.verification_id,
      tenantId: row.tenant_id,
      attempts: row.attempts,
      giveUpAt: row.give_up_at,
    }));
  },
});
