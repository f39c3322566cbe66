import { appError } from '#platform/errors/index.ts';
import { type PublicStatus, publicStatus } from '../../domain/state.ts';
import type { Change, Ports } from '../ports.ts';

export interface ChangeView {
  readonly version: number;
  readonly kind: string;
  readonly status: PublicStatus;
  readonly at: Date;
}

const kinds: Readonly<Record<NonNullable<Change['event']>, string>> = {
  purchased: 'purchased',
  codeReceived: 'code_received',
  lateCodeReceived: 'late_code_received',
  anotherEnded: 'another_code_ended',
  completed: 'completed',
  cancelled: 'cancelled',
  expired: 'expired',
  failed: 'failed',
};

const kindOf = ({ version, state, event }: Change): string => {
  if (event !== undefined) return kinds[event];
  if (version === 1) return 'created';
  return state === 'retrying' ? 'another_code_requested' : 'changed';
};

/** What happened to one verification, oldest first. @throws request.not_found */
export const listChanges =
  ({ store }: Pick<Ports, 'store'>) =>
  async ({ tenantId, id }: { tenantId: string; id: string }): Promise<readonly ChangeView[]> => {
    const changes = await store.changes(tenantId, id);
    if (changes === undefined) throw appError('request.not_found');
    return changes.map((change) => ({
      version: change.version,
      kind: kindOf(change),
      status: publicStatus(change.state),
      at: change.at,
    }));
  };
