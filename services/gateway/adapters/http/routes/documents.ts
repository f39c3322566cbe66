import { Type } from 'typebox';
import {
  type BillingDetails as DetailsMessage,
  DocumentKind,
  type Document as DocumentMessage,
} from '#proto/namaskah/billing/v1/documents.ts';
import { adminAccess, readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, pathId } from '../context.ts';
import { edgeId, fromMoney, fromTime, orNull, page, toPage } from '../mapping.ts';
import { closed, Currency, id, pageOf, PageQuery, problems, Timestamp } from '../schemas.ts';
import type { App } from './index.ts';

const Details = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200, examples: ['Acme Ltd'] }),
    address: Type.Array(Type.String({ minLength: 1, maxLength: 100 }), {
      maxItems: 6,
      examples: [['1 Harbour Street', 'London EC1A 1BB']],
    }),
    country: Type.String({ pattern: '^[A-Z]{2}$', description: 'ISO 3166-1 alpha-2; decides the tax', examples: ['GB'] }),
    taxId: Type.Optional(Type.String({ maxLength: 32, pattern: '^[A-Za-z0-9 ./-]*$', examples: ['GB123456789'] })),
    timeZone: Type.Optional(
      Type.String({ maxLength: 64, description: 'IANA: billing months begin and end there; UTC by default', examples: ['Europe/London'] }),
    ),
  },
  { ...closed, description: 'Who invoices and receipts are for' },
);
const Party = Type.Object(
  {
    name: Type.Union([Type.String({ examples: ['Harbour Works GmbH'] }), Type.Null()]),
    address: Type.Array(Type.String({ examples: ['1 Harbour Street'] })),
    country: Type.Union([Type.String({ examples: ['GB'] }), Type.Null()]),
    taxId: Type.Union([Type.String({ examples: ['DE123456789'] }), Type.Null()], {
      description: 'Of a business abroad: it declares the tax itself (reverse charge). In the EU only a VAT id of the country counts',
    }),
  },
  closed,
);
const DetailsShown = Type.Object({ ...Party.properties, timeZone: Type.String({ examples: ['Europe/London'] }) }, closed);
const Line = Type.Object(
  {
    description: Type.String({ examples: ['Phone verifications'] }),
    product: Type.Union([Type.String({ examples: ['verification'] }), Type.Null()]),
    quantity: Type.Integer({ examples: [1234] }),
    amount: Type.String({ description: 'Exact, up to six decimals', examples: ['555.1234'] }),
  },
  closed,
);
const Money = Type.String({ description: 'Decimal amount', examples: ['604.13'] });
const Document = Type.Object(
  {
    id: Type.Union([id('doc'), Type.Null()], { description: 'null in a preview' }),
    kind: Type.Union([Type.Literal('invoice'), Type.Literal('credit_note'), Type.Literal('receipt')]),
    number: Type.Union([Type.String({ examples: ['NMK-2026-000017'] }), Type.Null()], {
      description: 'Without gaps for each kind and year; null in a preview',
    }),
    issuedAt: Timestamp,
    periodFrom: Type.Union([Timestamp, Type.Null()], { description: 'Included; null on a receipt' }),
    periodTo: Type.Union([Timestamp, Type.Null()], { description: 'Not included; null on a receipt' }),
    timeZone: Type.Union([Type.String({ examples: ['Europe/Berlin'] }), Type.Null()], {
      description: 'Where the billing month begins and ends',
    }),
    issuer: Party,
    customer: Party,
    currency: Currency,
    lines: Type.Array(Line, { description: 'They sum to total when the tax is included in prices, to net when it comes on top' }),
    net: Money,
    tax: Money,
    total: Money,
    due: Type.String({ description: 'What the prepaid credit has not paid already', examples: ['0.00'] }),
    taxNote: Type.Union([Type.String({ examples: ['VAT 20 %, included in prices'] }), Type.Null()]),
    refersTo: Type.Array(Type.String({ examples: ['NMK-2026-000017'] }), {
      description: 'Of a credit note: the invoices whose charges it gives back',
    }),
    payment: Type.Union([id('pay'), Type.Null()], { description: 'Of a receipt' }),
    gateway: Type.Union([Type.String({ examples: ['stripe'] }), Type.Null()]),
    contentHash: Type.Union([Type.String({ examples: ['9f86d081…'] }), Type.Null()], { description: 'SHA-256, also printed on the PDF' }),
  },
  { ...closed, description: 'Never changes once it is issued' },
);

const party = (details: DetailsMessage | undefined) => ({
  name: orNull(details?.name ?? ''),
  address: details?.address ?? [],
  country: orNull(details?.country ?? ''),
  taxId: orNull(details?.taxId ?? ''),
});
const detailsShown = (details: DetailsMessage | undefined) => ({ ...party(details), timeZone: details?.timeZone ?? 'UTC' });

const kinds: Partial<Record<DocumentKind, 'invoice' | 'credit_note' | 'receipt'>> = {
  [DocumentKind.DOCUMENT_KIND_INVOICE]: 'invoice',
  [DocumentKind.DOCUMENT_KIND_CREDIT_NOTE]: 'credit_note',
  [DocumentKind.DOCUMENT_KIND_RECEIPT]: 'receipt',
};

