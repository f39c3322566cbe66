import type { Clock } from '#platform/time/index.ts';
import { type DocumentContent, invoiceOf } from '../../domain/documents/document.ts';
import { lastInstant, periodEnd } from '../../domain/documents/period.ts';
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
      const { timeZone } = details;
      const { from, to } = schedule ?? { from: now, to: periodEnd(now, timeZone) };
      const period = { from, to, timeZone };
      const occasion = await occasionOf(unit, issuer, { details, currency: walletCurrency, issuedAt: now }, lastInstant(period));
      const activities = schedule === undefined ? [] : (await unit.activity(schedule, to)).activities;
      return invoiceOf(occasion, period, activities);
    });
  };
