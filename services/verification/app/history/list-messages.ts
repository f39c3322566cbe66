import { appError } from '#platform/errors/index.ts';
import type { Message } from '../../domain/verification.ts';
import type { Ports } from '../ports.ts';
import { openMessages } from '../view.ts';

/** All messages of one number that its customer may see, oldest first; none while it is frozen. @throws request.not_found */
export const listMessages =
  ({ store, sealer }: Pick<Ports, 'store' | 'sealer'>) =>
  async ({ tenantId, id }: { tenantId: string; id: string }): Promise<readonly Message[]> => {
    const verification = await store.find(tenantId, id);
    if (!verification) throw appError('request.not_found');
    return openMessages(sealer, verification, await store.messages(tenantId, id));
  };
