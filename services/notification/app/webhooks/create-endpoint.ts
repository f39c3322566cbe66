import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { type Endpoint, endpointLimit, endpointProblems, type UrlPolicy } from '../../domain/webhooks/endpoint.ts';
import type { Endpoints, Secrets } from './ports.ts';

export interface Creator {
  readonly tenantId: string;
  readonly plan: string;
}

/** @throws request.invalid, webhook.limit_reached, request.idempotency_conflict */
export const createEndpoint =
  ({ endpoints, secrets, clock, policy }: { endpoints: Pick<Endpoints, 'create'>; secrets: Secrets; clock: Clock; policy: UrlPolicy }) =>
  async (
    { tenantId, plan }: Creator,
    wish: { readonly url: string; readonly description: string; readonly eventTypes: readonly string[]; readonly idempotencyKey: string },
  ): Promise<{ readonly endpoint: Endpoint; readonly secret: string }> => {
    const { url, description, eventTypes, idempotencyKey: key } = wish;
    const fields = endpointProblems({ url, description, eventTypes }, policy);
    if (fields.length > 0) throw appError('request.invalid', { fields });
    const id = newId();
    const created = await endpoints.create(
      { id, tenantId, url, description, eventTypes: [...new Set(eventTypes)], secret: secrets.create({ tenantId, id }), at: clock.now() },
      endpointLimit(plan),
      { key, request: { url, description, eventTypes } },
    );
    // After a repetition it is the secret of the first time, not the one made above.
    return { endpoint: created.endpoint, secret: secrets.open(created.endpoint, created.secret) };
  };
