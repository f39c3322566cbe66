import { addMs, dayMs, hourMs } from '#platform/time/index.ts';
import { abandonedAfterMs } from '../../domain/payment.ts';
import { compareBooks, type StatementFinding } from '../../domain/statement.ts';
import type { PaymentGateways, StatementBook } from './ports.ts';

/** A gateway dates a payment when its page was opened, we when it was credited; in between may lie as long as a page lives. */
const aroundMs = abandonedAfterMs + dayMs;
/** What is younger is left for later: both sides may still be at it. */
export const unsettledMs = hourMs;

export type Comparison =
  | { readonly outcome: 'compared'; readonly lines: number; readonly findings: readonly StatementFinding[] }
  | { readonly outcome: 'unknown'; readonly reason: string };

/**
 * Holds a gateway's own statement of [from, to) against our books, as far as it is old enough at `now`.
 */
export const compareStatement =
  ({ gateways, book }: { readonly gateways: PaymentGateways; readonly book: StatementBook }) =>
  async (name: string, from: Date, to: Date, now: Date): Promise<Comparison> => {
    const gateway = gateways.get(name);
    if (gateway === undefined) return { outcome: 'unknown', reason: 'not configured' };
    const until = new Date(Math.min(to.getTime(), addMs(now, -unsettledMs).getTime()));
    const answer = await gateway.listStatement(addMs(from, -aroundMs), addMs(to, hourMs));
    if (answer.outcome === 'unknown') return answer;
    const all = answer.lines;
    const due = all.filter(({ at }) => at >= from && at < until);
    const refundIds = due.filter(({ kind }) => kind === 'refund').map(({ gatewayId }) => gatewayId);
    const references = due.filter(({ kind }) => kind === 'payment').map(({ reference }) => reference);
    const [settled, named, refunded, namedRefunds] = await Promise.all([
      book.settledAttempts(name, from, until),
      book.attempts(name, references),
      book.settledRefunds(name, from, until),
      book.refunds(name, refundIds),
    ]);
    const findings = compareBooks({
      lines: { due, all },
      attempts: { due: settled, named },
      refunds: { due: refunded, named: namedRefunds },
    });
    return { outcome: 'compared', lines: due.length, findings };
  };
