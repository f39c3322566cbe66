import { appError, type FieldViolation } from '#platform/errors/index.ts';
import { keptMs, maxReplayed } from '../../domain/webhooks/delivery.ts';
import { eventTypes, filtersOf, isFilter, testType } from '../../domain/webhooks/event-types.ts';
import { requireEnabled } from './get-endpoint.ts';
import type { Range } from './ports.ts';
import type { RetryDependencies } from './retry-delivery.ts';

const problems = ({ from, to, eventTypes: filters }: Range): readonly FieldViolation[] => [
  ...(from < to ? [] : [{ field: 'to', reason: 'must be after from' }]),
  ...(to.getTime() - from.getTime() > keptMs ? [{ field: 'from', reason: 'must be at most 30 days before to' }] : []),
  ...filters.flatMap((filter, index) =>
    isFilter(filter) || filter === testType ? [] : [{ field: `eventTypes[${index}]`, reason: 'is no event type' }],
  ),
];

/** Types that any of the filters lets through; none: all. */
const typesOf = (filters: readonly string[]): readonly string[] =>
  filters.length === 0 ? [] : eventTypes.map(({ type }) => type).filter((type) => filtersOf(type).some((each) => filters.includes(each)));

/** What has ended in the range is sent again, under the same ids. @throws request.invalid, request.not_found, webhook.endpoint_disabled */
export const replayDeliveries =
  ({ endpoints, deliveries, clock, wake }: RetryDependencies) =>
  async (tenantId: string, endpointId: string, range: Range): Promise<number> => {
    const fields = problems(range);
    if (fields.length > 0) throw appError('request.invalid', { fields });
    await requireEnabled({ endpoints })(tenantId, endpointId);
    const chosen = { ...range, eventTypes: typesOf(range.eventTypes) };
    const replayed = await deliveries.replay(tenantId, endpointId, chosen, clock.now(), maxReplayed);
    wake();
    return replayed;
  };
