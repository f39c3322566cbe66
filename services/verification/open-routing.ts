import type { BoundService } from '#platform/grpc/index.ts';
import type { Life } from '#platform/lifecycle/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { type Clock, addMs, hourMs } from '#platform/time/index.ts';
import { routingService } from './adapters/grpc/routing.ts';
import { createMarketStore } from './adapters/postgres/routing/market.ts';
import { createRouteStore } from './adapters/postgres/routing/store.ts';
import { startScheduler } from './adapters/scheduler/scheduler.ts';
import { createBalanceObserver, createMarketObserver, createRouteObserver } from './adapters/telemetry/route-observer.ts';
import type { Ports, Sealer } from './app/ports.ts';
import { getRoute } from './app/routing/get-route.ts';
import { listRoutes } from './app/routing/list-routes.ts';
import { listServiceStatus } from './app/routing/list-service-status.ts';
import { pauseProvider } from './app/routing/pause-provider.ts';
import { routeCodes } from './app/routing/route-codes.ts';
import { createPlanner, type Planner } from './app/routing/planner.ts';
import type { RouteCodes, MarketSource, Seller } from './app/routing/ports.ts';
import { refreshMarket } from './app/routing/refresh-market.ts';
import { refreshRoutes } from './app/routing/refresh-routes.ts';
import { publishFigures, type PublishedFigures } from './app/market/publish-figures.ts';
import { recentDay } from './app/market/recent-day.ts';
import { announceMarket } from './adapters/postgres/market/announce.ts';
import { parseDecimal } from '#platform/money/index.ts';
import { balanceService } from './adapters/grpc/balances.ts';
import { createBalanceStore } from './adapters/postgres/balance/store.ts';
import { listAdjustments } from './app/balance/list-adjustments.ts';
import { recordAdjustment } from './app/balance/record-adjustment.ts';
import { loadMarketRules } from './adapters/market/load-rules.ts';
import type { VerificationConfig } from './config.ts';
import type { Catalogue } from './domain/catalogue.ts';
import { usualRules } from './domain/routing/decide.ts';

export interface RoutingParts {
  readonly life: Life;
  readonly config: VerificationConfig;
  readonly db: Database;
  readonly clock: Clock;
  readonly sellers: readonly Seller[];
  readonly sources: readonly MarketSource[];
  readonly catalogue: Catalogue;
  readonly sealer: Pick<Sealer, 'fingerprint'>;
}

const forgetMs = 10 * 60_000;
/** How often somebody looks whether a price list is due; how long reading one may take. */
/** A price list is never stale for longer than this and the way of an event. */
const announceEveryMs = 2_000;
const marketTickMs = 5_000;
const marketLeaseMs = 10 * 60_000;
/** A day is shown; the hours around it are for those who look into an incident. */
const keptHours = 72;

export interface Routing {
  readonly planner: Planner;
  /** Providers as customers know them. */
  readonly codes: RouteCodes;
  readonly figures: PublishedFigures;
  /** Our accounts at providers. */
  readonly accounts: BoundService;
  service(ports: Pick<Ports, 'store'>): BoundService;
}

/** Part of the composition root: who is asked for a number. Knows what others have learnt before it answers. */
export const openRouting = async ({ life, config, db, clock, sellers, sources, catalogue, sealer }: RoutingParts): Promise<Routing> => {
  const { logger, metrics } = life;
  const marketRules = loadMarketRules(new URL('./data/market.json', import.meta.url));
  const { routeHalfLifeMs: halfLifeMs, routeAttempts: attempts, routeExploreShare: exploreShare, routeRefreshMs: tickMs } = config;
  const routes = createRouteStore({ db, halfLifeMs });
  const observer = createRouteObserver({ logger, metrics });
  const planner = createPlanner({ sellers, clock, halfLifeMs, attempts, observer, rules: { ...usualRules, exploreShare } });
  const refresh = refreshRoutes({ planner, routes, clock });
  await refresh();
  // Closed after the loop below: what was seen last is written down.
  await life.own('last outcomes', { close: refresh });
  const balanceObserver = createBalanceObserver({ logger, metrics });
  const scheduler = startScheduler({
    work: async () => {
      await refresh();
      for (const { name } of sellers) {
        const { reconciled } = planner.state(name);
        if (reconciled) balanceObserver.known(name, reconciled);
      }
      return 0;
    },
    houseKeep: () => routes.forgetHours(addMs(clock.now(), -keptHours * hourMs)),
    ...{ houseKeepMs: forgetMs, logger, tickMs, limit: 1, leaseMs: tickMs },
  });
  await life.own('routing', scheduler);
  const balances = createBalanceStore(db);
  const { driftFloor, driftSharePercent: sharePercent } = marketRules.balance;
  const driftRules = { floorMicros: parseDecimal(driftFloor) ?? 0n, sharePercent };
  const read = refreshMarket({
    ...{ sources, catalogue, clock, market: createMarketStore(db), observer: createMarketObserver({ logger, metrics }) },
    ...{ everyMs: config.marketRefreshMs, leaseMs: marketLeaseMs },
    onBalance: async (provider, balance) => {
      const result = await balances.reconcile(provider, balance, driftRules);
      if (result) balanceObserver.reconciled(provider, result);
    },
  });
  const reading = startScheduler({
    work: async () => {
      await read();
      return 0;
    },
    houseKeep: async () => {},
    ...{ houseKeepMs: Number.POSITIVE_INFINITY, logger, tickMs: marketTickMs, limit: 1, leaseMs: marketLeaseMs },
  });
  await life.own('market', reading);
  const codes = routeCodes(
    sellers.map(({ name }) => name),
    sealer,
  );
  const announce = announceMarket({
    db,
    now: () => clock.now(),
    everyMs: announceEveryMs,
    pricePercent: marketRules.material.pricePercent,
  });
  const announcing = startScheduler({
    // What is told was told in full: there is never more at once.
    work: async () => {
      await announce();
      return 0;
    },
    houseKeep: async () => {},
    ...{ houseKeepMs: Number.POSITIVE_INFINITY, logger, tickMs: announceEveryMs, limit: 1, leaseMs: announceEveryMs },
  });
  await life.own('market announcements', announcing);
  const day = recentDay({ routes, clock });
  const accounts = { balances, providers: sellers.map(({ name }) => name), clock };
  return {
    planner,
    accounts: balanceService({ recordAdjustment: recordAdjustment(accounts), listAdjustments: listAdjustments(accounts) }),
    codes,
    figures: publishFigures({ day, planner, catalogue, rules: marketRules }),
    service: ({ store }) =>
      routingService({
        ...{ planner, codes, now: () => clock.now() },
        getRoute: getRoute({ store, codes }),
        listServiceStatus: listServiceStatus({ planner, day }),
        listRoutes: listRoutes({ planner, clock }),
        pauseProvider: pauseProvider({ planner, routes, clock, refresh }),
      }),
  };
};
