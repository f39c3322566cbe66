import type { DocumentKind } from '../../domain/documents/document.ts';
import type { PageAsk } from '../ports.ts';
import type { DocumentPage, DocumentReader } from './ports.ts';

/** Newest first; without a kind invoices and credit notes. @throws request.invalid naming cursor */
export const listDocuments =
  ({ reader }: { readonly reader: DocumentReader }) =>
  (tenantId: string, kind: DocumentKind | undefined, page: PageAsk): Promise<DocumentPage> =>
    reader.list(tenantId, kind === undefined ? ['invoice', 'credit_note'] : [kind], page);
