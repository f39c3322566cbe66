import { ChargeServiceClient } from '#proto/namaskah/billing/v1/charges.ts';
import { LedgerServiceClient } from '#proto/namaskah/billing/v1/billing.ts';
import { PriceServiceClient } from '#proto/namaskah/billing/v1/prices.ts';
import { type BoundService, grpcClient, grpcTls } from '#platform/grpc/index.ts';
import type { Life } from '#platform/lifecycle/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { dayMs, hourMs, secondMs } from '#platform/time/index.ts';
import { createRentalLedger, createRentalPrices } from './adapters/billing/rentals.ts';
import { rentalService } from './adapters/grpc/rentals.ts';
import { rentalPushAddress } from './adapters/handler-api/push.ts';
import { createHandlerApiRentals } from './adapters/handler-api/rentals.ts';
import { rentalRowOf } from './adapters/nats/rental-events.ts';
import { postgresRentalLeases } from './adapters/postgres/policy/leases.ts';
import { createRentalStore } from './adapters/postgres/rental/store.ts';
import { startScheduler } from './adapters/scheduler/scheduler.ts';
import { readOrphan, rentalOrphansOf } from './app/deliver-orphans.ts';
import type { Ports, RentalInbox } from './app/ports.ts';
import { createTextVerifiedRentals } from './adapters/text-verified/rentals.ts';
import { numberHash } from './app/policy/hash-number.ts';
import { askAboutRental } from './app/rental/ask-about-claim.ts';
import { createRental } from './app/rental/create-rental.ts';
import { exportRentalMessages, exportRentals } from './app/rental/export-rentals.ts';
import { extendRental } from './app/rental/extend-rental.ts';
import type { RentalPorts, RentalProvider, RentalProviders } from './app/rental/ports.ts';
import { getRental, listRentalMessages, listRentals, rentalOffers, setAutoRenew } from './app/rental/read-rentals.ts';
import { receiveRentalMessage } from './app/rental/rental-messages.ts';
import { releaseRental } from './app/rental/release-rental.ts';
import { silentProvider } from './app/rental/silent-provider.ts';
import { workRentals } from './app/rental/work-rentals.ts';
import { policyRules } from './open-policy.ts';
import type { VerificationConfig } from './config.ts';

const rentalsAtOnce = 16;

/** Where the family pushes messages to rented numbers; the secret in it is the credential. */
const callbackUrlOf = ({ callbackUrl, pushSecret }: VerificationConfig): string | undefined =>
  callbackUrl && `${callbackUrl.replace(/\/$/, '')}/${rentalPushAddress}/${encodeURIComponent(pushSecret)}`;

const byName = (providers: readonly RentalProvider[]): RentalProviders => ({
  sellers: (wanted) => providers.filter((provider) => provider.sells(wanted)),
  named: (name) => providers.find((provider) => provider.name === name) ?? silentProvider(name),
});

