import { appError } from '#platform/errors/index.ts';
import { addMs, hourMs, type Clock } from '#platform/time/index.ts';
import { type Endpoint, maxOverlapMs } from '../../domain/webhooks/endpoint.ts';
import type { Endpoints, Secrets } from './ports.ts';

/** @throws request.invalid, request.not_found, webhook.rotation_in_progress, request.idempotency_conflict */
export const rotateSecret =
  ({ endpoints, secrets, clock }: { endpoints: Pick<Endpoints, 'rotate'>; secrets: Secrets; clock: Clock }) =>
  async (
    tenantId: string,
    id: string,
    { overlapHours, idempotencyKey: key }: { readonly overlapHours: number; readonly idempotencyKey: string },
  ): Promise<{ readonly endpoint: Endpoint; readonly secret: string }> => {
    const overlapMs = overlapHours * hourMs;
    if (overlapMs < 0 || overlapMs > maxOverlapMs)
      throw appError('request.invalid', { fields: [{ field: 'overlapHours', reason: `must be 0 to ${maxOverlapMs / hourMs}` }] });
    const at = clock.now();
    const rotation = { secret: secrets.create({ tenantId, id }), overlapUntil: addMs(at, overlapMs), at };
    const rotated = await endpoints.rotate(tenantId, id, rotation, { key, request: { id, overlapHours } });
    if (rotated === undefined) throw appError('request.not_found');
    return { endpoint: rotated.endpoint, secret: secrets.open(rotated.endpoint, rotated.secret) };
  };
