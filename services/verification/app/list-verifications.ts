import type { ListQuery, Ports } from './ports.ts';
import { type VerificationView, viewOf } from './view.ts';

export interface VerificationPage {
  readonly verifications: readonly VerificationView[];
  /** Id to go on from; undefined on the last page. */
  readonly next: string | undefined;
}

/** A tenant's verifications, newest first, with codes but without the messages' texts. */
export const listVerifications =
  (ports: Pick<Ports, 'store' | 'sealer'>) =>
  async (query: ListQuery): Promise<VerificationPage> => {
    const rows = await ports.store.list({ ...query, limit: query.limit + 1 });
    const page = rows.slice(0, query.limit);
    const verifications = await Promise.all(page.map((row) => viewOf(ports.sealer, row)));
    return { verifications, next: rows.length > query.limit ? page.at(-1)?.id : undefined };
  };
