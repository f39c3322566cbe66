import { addMs, type Clock, hourMs } from '#platform/time/index.ts';
import type { LedgerAudit } from '../ledger/ports.ts';
import type { AuditDiary, AuditMonitor } from './ports.ts';

/** Longer than any audit takes: whoever began one and is silent since then is dead. */
const staleAfterMs = 2 * hourMs;

export interface AuditNightlyDependencies {
  readonly audit: LedgerAudit;
  readonly diary: AuditDiary;
  readonly monitor: AuditMonitor;
  readonly clock: Clock;
  /** 0 to 23, UTC: not before. */
  readonly hour: number;
}

/**
 * Once a day, by one replica, all laws of the books; every replica shows what the newest audit said, so that its metric does not
 * depend on who did it. @returns 0: there is never more to do at once
 */
export const auditNightly =
  ({ audit, diary, monitor, clock, hour }: AuditNightlyDependencies) =>
  async (): Promise<number> => {
    const now = clock.now();
    const day = now.toISOString().slice(0, 10);
    if (now.getUTCHours() >= hour && (await diary.begin(day, now, addMs(now, -staleAfterMs)))) {
      const report = await audit.report();
      for (const divergence of report.divergences) monitor.divergence(divergence);
      await diary.finish(day, report, clock.now());
    }
    const latest = await diary.latest();
    if (latest !== undefined) monitor.audited(latest);
    monitor.openHolds(await diary.openHolds());
    return 0;
  };