const documentFromProto = (document: DocumentMessage | undefined) => {
  const kind = document && kinds[document.kind];
  if (!document || kind === undefined) throw new Error('the billing service answered without a document');
  return {
    id: document.id === '' ? null : edgeId('document', document.id),
    kind,
    number: orNull(document.number),
    issuedAt: fromTime(document.issuedAt) ?? '',
    periodFrom: fromTime(document.periodFrom),
    periodTo: fromTime(document.periodTo),
    timeZone: orNull(document.timeZone),
    issuer: party(document.issuer),
    customer: party(document.customer),
    currency: document.total?.currency ?? '',
    lines: document.lines.map(({ description, product, quantity, amount }) => ({
      description,
      product: orNull(product),
      quantity: Number(quantity),
      amount: fromMoney(amount),
    })),
    net: fromMoney(document.net),
    tax: fromMoney(document.tax),
    total: fromMoney(document.total),
    due: fromMoney(document.due),
    taxNote: orNull(document.taxNote),
    refersTo: document.refersTo,
    payment: document.paymentId === '' ? null : edgeId('payment', document.paymentId),
    gateway: orNull(document.gateway),
    contentHash: orNull(document.contentHash),
  };
};

const oneOf = { params: Type.Object({ id: Type.String() }) } as const;
const asPdf = {
  produces: ['application/pdf'],
  response: {
    200: { description: 'The file', content: { 'application/pdf': { schema: Type.String({ format: 'binary' }) } } },
    ...problems(403, 404),
  },
};

/** The same three routes for invoices (with credit notes) and for receipts. */
const routesOf = (
  app: App,
  documents: Backends['documents'],
  { path, kind, what, many }: { readonly path: string; readonly kind: DocumentKind; readonly what: string; readonly many: string },
): void => {
  const tags = ['documents'];
  const config = { access: readAccess('payments:read') };
  const isReceipt = kind === DocumentKind.DOCUMENT_KIND_RECEIPT;
  app.get(
    path,
    {
      config,
      schema: {
        tags,
        summary: `List ${many}, newest first`,
        querystring: Type.Object(PageQuery, closed),
        response: { 200: pageOf(Document), ...problems(403, 422) },
      },
    },
    async (request) => {
      const answer = await documents.listDocuments({ page: toPage(request.query), kind }, callOptions(request));
      return page(answer.documents, answer.nextCursor, documentFromProto);
    },
  );
  app.get(
    `${path}/:id`,
    { config, schema: { tags, summary: `One ${what}`, ...oneOf, response: { 200: Document, ...problems(403, 404) } } },
    async (request) =>
      documentFromProto((await documents.getDocument({ id: pathId('document', request.params.id) }, callOptions(request))).document),
  );
  app.get(
    `${path}/:id/pdf`,
    {
      config,
      schema: {
        tags,
        summary: `One ${what} as PDF`,
        description: `The same bytes at any time.${isReceipt ? '' : ' Amounts are exact, as they were taken from the prepaid credit.'}`,
        ...oneOf,
        ...asPdf,
      },
    },
    async (request, reply) => {
      const { pdf, fileName } = await documents.getDocumentPdf({ id: pathId('document', request.params.id) }, callOptions(request));
      void reply.type('application/pdf').header('content-disposition', `inline; filename="${fileName}"`).header('cache-control', 'private');
      return reply.send(Buffer.from(pdf) as never);
    },
  );
};

export const documentRoutes = (app: App, { documents }: Pick<Backends, 'documents'>): void => {
  const tags = ['documents'];
  app.get(
    '/v2/invoices/preview',
    {
      config: { access: readAccess('payments:read') },
      schema: {
        tags,
        summary: 'What the invoice of the running month would say now',
        description: 'Without number and id; stored nowhere.',
        response: { 200: Document, ...problems(403) },
      },
    },
    async (request) => documentFromProto((await documents.previewInvoice({}, callOptions(request))).document),
  );
  routesOf(app, documents, {
    path: '/v2/invoices',
    kind: DocumentKind.DOCUMENT_KIND_UNSPECIFIED,
    what: 'invoice or credit note',
    many: 'invoices and credit notes',
  });
  routesOf(app, documents, { path: '/v2/receipts', kind: DocumentKind.DOCUMENT_KIND_RECEIPT, what: 'receipt', many: 'receipts' });
  app.get(
    '/v2/billing-details',
    {
      config: { access: readAccess('payments:read') },
      schema: { tags, summary: 'Who invoices and receipts are for', response: { 200: DetailsShown, ...problems(403) } },
    },
    async (request) => detailsShown((await documents.getBillingDetails({}, callOptions(request))).details),
  );
  app.put(
    '/v2/billing-details',
    {
      config: { access: adminAccess('payments:write') },
      schema: {
        tags,
        summary: 'Replace the billing details',
        description: 'They count for documents issued from now on; a new time zone moves the end of the running billing month.',
        body: Details,
        response: { 200: DetailsShown, ...problems(403, 422) },
      },
    },
    async (request) => {
      const { taxId = '', timeZone = '', ...given } = request.body;
      return detailsShown((await documents.setBillingDetails({ details: { ...given, taxId, timeZone } }, callOptions(request))).details);
    },
  );
};
