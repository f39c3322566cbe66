import type { Transaction } from '#platform/postgres/index.ts';
import type { HoldFact, HoldSettlement, Settled } from '../../../app/ledger/ports.ts';
import { executeLedger, factCommand, holdOfAnswer, type LedgerAnswer } from './execute.ts';

/** Consequences of other services' facts, inside the consumer's transaction. */
export const postgresHoldSettlement = (tx: Transaction): HoldSettlement => ({
  settle: async (facts) => {
    const settled: Settled[] = [];
    const lasting = await alreadyLasting(tx, facts);
    for (const at of lasting) settled[at] = { found: true };
    // All wallets are locked by the first round, so that transactions with several rounds lock in one order, too.
    const tenants = facts.flatMap((fact) => (fact.kind === 'extend' ? [] : [fact.tenantId]));
    for (const round of roundsOf(facts, lasting)) {
      const answers = await executeLedger(
        tx,
        round.map(({ fact }) => factCommand(fact)),
        tenants,
      );
      for (const [index, { at, fact }] of round.entries()) settled[at] = settledBy(fact, answers[index]);
    }
    if (facts.length > lasting.size) tx.signalOutbox();
    return settled;
  },
});

const lastingSql = `select i.at::int as at from unnest($1::int[], $2::uuid[], $3::uuid[], $4::timestamptz[]) as i (at, id, tenant, until)
  join holds h on h.id = i.id and h.tenant_id = i.tenant and (h.state <> 'held' or h.expires_at >= i.until)`;

/**
 * Which extensions find nothing to move: nearly all, since holds outlive their numbers from the start. Seen without a lock: a hold
 * that is resolved meanwhile stays as it is all the same, and an expiry never moves earlier.
 */
const alreadyLasting = async (tx: Transaction, facts: readonly HoldFact[]): Promise<ReadonlySet<number>> => {
  const extensions = facts.flatMap((fact, at) => (fact.kind === 'extend' ? [{ at, fact }] : []));
  if (extensions.length === 0) return new Set();
  const column = <T>(of: (extension: (typeof extensions)[number]) => T): T[] => extensions.map(of);
  const rows = await tx.query<{ at: number }>(
    lastingSql,
    [column(({ at }) => at), column(({ fact }) => fact.holdId), column(({ fact }) => fact.tenantId), column(({ fact }) => fact.expiresAt)],
    { name: 'holds-lasting' },
  );
  return new Set(rows.map(({ at }) => at));
};

interface Placed {
  readonly at: number;
  readonly fact: HoldFact;
}

/** A batch has each hold once: a hold's second fact goes into the second round, and so on. */
const roundsOf = (facts: readonly HoldFact[], without: ReadonlySet<number>): readonly (readonly Placed[])[] => {
  const rounds: Placed[][] = [];
  const seen = new Map<string, number>();
  for (const [at, fact] of facts.entries()) {
    if (without.has(at)) continue;
    const round = seen.get(fact.holdId) ?? 0;
    seen.set(fact.holdId, round + 1);
    (rounds[round] ??= []).push({ at, fact });
  }
  return rounds;
};

const settledBy = (fact: HoldFact, row: LedgerAnswer | undefined): Settled => {
  if (row === undefined || row.outcome === 'not_found') return { found: false };
  if (fact.kind !== 'collect') return { found: true };
  return {
    found: true,
    collection: {
      hold: holdOfAnswer(row),
      late: { totalMicros: row.total, collectedMicros: row.collected, owedMicros: row.owed },
      capturedNowMicros: row.charge,
      collectedNowMicros: row.late,
      giveBackMicros: row.give_back,
    },
  };
};
