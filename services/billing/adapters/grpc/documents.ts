import { allow, allowAny, type BoundService, grpcService, method } from '#platform/grpc/index.ts';
import { money } from '#platform/money/index.ts';
import * as proto from '#proto/namaskah/billing/v1/documents.ts';
import type { getBillingDetails, setBillingDetails } from '../../app/documents/billing-details.ts';
import type { getDocument } from '../../app/documents/get-document.ts';
import type { listDocuments } from '../../app/documents/list-documents.ts';
import type { previewInvoice } from '../../app/documents/preview-invoice.ts';
import type { renderDocument } from '../../app/documents/render-document.ts';
import type { BillingDetails, Document, DocumentContent, DocumentKind, Party } from '../../domain/documents/document.ts';
import { pageOf } from './mapping.ts';

export interface DocumentUseCases {
  readonly listDocuments: ReturnType<typeof listDocuments>;
  readonly getDocument: ReturnType<typeof getDocument>;
  readonly renderDocument: ReturnType<typeof renderDocument>;
  readonly previewInvoice: ReturnType<typeof previewInvoice>;
  readonly getBillingDetails: ReturnType<typeof getBillingDetails>;
  readonly setBillingDetails: ReturnType<typeof setBillingDetails>;
}

const kinds: Readonly<Record<DocumentKind, proto.DocumentKind>> = {
  invoice: proto.DocumentKind.DOCUMENT_KIND_INVOICE,
  credit_note: proto.DocumentKind.DOCUMENT_KIND_CREDIT_NOTE,
  receipt: proto.DocumentKind.DOCUMENT_KIND_RECEIPT,
};
const kindOf = (kind: proto.DocumentKind): DocumentKind | undefined =>
  (Object.keys(kinds) as DocumentKind[]).find((name) => kinds[name] === kind);

const partyMessage = ({ name, address, country, taxId }: Party, timeZone = ''): proto.BillingDetails => ({
  name,
  address: [...address],
  country,
  taxId,
  timeZone,
});
const detailsOf = (details: proto.BillingDetails | undefined): BillingDetails => details ?? proto.BillingDetails.create();

const contentMessage = (content: DocumentContent): proto.Document => {
  const { currency, period, payment } = content;
  const amount = (micros: bigint) => money(currency, micros);
  return {
    id: '',
    kind: kinds[content.kind],
    number: content.number,
    issuedAt: content.issuedAt,
    periodFrom: period?.from,
    periodTo: period?.to,
    timeZone: period?.timeZone ?? '',
    issuer: partyMessage(content.issuer),
    customer: partyMessage(content.customer),
    lines: content.lines.map(({ description, product, quantity, amountMicros }) => ({
      description,
      product,
      quantity,
      amount: amount(amountMicros),
    })),
    net: amount(content.netMicros),
    tax: amount(content.taxMicros),
    total: amount(content.totalMicros),
    due: amount(content.dueMicros),
    taxNote: content.taxNote,
    refersTo: [...content.refersTo],
    paymentId: payment?.id ?? '',
    gateway: payment?.gateway ?? '',
    contentHash: '',
  };
};
const documentMessage = (document: Document): proto.Document => ({
  ...contentMessage(document),
  id: document.id,
  contentHash: document.contentHash,
});

export const documentService = (billing: DocumentUseCases): BoundService =>
  grpcService(proto.DocumentServiceService, {
    listDocuments: method(allowAny(), async ({ page, kind }, { principal }) => {
      const asked = pageOf(page);
      const { documents, nextCursor } = await billing.listDocuments(principal.tenantId, kindOf(kind), asked);
      return { documents: documents.map(documentMessage), nextCursor };
    }),
    getDocument: method(allowAny(), async ({ id }, { principal }) => ({
      document: documentMessage(await billing.getDocument(principal.tenantId, id)),
    })),
    getDocumentPdf: method(allowAny(), async ({ id }, { principal }) => {
      const { pdf, fileName } = await billing.renderDocument(principal.tenantId, id);
      return { pdf: Buffer.from(pdf), fileName };
    }),
    previewInvoice: method(allowAny(), async (_request, { principal }) => ({
      document: contentMessage(await billing.previewInvoice(principal.tenantId)),
    })),
    getBillingDetails: method(allowAny(), async (_request, { principal }) => {
      const { timeZone, ...party } = await billing.getBillingDetails(principal.tenantId);
      return { details: partyMessage(party, timeZone) };
    }),
    setBillingDetails: method(allow('owner', 'admin', 'system', { scope: 'payments:write' }), async ({ details }, { principal }) => {
      const { timeZone, ...party } = await billing.setBillingDetails(principal.tenantId, principal.subject, detailsOf(details));
      return { details: partyMessage(party, timeZone) };
    }),
  });
