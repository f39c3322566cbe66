import type { Clock } from '#platform/time/index.ts';
import { type DocumentContent, invoiceOf } from '../../domain/documents/document.ts';
import { periodEnd } from '../../domain/documents/period.ts';
import { walletCurrency } from '../../domain/ledger.ts';
import { occasionOf } from './issue.ts';
import type { DocumentReader, DocumentTransactions, Issuer } from './ports.ts';

export interface PreviewInvoiceDependencies {
  readonly documents: DocumentTransactions;
  readonly reader: DocumentReader;
  readonly issuer: Issuer;
  readonly clock: Clock;
}

/** What the invoice of the running period would say now; without number, and stored nowhere. */
export const previewInvoice =
  ({ documents, reader, issuer, clock }: PreviewInvoiceDependencies) =>
  async (tenantId: string): Promise<DocumentContent> => {
    const now = clock.now();
    const schedule = await reader.schedule(tenantId, walletCurrency);
    return documents.run(async (unit) => {
      const details = await unit.details(tenantId);
      const occasion = await occasionOf(unit, issuer, { details, currency: walletCurrency, issuedAt: now });
      const { timeZone } = details;
      if (schedule === undefined) return invoiceOf(occasion, { from: now, to: periodEnd(now, timeZone), timeZone }, []);
      const { activities } = await unit.activity(schedule, schedule.to);
      return invoiceOf(occasion, { from: schedule.from, to: schedule.to, timeZone }, activities);
    });
  };
