import { type Provider, RoutingServiceService } from '#proto/namaskah/verification/v1/routing.ts';
import { appError } from '#platform/errors/index.ts';
import { allow, allowAny, type BoundService, grpcService, method, publicMethod } from '#platform/grpc/index.ts';
import { money } from '#platform/money/index.ts';
import { decodeCursor, encodeCursor, pageLimit } from '#platform/postgres/index.ts';
import type { getRoute } from '../../app/routing/get-route.ts';
import type { listRoutes } from '../../app/routing/list-routes.ts';
import type { listServiceStatus } from '../../app/routing/list-service-status.ts';
import type { pauseProvider } from '../../app/routing/pause-provider.ts';
import type { Planner } from '../../app/routing/planner.ts';
import type { ProviderState, RouteCodes } from '../../app/routing/ports.ts';
import { stateAt } from '../../domain/routing/breaker.ts';
import { currency } from '../../domain/catalogue.ts';
import { meanOf } from '../../domain/routing/estimate.ts';

export interface RoutingUseCases {
  readonly planner: Planner;
  readonly codes: RouteCodes;
  readonly now: () => Date;
  readonly getRoute: ReturnType<typeof getRoute>;
  readonly listServiceStatus: ReturnType<typeof listServiceStatus>;
  readonly listRoutes: ReturnType<typeof listRoutes>;
  readonly pauseProvider: ReturnType<typeof pauseProvider>;
}

const operators = allow('operator', 'system');
const read = allowAny({ scope: 'verifications:read' });
const maxNote = 1_000;

const texts = (cursor: string | undefined, count: number): readonly string[] | undefined => {
  const values = decodeCursor(cursor, count);
  if (values === undefined) return undefined;
  const read_ = values.filter((value) => typeof value === 'string');
  if (read_.length === count) return read_;
  throw appError('request.invalid', { fields: [{ field: 'cursor', reason: 'is not a cursor of this list' }] });
};

export const routingService = (routing: RoutingUseCases): BoundService => {
  const shown = ({ provider: name, circuit, paused, balance, marketAt, reconciled }: ProviderState): Provider => ({
    ...{ name, route: routing.codes.of(name), circuit: stateAt(circuit, routing.now()), openUntil: circuit.openUntil },
    ...{ paused: paused !== undefined, pausedAt: paused?.at, pausedBy: paused?.by ?? '', pauseNote: paused?.note ?? '' },
    ...{ balance: balance && money(currency, balance.micros), balanceAt: balance?.at, marketAt },
    ...{
      expectedBalance: reconciled && money(currency, reconciled.expectedMicros),
      drift: reconciled && money(currency, reconciled.driftMicros),
    },
    ...{ driftLimit: reconciled && money(currency, reconciled.limitMicros), reconciledAt: reconciled?.at },
  });
  return grpcService(RoutingServiceService, {
    getRoute: method(read, async ({ id }, { principal: { tenantId } }) => {
      const { candidates, attempts } = await routing.getRoute({ tenantId, id });
      return {
        candidates: candidates.map(({ route, verdict, score, rate, observations, latencyMs, stock }) => ({
          ...{ route, verdict, score: BigInt(score), successRate: rate, observations, latencyMs: BigInt(latencyMs) },
          ...(stock === undefined ? {} : { stock }),
        })),
        attempts: attempts.map((attempt) => ({ ...attempt })),
      };
    }),
    listServiceStatus: method(publicMethod(), async ({ page, service, country }) => {
      const after = texts(page?.cursor, 2);
      const { rows, more } = await routing.listServiceStatus({
        ...{ service: service.toLowerCase(), country: country.toUpperCase(), limit: pageLimit(page?.limit) },
        after: after && [after[0] ?? '', after[1] ?? ''],
      });
      const last = rows.at(-1);
      return {
        rows: rows.map(({ rate, medianLatencyMs, stock, numbers, ...row }) => ({
          ...{ ...row, numbers: BigInt(numbers) },
          ...(rate && { successRate: rate.mean, successRateLow: rate.low, successRateHigh: rate.high }),
          ...(medianLatencyMs === undefined ? {} : { medianLatencyMs: BigInt(medianLatencyMs) }),
          ...(stock === undefined ? {} : { stock }),
        })),
        nextCursor: more && last ? encodeCursor([last.service, last.country]) : '',
      };
    }),
    listProviders: method(operators, async () => ({
      providers: routing.planner.sellers.map(({ name }) => shown(routing.planner.state(name))),
    })),
    listRoutes: method(operators, async ({ page, ...filter }) => {
      const [after] = texts(page?.cursor, 1) ?? [];
      const { rows, more } = routing.listRoutes({ ...filter, after, limit: pageLimit(page?.limit) });
      const last = rows.at(-1);
      return {
        routes: rows.map(({ provider, service, country, operator, estimate, stock }) => ({
          ...{ provider, service, country, operator, observations: estimate.observations, availability: estimate.availability },
          ...{ successRate: meanOf(estimate.success), latencyMs: BigInt(Math.round(estimate.latencyMs)) },
          cost: estimate.costMicros === undefined ? undefined : money(currency, BigInt(Math.round(estimate.costMicros))),
          ...(stock === undefined ? {} : { stock }),
        })),
        nextCursor: more && last ? encodeCursor([last.name]) : '',
      };
    }),
    pauseProvider: method(operators, async ({ name, note }, { principal: { subject } }) => {
      if (note.trim() === '' || note.length > maxNote)
        throw appError('request.invalid', { fields: [{ field: 'note', reason: `Say why, in at most ${maxNote} characters.` }] });
      return { provider: shown(await routing.pauseProvider({ name, by: subject, note })) };
    }),
    resumeProvider: method(operators, async ({ name }, { principal: { subject } }) => ({
      provider: shown(await routing.pauseProvider({ name, by: subject, note: undefined })),
    })),
  });
};
