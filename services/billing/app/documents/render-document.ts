import type { DocumentReader, DocumentRenderer } from './ports.ts';
import { getDocument } from './get-document.ts';

export interface RenderedDocument {
  readonly pdf: Uint8Array;
  readonly fileName: string;
}

/** The document as PDF: the same bytes at any time. @throws request.not_found, also for another tenant's */
export const renderDocument =
  ({ reader, renderer }: { readonly reader: DocumentReader; readonly renderer: DocumentRenderer }) =>
  async (tenantId: string, id: string): Promise<RenderedDocument> => {
    const document = await getDocument({ reader })(tenantId, id);
    return { pdf: await renderer.pdf(document), fileName: `${document.number}.pdf` };
  };
