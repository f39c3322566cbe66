import type { Transaction } from '#platform/postgres/index.ts';
import type { HoldFact, HoldSettlement, Settled } from '../../../app/ledger/ports.ts';
import { executeLedger, factCommand, holdOfAnswer, type LedgerAnswer } from './execute.ts';

/** Consequences of other services' facts, inside the consumer's transaction. */
export const postgresHoldSettlement = (tx: Transaction): HoldSettlement => ({
  settle: async (facts) => {
    const settled: Settled[] = [];
    // All wallets are locked by the first round, so that transactions with several rounds lock in one order, too.
    const tenants = facts.map(({ tenantId }) => tenantId);
    for (const round of roundsOf(facts)) {
      const answers = await executeLedger(
        tx,
        round.map(({ fact }) => factCommand(fact)),
        tenants,
      );
      for (const [index, { at, fact }] of round.entries()) settled[at] = settledBy(fact, answers[index]);
    }
    if (facts.length > 0) tx.signalOutbox();
    return settled;
  },
});

interface Placed {
  readonly at: number;
  readonly fact: HoldFact;
}

/** A batch has each hold once: a hold's second fact goes into the second round, and so on. */
const roundsOf = (facts: readonly HoldFact[]): readonly (readonly Placed[])[] => {
  const rounds: Placed[][] = [];
  const seen = new Map<string, number>();
  for (const [at, fact] of facts.entries()) {
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
