import type { AuditReport, Divergence } from '../ledger/ports.ts';

/** What the newest audit that ended said. */
export interface AuditOutcome {
  readonly finishedAt: Date;
  readonly broken: number;
  readonly imbalanceMicros: bigint;
}

export interface AuditDiary {
  /** Takes the audit of a day for this process. False: it is done, or another replica is at it (and began after `staleBefore`). */
  begin(day: string, now: Date, staleBefore: Date): Promise<boolean>;
  finish(day: string, report: AuditReport, now: Date): Promise<void>;
  latest(): Promise<AuditOutcome | undefined>;
  openHolds(): Promise<bigint>;
}

export interface AuditMonitor {
  audited(outcome: AuditOutcome): void;
  openHolds(count: bigint): void;
  divergence(divergence: Divergence): void;
}
