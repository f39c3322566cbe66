import type { Divergence, LedgerAudit } from './ports.ts';

/** Recomputes the books from their entries. @returns the first divergence, or undefined when every law holds */
export const verifyLedger =
  ({ audit }: { readonly audit: LedgerAudit }) =>
  (): Promise<Divergence | undefined> =>
    audit.firstDivergence();
