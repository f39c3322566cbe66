import { appError } from '#platform/errors/index.ts';
import type { Sealer } from '../ports.ts';
import { type VerificationView, viewOf } from '../view.ts';
import type { SnapshotReader } from './ports.ts';

export const maxIds = 200;

/**
 * Many verifications as they are now, in the order of `ids`; what is not the tenant's is left out.
 * @throws request.invalid for more than `maxIds`
 */
export const getVerifications =
  ({ reader, sealer }: { readonly reader: SnapshotReader; readonly sealer: Sealer }) =>
  async ({ tenantId, ids }: { tenantId: string; ids: readonly string[] }): Promise<readonly VerificationView[]> => {
    if (ids.length > maxIds) throw appError('request.invalid', { fields: [{ field: 'ids', reason: `at most ${maxIds}` }] });
    if (ids.length === 0) return [];
    const found = new Map((await reader.snapshots(tenantId, ids)).map((snapshot) => [snapshot.verification.id, snapshot]));
    const wanted = ids.map((id) => found.get(id)).filter((snapshot) => snapshot !== undefined);
    return Promise.all(wanted.map(({ verification, messages }) => viewOf(sealer, verification, messages)));
  };
