import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { Endpoints } from './ports.ts';

/** Its deliveries go with it, bit by bit. @throws request.not_found */
export const deleteEndpoint =
  ({ endpoints, clock }: { endpoints: Pick<Endpoints, 'remove'>; clock: Clock }) =>
  async (tenantId: string, id: string): Promise<void> => {
    if (!(await endpoints.remove(tenantId, id, clock.now()))) throw appError('request.not_found');
  };
