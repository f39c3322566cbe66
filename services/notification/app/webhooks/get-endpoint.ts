import { appError } from '#platform/errors/index.ts';
import type { Endpoint } from '../../domain/webhooks/endpoint.ts';
import type { Endpoints } from './ports.ts';

/** @throws request.not_found */
export const getEndpoint =
  ({ endpoints }: { endpoints: Pick<Endpoints, 'find'> }) =>
  async (tenantId: string, id: string): Promise<Endpoint> => {
    const endpoint = await endpoints.find(tenantId, id);
    if (endpoint === undefined) throw appError('request.not_found');
    return endpoint;
  };

/** @throws request.not_found, webhook.endpoint_disabled */
export const requireEnabled =
  (deps: { endpoints: Pick<Endpoints, 'find'> }) =>
  async (tenantId: string, id: string): Promise<Endpoint> => {
    const endpoint = await getEndpoint(deps)(tenantId, id);
    if (!endpoint.enabled) throw appError('webhook.endpoint_disabled');
    return endpoint;
  };