/** Part of the composition root: rentals. */
export const openRentals = async (parts: {
  readonly life: Life;
  readonly config: VerificationConfig;
  readonly db: Database;
  readonly purchases: Ports;
}): Promise<{ readonly service: BoundService; readonly inbox: RentalInbox; readonly askAboutClaim: ReturnType<typeof askAboutRental> }> => {
  const { life, config, db, purchases } = parts;
  const { logger, metrics } = life;
  const { catalogue, sealer, clock } = purchases;
  const toBilling = {
    ...{ address: config.billingAddress, principalKey: config.principalKey, caller: 'verification', defaultDeadlineMs: 3 * secondMs },
    ...{ metrics, tls: grpcTls(config) },
  };
  const handlerApi = await life.own(
    'handler-api rentals',
    createHandlerApiRentals({
      ...{ url: config.handlerApiUrl, apiKey: config.handlerApiKey, timeoutMs: config.providerTimeoutMs, connections: rentalsAtOnce },
      ...{ catalogue, metrics, callbackUrl: callbackUrlOf(config) },
    }),
  );
  const providers: RentalProvider[] = [handlerApi];
  const { textVerifiedUrl: url, textVerifiedKey: apiKey, textVerifiedUsername: username, providerTimeoutMs: timeoutMs } = config;
  if (url !== undefined && apiKey !== undefined && username !== undefined) {
    const account = { url, apiKey, username, timeoutMs, connections: rentalsAtOnce };
    providers.push(await life.own('textverified rentals', createTextVerifiedRentals({ ...account, clock, catalogue, metrics })));
  }
  const ledger = await life.own('billing of rentals', grpcClient(LedgerServiceClient, toBilling));
  const charges = await life.own('refunds of rentals', grpcClient(ChargeServiceClient, toBilling));
  const prices = await life.own('prices of rentals', grpcClient(PriceServiceClient, toBilling));
  const leaks = metrics.counter('verification_leaks_total');
  const settled = metrics.counter('verification_provider_settlements_total');
  const lost = metrics.counter('verification_provider_lost_amount_total');
  const ports: RentalPorts = {
    ...{ providers: byName(providers), catalogue, sealer, clock, policy: purchases.policy },
    numbers: postgresRentalLeases(db, numberHash(sealer), purchases.numbers),
    store: createRentalStore({ db, rules: policyRules(config, catalogue), outboxRowOf: rentalRowOf(() => clock.now()) }),
    parked: async (provider, providerRentalId) => {
      const waiting = [provider, rentalOrphansOf(provider)].map((from) => purchases.store.orphansOf(from, providerRentalId));
      const messages = (await Promise.all(waiting)).flat().map((orphan) => readOrphan(purchases, orphan));
      return (await Promise.all(messages)).filter((message) => message !== undefined);
    },
    ledger: createRentalLedger({ ledger, charges, clock }),
    prices: createRentalPrices(prices),
    timing: {
      ...{ purchaseMs: config.purchaseMs, providerTimeoutMs: config.providerTimeoutMs, reconcileGraceMs: config.reconcileGraceMs },
      ...{ retryMs: config.retryMs, retryMaxMs: config.retryMaxMs, giveUpMs: hourMs },
      ...{ pollMs: config.pollFirstMs, warnMs: dayMs, renewMs: hourMs },
    },
    observer: {
      leak: (rental, what) => {
        leaks.inc({ provider: rental.provider });
        logger.error({ rentalId: rental.id, tenantId: rental.tenantId, what }, 'the provider may charge what no customer pays');
      },
      lost: ({ provider, orderId, providerRentalId, lostMicros, evidence }) => {
        settled.inc({ provider, outcome: 'lost', evidence: evidence ?? '' });
        lost.inc({ provider }, Number(lostMicros ?? 0n) / 1_000_000);
        logger.warn({ provider, orderId, providerRentalId, evidence }, 'the provider keeps what no customer pays');
      },
      failedStep: (id, error) => logger.error({ id, err: error }, 'a step of a rental failed; it is repeated'),
    },
  };
  await life.own(
    'scheduler of rentals',
    startScheduler({
      ...{ work: workRentals(ports), houseKeep: async () => {}, logger, houseKeepMs: dayMs, limit: rentalsAtOnce },
      ...{ tickMs: config.schedulerTickMs, leaseMs: config.schedulerLeaseMs },
    }),
  );
  const service = rentalService({
    rentalOffers: rentalOffers(ports),
    createRental: createRental(ports),
    getRental: getRental(ports),
    listRentals: listRentals(ports),
    listRentalMessages: listRentalMessages(ports),
    exportRentals: exportRentals(ports),
    exportRentalMessages: exportRentalMessages(ports),
    extendRental: extendRental(ports),
    releaseRental: releaseRental(ports),
    setAutoRenew: setAutoRenew(ports),
  });
  return { service, inbox: { receive: receiveRentalMessage(ports) }, askAboutClaim: askAboutRental(ports) };
};
