import { appError } from '#platform/errors/index.ts';
import type { Document } from '../../domain/documents/document.ts';
import { requireId } from '../checks.ts';
import type { DocumentReader } from './ports.ts';

/** @throws request.not_found, also for another tenant's */
export const getDocument =
  ({ reader }: { readonly reader: DocumentReader }) =>
  async (tenantId: string, id: string): Promise<Document> => {
    requireId(id);
    const document = await reader.find(tenantId, id);
    if (document === undefined) throw appError('request.not_found');
    return document;
  };
