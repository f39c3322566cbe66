import { appError } from '#platform/errors/index.ts';
import type { Sealer } from '../ports.ts';
import { type VerificationView, viewOf } from '../view.ts';
import type { FreshViews, SnapshotReader } from './ports.ts';

export const maxIds = 200;

/**
 * Many verifications as they are now, in the order of `ids`; what is not the tenant's is left out.
 * @param wanted `versions`: one for each id, that of the newest event that is to be shown; with none, nothing but the database is asked
 * @throws request.invalid for more than `maxIds`, or another number of versions than of ids
 */
export const getVerifications =
  ({ reader, sealer, freshViews }: { readonly reader: SnapshotReader; readonly sealer: Sealer; readonly freshViews: FreshViews }) =>
  async (wanted: {
    readonly tenantId: string;
    readonly ids: readonly string[];
    readonly versions?: readonly number[];
  }): Promise<readonly VerificationView[]> => {
    const { tenantId, ids, versions = [] } = wanted;
    if (ids.length > maxIds) throw appError('request.invalid', { fields: [{ field: 'ids', reason: `at most ${maxIds}` }] });
    if (versions.length > 0 && versions.length !== ids.length)
      throw appError('request.invalid', { fields: [{ field: 'versions', reason: 'as many as ids, or none' }] });
    const views = new Map<string, VerificationView>();
    for (const [index, version] of versions.entries()) {
      const fresh = freshViews.take(tenantId, ids[index] ?? '', version);
      if (fresh) views.set(fresh.id, fresh);
    }
    const missing = ids.filter((id) => !views.has(id));
    if (missing.length > 0) {
      const read = (await reader.snapshots(tenantId, missing)).map(({ verification, messages }) => viewOf(sealer, verification, messages));
      for (const view of await Promise.all(read)) views.set(view.id, view);
    }
    return ids.map((id) => views.get(id)).filter((view) => view !== undefined);
  };
