import type { BoundService } from '#platform/grpc/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { documentService } from './adapters/grpc/documents.ts';
import { openRenderer } from './adapters/pdf/renderer.ts';
import { postgresDocuments } from './adapters/postgres/documents/documents.ts';
import { getBillingDetails, setBillingDetails } from './app/documents/billing-details.ts';
import { closePeriod } from './app/documents/close-period.ts';
import { getDocument } from './app/documents/get-document.ts';
import { issueReceipts } from './app/documents/issue-receipts.ts';
import { listDocuments } from './app/documents/list-documents.ts';
import { previewInvoice } from './app/documents/preview-invoice.ts';
import { renderDocument } from './app/documents/render-document.ts';
import { loadTaxRates, registrationsOf } from './adapters/tax/load.ts';
import { standardRateAt } from './domain/documents/tax-rates.ts';
import type { BillingConfig } from './config.ts';
import type { StartWorker } from './open-ledger.ts';

export interface DocumentParts {
  readonly config: Pick<
    BillingConfig,
    | 'issuerCode'
    | 'issuerName'
    | 'issuerAddress'
    | 'issuerCountry'
    | 'issuerTaxId'
    | 'issuerTaxRegistrations'
    | 'invoiceGraceMs'
    | 'invoiceIntervalMs'
    | 'receiptIntervalMs'
  >;
  readonly db: Database;
  readonly clock: Clock;
  readonly worker: StartWorker;
}

/** Part of the composition root: invoices, credit notes, receipts. */
export const openDocuments = async ({ config, db, clock, worker }: DocumentParts): Promise<readonly BoundService[]> => {
  const { issuerCode: code, issuerName: name, issuerAddress, issuerCountry: country, issuerTaxId: taxId } = config;
  const address = issuerAddress.split(';').flatMap((line) => line.trim() || []);
  const rates = loadTaxRates();
  const registered = registrationsOf(config.issuerTaxRegistrations, { country, taxId }, rates);
  const standardRate = (of: string, at: Date) => standardRateAt(rates, registered, of, at);
  const issuer = { code, party: { name, address, country, taxId }, standardRate };
  const documents = postgresDocuments(db, code);
  const renderer = await openRenderer();
  await worker('invoices', config.invoiceIntervalMs, closePeriod({ documents, issuer, clock, graceMs: config.invoiceGraceMs }));
  await worker('receipts', config.receiptIntervalMs, issueReceipts({ documents, issuer, clock }));
  return [
    documentService({
      listDocuments: listDocuments({ reader: documents }),
      getDocument: getDocument({ reader: documents }),
      renderDocument: renderDocument({ reader: documents, renderer }),
      previewInvoice: previewInvoice({ documents, reader: documents, issuer, clock }),
      getBillingDetails: getBillingDetails({ store: documents }),
      setBillingDetails: setBillingDetails({ store: documents, clock }),
    }),
  ];
};
