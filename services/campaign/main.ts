import { startGrpcServer } from '#platform/grpc/index.ts';
import { newId } from '#platform/ids/index.ts';
import { runMain, startService, type RunningService } from '#platform/lifecycle/index.ts';
import { openBus, startRelay } from '#platform/messaging/index.ts';
import { money, parseDecimal } from '#platform/money/index.ts';
import { openDatabase } from '#platform/postgres/index.ts';
import { systemClock, type Clock } from '#platform/time/index.ts';
import { billingLedger } from './adapters/billing/ledger.ts';
import { startSending } from './adapters/engine/sending.ts';
import { campaignService, contactService } from './adapters/grpc/server.ts';
import { liquidTemplates } from './adapters/liquid/templates.ts';
import { countryOf, normalisePhone } from './adapters/phone/numbers.ts';
import { campaignReads } from './adapters/postgres/campaigns.ts';
import { contactReads } from './adapters/postgres/contacts.ts';
import { entities } from './adapters/postgres/rows.ts';
import { transactions as openTransactions } from './adapters/postgres/transactions.ts';
import { smppCarrier } from './adapters/smpp/carrier.ts';
import { campaignConfig, type CampaignConfig } from './config.ts';

/** Starts the service; resources close in reverse order, so calls end first, then sending, then the carrier. */
export const start = (config: CampaignConfig, options: { clock?: Clock } = {}): Promise<RunningService> =>
  startService('campaign', config, async (life) => {
    const { logger, metrics } = life;
    const clock = options.clock ?? systemClock;
    const db = await life.own(
      'postgres',
      openDatabase({
        url: config.databaseUrl,
        applicationName: 'campaign',
        poolMax: config.databasePoolMax,
        statementTimeoutMs: config.statementTimeoutMs,
        entities,
        logger,
      }),
    );
    const bus = await life.own('nats', openBus({ url: config.natsUrl, name: 'campaign', logger }));
    await life.own('relay', startRelay({ db, bus, logger, metrics }));
    const ledger = await life.own('billing', billingLedger({ address: config.billingAddress, principalKey: config.principalKey }));

    const shared = {
      transactions: openTransactions(db),
      contacts: contactReads(db),
      campaigns: campaignReads(db),
      templates: liquidTemplates(),
      ledger,
      normalisePhone,
      countryOf,
      newId,
      clock,
    };
    const sending = await life.own(
      'sending',
      startSending({
        ...shared,
        logger,
        metrics,
        batchSize: config.dispatchBatch,
        pollMs: config.dispatchPollMs,
        openCarrier: (listener) =>
          smppCarrier({
            host: config.smppHost,
            port: config.smppPort,
            systemId: config.smppSystemId,
            password: config.smppPassword,
            window: config.smppWindow,
            responseTimeoutMs: config.smppResponseTimeoutMs,
            enquireLinkMs: config.smppEnquireLinkMs,
            logger,
            listener,
          }),
      }),
    );

    const deps = {
      ...shared,
      wake: sending.wake,
      sender: config.sender,
      segmentPrice: money('USD', parseDecimal(config.segmentPrice) ?? 0n),
    };
    const grpc = await life.own(
      'grpc',
      startGrpcServer({
        host: config.grpcHost,
        port: config.grpcPort,
        principalKey: config.principalKey,
        logger,
        metrics,
        services: [contactService(deps), campaignService(deps)],
      }),
    );
    life.readiness('postgres', () => db.ping());
    life.readiness('nats', () => bus.ping());
    life.address('grpc', grpc.port);
  });

if (import.meta.main) await runMain(() => start(campaignConfig.parse(process.env)));
