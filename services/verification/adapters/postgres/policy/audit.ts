import { newId } from '#platform/ids/index.ts';
import type { Database, Transaction } from '#platform/postgres/index.ts';
import type { Act, DecisionKind, Decisions } from '../../../app/policy/ports.ts';
import { decisionFromEntity, PolicyDecisionRow } from './rows.ts';

interface Line {
  readonly kind: DecisionKind;
  readonly reason: string;
  readonly tenantId?: string | undefined;
  readonly service?: string | undefined;
  readonly provider?: string | undefined;
  readonly verificationId?: string | undefined;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** Writes down an act in the transaction that does it. */
export const writeDown = async (tx: Pick<Transaction, 'query'>, { actor, note, at }: Act, line: Line): Promise<void> => {
  const { kind, reason, tenantId = null, service = null, provider = null, verificationId = null, detail = {} } = line;
  await tx.query(
    `insert into policy_decisions (id, kind, tenant_id, reason, service, provider, verification_id, actor, note, detail, first_at, at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)`,
    [newId(), kind, tenantId, reason, service, provider, verificationId, actor, note, JSON.stringify(detail), at],
  );
};

export const postgresDecisions = (db: Database): Decisions => ({
  list: async ({ tenantId, kind, before, limit }) => {
    const where = { ...(tenantId && { tenantId }), ...(kind && { kind }), ...(before && { id: { $lt: before } }) };
    return (await db.em().find(PolicyDecisionRow, where, { orderBy: { id: 'desc' }, limit })).map(decisionFromEntity);
  },
});
