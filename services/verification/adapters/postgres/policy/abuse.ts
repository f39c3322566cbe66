import type { InferEntity } from '@mikro-orm/postgresql';
import type { Database } from '#platform/postgres/index.ts';
import type { AbuseReport, AbuseReports } from '../../../app/policy/ports.ts';
import { writeDown } from './audit.ts';
import { AbuseReportRow } from './rows.ts';

const reportOf = (row: InferEntity<typeof AbuseReportRow>): AbuseReport => ({
  id: row.id,
  status: row.status,
  category: row.category,
  numberHash: row.numberHash,
  sealed: row.sealed,
  happenedAt: row.happenedAt ?? undefined,
  receivedAt: row.receivedAt,
  verificationId: row.verificationId ?? undefined,
  tenantId: row.tenantId ?? undefined,
  decidedBy: row.decidedBy ?? undefined,
  decidedAt: row.decidedAt ?? undefined,
  note: row.note,
});

/** Reports of abuse, and the activations that they freeze. */
export const postgresAbuseReports = (db: Database): AbuseReports => ({
  receive: (report, fingerprint) =>
    db.transaction(async (tx) => {
      const { id, status, category, numberHash, sealed, happenedAt, receivedAt } = report;
      const [row] = await tx.query<{ id: string; fresh: boolean }>(
        `with added as (
           insert into abuse_reports (id, status, category, number_hash, sealed, fingerprint, happened_at, received_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict on constraint abuse_reports_once do nothing returning id
         )
         select id, true as fresh from added union all select id, false from abuse_reports where fingerprint = $6 limit 1`,
        [id, status, category, numberHash, sealed, fingerprint, happenedAt ?? null, receivedAt],
      );
      // Committed while we waited for it: the statement did not see it, the next one does.
      if (!row) return (await tx.query<{ id: string }>('select id from abuse_reports where fingerprint = $1', [fingerprint]))[0]?.id ?? id;
      if (row.fresh)
        await writeDown(
          tx,
          { actor: 'public', note: '', at: receivedAt },
          { kind: 'abuse_reported', reason: category, detail: { reportId: id } },
        );
      return row.id;
    }),
  list: async ({ status, before, limit }) => {
    const where = { ...(status && { status }), ...(before && { id: { $lt: before } }) };
    return (await db.em().find(AbuseReportRow, where, { orderBy: { id: 'desc' }, limit })).map(reportOf);
  },
  find: async (id) => {
    const row = await db.em().findOne(AbuseReportRow, { id });
    return row ? reportOf(row) : undefined;
  },
  leases: async (numberHashes) => {
    const rows = await db.query<{ number_hash: Buffer; service: string; verification_id: string; tenant_id: string; leased_at: Date }>(
      'select number_hash, service, verification_id, tenant_id, leased_at from number_leases where number_hash = any($1::bytea[]) order by leased_at desc',
      [numberHashes],
    );
    return rows.map((row) => ({
      numberHash: row.number_hash,
      service: row.service,
      verificationId: row.verification_id,
      tenantId: row.tenant_id,
      leasedAt: row.leased_at,
    }));
  },
  decide: (from, to, freeze, act) =>
    db.transaction(async (tx) => {
      const moved = await tx.query(
        `update abuse_reports set status = $3, verification_id = $4, tenant_id = $5, decided_by = $6, decided_at = $7, note = $8
         where id = $1 and status = $2 returning id`,
        [from.id, from.status, to.status, to.verificationId ?? null, to.tenantId ?? null, act.actor, act.at, act.note],
      );
      if (moved.length === 0) return false;
      // A new version: whoever is about to write a message by the old one has to look again.
      if (to.verificationId !== undefined)
        await tx.query(
          `update verifications set version = version + 1, frozen_at = case when $3::boolean then coalesce(frozen_at, $4) end
           where id = $1 and tenant_id = $2 and (frozen_at is not null) <> $3::boolean`,
          [to.verificationId, to.tenantId, freeze, act.at],
        );
      const { tenantId, verificationId } = to;
      await writeDown(tx, act, { kind: 'abuse_decided', reason: to.status, tenantId, verificationId, detail: { reportId: to.id } });
      return true;
    }),
});
