import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { type Endpoint, endpointLimit, endpointProblems, type UrlPolicy } from '../../domain/webhooks/endpoint.ts';
import type { Creator } from './create-endpoint.ts';
import type { EndpointChange, Endpoints } from './ports.ts';

/** @throws request.invalid, request.not_found, webhook.limit_reached */
export const updateEndpoint =
  ({ endpoints, clock, policy }: { endpoints: Pick<Endpoints, 'update'>; clock: Clock; policy: UrlPolicy }) =>
  async ({ tenantId, plan }: Creator, id: string, change: EndpointChange): Promise<Endpoint> => {
    const fields = endpointProblems(change, policy);
    if (fields.length > 0) throw appError('request.invalid', { fields });
    const eventTypes = change.eventTypes && [...new Set(change.eventTypes)];
    const endpoint = await endpoints.update(tenantId, id, { ...change, eventTypes }, endpointLimit(plan), clock.now());
    if (endpoint === undefined) throw appError('request.not_found');
    return endpoint;
  };
