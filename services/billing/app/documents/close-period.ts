import { addMs, type Clock } from '#platform/time/index.ts';
import { creditNoteOf, invoiceOf } from '../../domain/documents/document.ts';
import { lastInstant, periodEnd } from '../../domain/documents/period.ts';
import { issueDocument, occasionOf } from './issue.ts';
import { leavingOut } from '../leaving-out.ts';
import type { DocumentTransactions, Issuer } from './ports.ts';

export interface ClosePeriodDependencies {
  readonly documents: DocumentTransactions;
  readonly issuer: Issuer;
  readonly clock: Clock;
  /** How long after the end of a period it is closed: what is still being booked then belongs to it. */
  readonly graceMs: number;
}

/**
 * Closes one billing period that is over: its invoice, its credit note, and the beginning of the next, together. A month without
 * charges gets no invoice. What a period covers is a range of the wallet's numbered entries that begins where the one before ended, so
 * nothing is billed twice or left out; an entry that comes too late is in the next. A period that cannot be closed keeps no other waiting.
 * @returns how many were closed: 0 or 1
 */
export const closePeriod =
  ({ documents, issuer, clock, graceMs }: ClosePeriodDependencies) =>
  (): Promise<number> =>
    leavingOut((leftOut, at) =>
      documents.run(async (unit) => {
        const now = clock.now();
        const schedule = await unit.duePeriod(addMs(now, -graceMs), leftOut);
        if (schedule === undefined) return 0;
        at(schedule.walletId);
        const { tenantId, currency, from, to } = schedule;
        const details = await unit.details(tenantId);
        const period = { from, to, timeZone: details.timeZone };
        const occasion = await occasionOf(unit, issuer, { details, currency, issuedAt: now }, lastInstant(period));
        const { activities, toSequence } = await unit.activity(schedule, to);

        const charged = activities.some(({ chargedMicros }) => chargedMicros > 0n);
        const refunded = activities.some(({ refundedMicros }) => refundedMicros > 0n);
        const content = invoiceOf(occasion, period, activities);
        const invoice = charged ? await issueDocument(unit, issuer, tenantId, content) : undefined;
        let creditNoteId: string | undefined;
        if (refunded) {
          const { earlier, runningMicros } = await unit.refundedInvoices(schedule, toSequence);
          const running =
            invoice === undefined || runningMicros === 0n
              ? []
              : [{ invoice: { ...content, number: invoice.number }, micros: runningMicros }];
          const note = creditNoteOf(occasion, period, activities, [...earlier, ...running]);
          creditNoteId = (await issueDocument(unit, issuer, tenantId, note)).id;
        }
        await unit.close({
          schedule,
          timeZone: details.timeZone,
          toSequence,
          invoiceId: invoice?.id,
          creditNoteId,
          nextTo: periodEnd(to, details.timeZone),
          closedAt: now,
        });
        return 1;
      }),
    );
