import { addMs, type Clock, dayMs, minuteMs } from '#platform/time/index.ts';
import type { StatementFinding } from '../../domain/statement.ts';
import { compareStatement, unsettledMs } from './compare-statement.ts';
import type { PaymentGateways, StatementBook, StatementDiary } from './ports.ts';

/** A gateway that did not answer yesterday is asked about those days, too. */
const daysBack = 7;
/** Longer than a comparison takes: whoever began one and is silent since then is dead, or had no answer. */
const staleAfterMs = 20 * minuteMs;

export interface StatementMonitor {
  compared(summary: { readonly gateway: string; readonly findings: number; readonly at: Date }): void;
  finding(gateway: string, finding: StatementFinding): void;
  unknown(gateway: string, reason: string): void;
}

export interface CompareStatementsDeps {
  readonly gateways: PaymentGateways;
  readonly book: StatementBook;
  readonly diary: StatementDiary;
  readonly monitor: StatementMonitor;
  readonly clock: Clock;
  /** 0 to 23, UTC: not before. */
  readonly hour: number;
}

/**
 * Each day of each gateway is compared once, after it has ended, by one replica. Every replica shows the newest result.
 * @returns 0: there is never more to do at once
 */
export const compareStatements = (deps: CompareStatementsDeps) => async (): Promise<number> => {
  const { gateways, diary, monitor, clock, hour } = deps;
  for (const gateway of gateways.keys()) {
    if (clock.now().getUTCHours() >= hour) await compareDays(deps, gateway);
    const latest = await diary.latest(gateway);
    if (latest !== undefined) monitor.compared({ gateway, findings: latest.findings, at: latest.finishedAt });
  }
  return 0;
};

const compareDays = async ({ gateways, book, diary, monitor, clock }: CompareStatementsDeps, gateway: string): Promise<void> => {
  const now = clock.now();
  const today = Date.parse(`${now.toISOString().slice(0, 10)}T00:00:00Z`);
  const since = await diary.firstDay(gateway);
  for (let back = daysBack; back >= 1; back--) {
    const from = new Date(today - back * dayMs);
    const day = from.toISOString().slice(0, 10);
    // A day that is compared is done with, hence not before all of it can be.
    if (addMs(from, dayMs + unsettledMs) > now) continue;
    if (since === undefined || day < since || !(await diary.begin(gateway, day, now, addMs(now, -staleAfterMs)))) continue;
    const result = await compareStatement({ gateways, book })(gateway, from, addMs(from, dayMs), now);
    // The row stays open: another look takes the day up again.
    if (result.outcome === 'unknown') return monitor.unknown(gateway, result.reason);
    for (const finding of result.findings) monitor.finding(gateway, finding);
    await diary.finish(gateway, day, { lines: result.lines, findings: result.findings }, clock.now());
  }
};
