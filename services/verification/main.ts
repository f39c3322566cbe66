import { createFiveSimMarket } from './adapters/five-sim/market.ts';
import { createHandlerApiMarket } from './adapters/handler-api/market.ts';
import { createTextVerifiedMarket } from './adapters/text-verified/market.ts';
import { setTimeout as pause } from 'node:timers/promises';
import { LedgerServiceClient } from '#proto/namaskah/billing/v1/billing.ts';
import { grpcClient, grpcTls, startGrpcServer } from '#platform/grpc/index.ts';
import { type Life, runMain, type RunningService, startService } from '#platform/lifecycle/index.ts';
import { type Bus, openBus, startRelay } from '#platform/messaging/index.ts';
import { type Database, openDatabase } from '#platform/postgres/index.ts';
import { type Clock, systemClock } from '#platform/time/index.ts';
import { createLedger } from './adapters/billing/ledger.ts';
import { createPrices, PriceServiceClient } from './adapters/billing/prices.ts';
import { loadCatalogue } from './adapters/catalogue/load.ts';
import { loadCodeReader } from './adapters/codes/load.ts';
import { choiceService } from './adapters/grpc/choices.ts';
import { grpcServices } from './adapters/grpc/services.ts';
import { createFiveSimProvider, fiveSimName } from './adapters/five-sim/provider.ts';
import { createHandlerApiProvider, handlerApiName } from './adapters/handler-api/provider.ts';
import { createHandlerApiPush, createHandlerApiRentalPush } from './adapters/handler-api/push.ts';
import { rememberAwaited } from './adapters/memory/awaited.ts';
import { createFreshViews } from './adapters/memory/fresh-views.ts';
import { outboxRowOf } from './adapters/nats/events.ts';
import { followPrices } from './adapters/nats/follow-prices.ts';
import { announceCatalogue } from './adapters/postgres/announce-catalogue.ts';
import { loadPolicies } from './adapters/policies/load.ts';
import { entities } from './adapters/postgres/rows.ts';
import { postgresLeases } from './adapters/postgres/policy/leases.ts';
import { postgresGate } from './adapters/postgres/policy/tenants.ts';
import { createVerificationStore } from './adapters/postgres/store.ts';
import { startScheduler } from './adapters/scheduler/scheduler.ts';
import { createTextVerifiedProvider, textVerifiedName } from './adapters/text-verified/provider.ts';
import { createTextVerifiedPush } from './adapters/text-verified/push.ts';
import { createObserver } from './adapters/telemetry/observer.ts';
import { browseCatalogue } from './app/browse-catalogue.ts';
import { cancelVerification } from './app/cancel-verification.ts';
import { createVerification } from './app/create-verification.ts';
import { getVerification } from './app/get-verification.ts';
import { listChoices } from './app/list-choices.ts';
import { listVerifications } from './app/list-verifications.ts';
import type { NumberProvider, Ports, Providers, PushReader } from './app/ports.ts';
import { priceOffers } from './app/price-offers.ts';
import { quotePrice } from './app/quote-price.ts';
import { numberHash } from './app/policy/hash-number.ts';
import { receivePush } from './app/receive-push.ts';
import { countOutcomes } from './app/routing/count-outcomes.ts';
import type { MarketSource, Seller } from './app/routing/ports.ts';
import { houseKeep, workDue } from './app/work-due.ts';
import { type VerificationConfig, verificationConfig } from './config.ts';
import { sellsOffer } from './domain/catalogue.ts';
import { openPolicy, policyRules, policyScreen } from './open-policy.ts';
import { openBulk } from './open-bulk.ts';
import { openRentals } from './open-rentals.ts';
import { openLive } from './open-live.ts';
import { openKeys } from './open-keys.ts';
import { openLate } from './open-late.ts';
import { openRetention } from './open-retention.ts';
import { openRouting, type Routing } from './open-routing.ts';
import { openSettlement } from './open-settlement.ts';
import { openLifeCycle } from './open-life-cycle.ts';

/** What a provider's names in the catalogue stand under. */
type Upstream = NumberProvider & { readonly codes: string };

