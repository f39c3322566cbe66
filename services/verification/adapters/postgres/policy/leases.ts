import { coalesce, type Database } from '#platform/postgres/index.ts';
import type { HashNumber, LeaseAnswer, NumberLeases } from '../../../app/policy/ports.ts';
import type { RentalNumbers } from '../../../app/rental/ports.ts';

interface Wanted {
  readonly hash: Uint8Array;
  readonly service: string;
  readonly verificationId: string;
  readonly tenantId: string;
  readonly at: Date;
}

const leaseSql = 'select place, answer from lease_numbers($1::bytea[], $2::text[], $3::uuid[], $4::uuid[], $5::timestamptz[])';

/** A retry of a retry of … wants none of their numbers; deep enough for anybody's patience. */
const replacedSql = `
with recursive replaced as (
  select retry_of, phone_number, 1 as depth from verifications where tenant_id = $1 and id = $2
  union all
  select v.retry_of, v.phone_number, r.depth + 1 from replaced r join verifications v on v.tenant_id = $1 and v.id = r.retry_of where r.depth < 20
)
select 1 from replaced where phone_number = $3 limit 1`;

/** Which number went to whom for which service, by keyed hash; and numbers on their way back. */
export const postgresLeases = (db: Database, hashNumber: HashNumber): NumberLeases => {
  /** Purchases that end at one time ask together: one commit for all of them. */
  const lease = coalesce<Wanted, LeaseAnswer>({
    ...{ maxBatch: 128, maxConcurrent: 1, maxWaiting: 5_000 },
    run: async (wanted) => {
      const columns = [
        wanted.map(({ hash }) => hash),
        wanted.map(({ service }) => service),
        wanted.map(({ verificationId }) => verificationId),
        wanted.map(({ tenantId }) => tenantId),
        wanted.map(({ at }) => at),
      ];
      const rows = await db.query<{ place: number; answer: LeaseAnswer }>(leaseSql, columns, { name: 'lease-numbers' });
      const answers = new Map(rows.map(({ place, answer }) => [place, answer]));
      return wanted.map((_, index) => answers.get(index + 1) ?? 'unfit');
    },
  });
  return {
    hash: hashNumber,
    lease: async ({ id, tenantId, service, createdAt, retryOf }, phoneNumber) => {
      const replaced = retryOf !== undefined && (await db.query(replacedSql, [tenantId, retryOf, phoneNumber])).length > 0;
      return replaced ? 'unfit' : lease({ hash: hashNumber(phoneNumber), service, verificationId: id, tenantId, at: createdAt });
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
  };
};

/** The same numbers, for rentals: a number is sold once for a service, by the code or by the hour. */
export const postgresRentalLeases = (db: Database, hashNumber: HashNumber, numbers: Pick<NumberLeases, 'lease'>): RentalNumbers => ({
  lease: async ({ id, tenantId, service, createdAt }, phoneNumber) => {
    if ((await numbers.lease({ id, tenantId, service, createdAt, retryOf: undefined }, phoneNumber)) === 'leased') return 'leased';
    // A statement of its own: who holds the number may have been written while the first one waited for it.
    const undecided = await db.query(
      `select 1 from number_leases l join rentals r on r.id = l.verification_id and r.state = 'ordering'
        where l.number_hash = $1 and l.service = $2`,
      [hashNumber(phoneNumber), service],
    );
    return undecided.length > 0 ? 'undecided' : 'unfit';
  },
  leasedBy: async ({ id, service }, phoneNumbers) => {
    const rows = await db.query<{ place: number }>(
      `select asked.place::int from unnest($1::bytea[]) with ordinality as asked (hash, place)
        where exists (select from number_leases l where l.number_hash = asked.hash and l.service = $2 and l.verification_id = $3)`,
      [phoneNumbers.map(hashNumber), service, id],
    );
    const places = new Set(rows.map(({ place }) => place));
    return new Set(phoneNumbers.filter((_, index) => places.has(index + 1)));
  },
});