const byName = (providers: readonly Upstream[], pushes: readonly PushReader[]): Providers => ({
  named: (name) => {
    const provider = providers.find((one) => one.name === name);
    if (provider === undefined) throw new Error(`there is no provider "${name}" any more`);
    return provider;
  },
  pushReader: (wanted) => pushes.find(({ address }) => address === wanted),
});

const houseKeepMs = 2_000;
/** What falls due within a quarter of a second are fifty calls and changes at once where two hundred codes come a second: codes would stand behind them. */
const busyTickMs = 25;
/** Those that can be switched off, configured or not. */
const providerNames = [handlerApiName, fiveSimName, textVerifiedName];

const openPorts = async (
  life: Life,
  config: VerificationConfig,
  db: Database,
  bus: Bus,
  clock: Clock,
): Promise<{ ports: Ports; routing: Routing }> => {
  const { logger, metrics } = life;
  const catalogue = loadCatalogue(new URL('./data/', import.meta.url));
  const rules = policyRules(config, catalogue);
  const sealer = await openKeys(life, config, db, clock);
  const tls = grpcTls(config);
  const toBilling = {
    address: config.billingAddress,
    principalKey: config.principalKey,
    caller: 'verification',
    defaultDeadlineMs: 2_000,
    metrics,
    tls,
  };
  const billing = await life.own('billing', grpcClient(LedgerServiceClient, toBilling));
  const priceBook = await life.own('price book', grpcClient(PriceServiceClient, toBilling));
  const prices = createPrices({ client: priceBook, clock, keepMs: config.quoteKeepMs });
  await life.own('price changes', followPrices(bus, prices));
  const handlerApi = await life.own(
    'handler-api',
    createHandlerApiProvider({
      url: config.handlerApiUrl,
      apiKey: config.handlerApiKey,
      timeoutMs: config.providerTimeoutMs,
      connections: config.handlerApiConnections,
      cancelAfterMs: config.handlerApiCancelAfterMs,
      catalogue,
      metrics,
    }),
  );
  const sources: MarketSource[] = [
    await life.own(
      'handler-api market',
      createHandlerApiMarket({ url: config.handlerApiUrl, apiKey: config.handlerApiKey, timeoutMs: config.providerTimeoutMs, catalogue }),
    ),
  ];
  const providers: Upstream[] = [{ ...handlerApi, codes: 'handlerApi' }];
  if (config.fiveSimUrl !== undefined && config.fiveSimToken !== undefined) {
    const account = { url: config.fiveSimUrl, token: config.fiveSimToken, timeoutMs: config.providerTimeoutMs };
    const fiveSim = await life.own('5sim', createFiveSimProvider({ ...account, catalogue, metrics }));
    providers.push({ ...fiveSim, codes: 'fiveSim' });
    sources.push(await life.own('5sim market', createFiveSimMarket({ ...account, catalogue })));
  }
  const pushes = [createHandlerApiPush({ secret: config.pushSecret }), createHandlerApiRentalPush({ secret: config.pushSecret })];
  const { textVerifiedUrl, textVerifiedKey, textVerifiedUsername, textVerifiedWebhookSecret } = config;
  if (textVerifiedUrl !== undefined && textVerifiedKey !== undefined && textVerifiedUsername !== undefined) {
    const account = { url: textVerifiedUrl, apiKey: textVerifiedKey, username: textVerifiedUsername, timeoutMs: config.providerTimeoutMs };
    const textVerified = await life.own('textverified', createTextVerifiedProvider({ ...account, catalogue, clock, metrics }));
    providers.push({ ...textVerified, codes: 'textVerified' });
    sources.push(await life.own('textverified market', createTextVerifiedMarket({ ...account, clock })));
    if (textVerifiedWebhookSecret !== undefined)
      pushes.push(createTextVerifiedPush({ secret: config.pushSecret, webhookSecret: textVerifiedWebhookSecret }));
  }
  const sellers = providers.map(({ name, codes }): Seller => ({
    name,
    sells: (offer) => sellsOffer(codes, offer),
  }));
  const routing = await openRouting({ life, config, db, clock, sellers, sources, catalogue, sealer });
  const routes = routing.planner;
  const ports: Ports = {
    store: rememberAwaited(createVerificationStore({ db, rules, outboxRowOf: outboxRowOf(() => clock.now()), now: () => clock.now() })),
    policy: postgresGate({ db, clock, catalogue, screen: policyScreen() }),
    numbers: postgresLeases(db, numberHash(sealer)),
    ledger: createLedger(billing),
    prices,
    providers: byName(providers, pushes),
    routes,
    catalogue,
    readCode: loadCodeReader(new URL('./data/code-patterns.json', import.meta.url), (code) => catalogue.service(code) !== undefined),
    sealer,
    observer: countOutcomes(createObserver({ logger, metrics }), routes),
    clock,
    timing: config,
    freshViews: createFreshViews(),
    policies: loadPolicies(new URL('./data/policies.json', import.meta.url)),
    pause: (ms) => pause(ms),
  };
  return { ports, routing };
};

/** Starts the service. @throws when a part cannot be opened; those already open are closed then */
export const start = (config: VerificationConfig, options: { clock?: Clock } = {}): Promise<RunningService> =>
  startService('verification', config, async (life) => {
    const { logger, metrics } = life;
    const db = await life.own(
      'postgres',
      openDatabase({
        url: config.databaseUrl,
        applicationName: 'verification',
        poolMax: config.databasePoolMax,
        statementTimeoutMs: config.statementTimeoutMs,
        entities,
        logger,
      }),
    );
    const bus = await life.own('nats', openBus({ url: config.natsUrl, name: 'verification', logger }));
    await life.own('relay', startRelay({ db, bus, logger, metrics }));
    const { ports: single, routing } = await openPorts(life, config, db, bus, options.clock ?? systemClock);
    const bulk = await openBulk({ life, config, db, purchases: single, codes: routing.codes });
    const ports = bulk.purchases;
    await announceCatalogue(db, ports.catalogue.version, ports.clock.now());
    await openRetention({ life, db, bus, ports });
    const catalogue = browseCatalogue(ports.catalogue);
    const { schedulerLimit: limit, schedulerLeaseMs: leaseMs, schedulerTickMs: tickMs } = config;
    await life.own(
      'scheduler',
      startScheduler({ work: workDue(ports), houseKeep: houseKeep(ports), logger, tickMs, busyTickMs, houseKeepMs, limit, leaseMs }),
    );
    await bulk.start();
    const policy = await openPolicy({ life, config, db, bus, ports, providers: providerNames });
    await openLate(life, { db, ...ports });
    const rentals = await openRentals({ life, config, db, purchases: ports });
    const settlement = await openSettlement(life, {
      ...{ db, ...ports, rentals: rentals.askAboutClaim },
      active: routing.planner.sellers.map(({ name }) => name),
    });
    const grpc = await life.own(
      'grpc',
      startGrpcServer({
        host: config.grpcHost,
        port: config.grpcPort,
        principalKey: config.principalKey,
        logger,
        metrics,
        maxInFlight: config.grpcMaxInFlight,
        tls: grpcTls(config),
        services: [
          ...grpcServices({
            catalogue,
            codes: routing.codes,
            figures: routing.figures,
            priceOffers: priceOffers(ports, catalogue),
            quotePrice: quotePrice(ports),
            createVerification: createVerification(ports),
            getVerification: getVerification(ports),
            listVerifications: listVerifications(ports),
            cancelVerification: cancelVerification(ports),
            receivePush: receivePush({ ...ports, rentals: rentals.inbox }),
          }),
          bulk.service,
          routing.service(ports),
          rentals.service,
          routing.accounts,
          choiceService(listChoices(ports.catalogue)),
          policy,
          openLive({ db, ...ports }),
          settlement,
          openLifeCycle(ports, routing.codes),
        ],
      }),
    );
    life.readiness('postgres', () => db.ping());
    life.readiness('nats', () => bus.ping());
    life.address('grpc', grpc.port);
  });

if (import.meta.main) await runMain(() => start(verificationConfig.parse(process.env)));
