/** Composition root of notification: who is to be told what, and that they are told once. */
import { grpcClient, startGrpcServer } from '#platform/grpc/index.ts';
import { runMain, startService, startWorker, type RunningService } from '#platform/lifecycle/index.ts';
import { openBus, startConsumer } from '#platform/messaging/index.ts';
import { openDatabase, type Transaction } from '#platform/postgres/index.ts';
import { addMs, dayMs, hourMs, systemClock, type Clock } from '#platform/time/index.ts';
import { AuthInternalServiceClient } from '#proto/namaskah/auth/v1/auth.ts';
import { authAddressees } from './adapters/auth/addressees.ts';
import { notificationService } from './adapters/grpc/server.ts';
import { mailboxMailer } from './adapters/mailbox/mailer.ts';
import { authHandlers, billingHandlers, rentalHandlers } from './adapters/nats/handlers.ts';
import { addDelivery, postgresDeliveries } from './adapters/postgres/deliveries.ts';
import { entities } from './adapters/postgres/rows.ts';
import { listDeliveries } from './app/list-deliveries.ts';
import { requestDelivery } from './app/request-delivery.ts';
import { sendDue } from './app/send-due.ts';
import { openWebhooks } from './open-webhooks.ts';
import { notificationConfig, type NotificationConfig } from './config.ts';

/** Ended deliveries are kept this long for the tenant's list. */
const keptMs = 90 * dayMs;

export const start = (config: NotificationConfig, { clock = systemClock }: { readonly clock?: Clock } = {}): Promise<RunningService> =>
  startService('notification', config, async (life) => {
    const { logger, metrics } = life;
    const db = await life.own(
      'postgres',
      openDatabase({
        url: config.databaseUrl,
        applicationName: 'notification',
        poolMax: config.databasePoolMax,
        statementTimeoutMs: config.statementTimeoutMs,
        entities,
        logger,
      }),
    );
    const bus = await life.own('nats', openBus({ url: config.natsUrl, name: 'notification', logger }));
    const auth = await life.own(
      'auth',
      grpcClient(AuthInternalServiceClient, {
        address: config.authAddress,
        principalKey: config.principalKey,
        caller: 'notification',
        metrics,
      }),
    );
    const mailCalls = metrics.histogram('http_client_duration_seconds');
    const mailer = await life.own(
      'mailer',
      mailboxMailer({
        url: config.mailboxUrl,
        from: config.mailFrom,
        timeoutMs: config.mailTimeoutMs,
        observe: (operation, outcome, seconds) => mailCalls.observe({ peer: 'mailbox', operation, outcome }, seconds),
      }),
    );

    const deliveries = postgresDeliveries(db);
    const ended = metrics.counter('notifications_total');
    const send = sendDue({
      deliveries,
      addressees: authAddressees(auth),
      mailer,
      clock,
      publicUrl: config.publicUrl,
      retryFirstMs: config.retryFirstMs,
      observer: {
        ended: (kind, outcome, reason) => {
          ended.inc({ kind, outcome });
          if (outcome === 'failed') logger.error({ kind, reason }, 'a mail was given up');
          else if (outcome === 'retry') logger.warn({ kind, reason }, 'a mail will be tried again');
        },
      },
    });
    const onError = (error: unknown, worker: string): void => logger.error({ err: error, worker }, 'a worker failed; it tries again');
    const sender = await life.own('sender', startWorker({ name: 'sender', intervalMs: config.sendIntervalMs, work: send, onError }));
    await life.own(
      'sweeper',
      startWorker({ name: 'sweeper', intervalMs: hourMs, work: () => deliveries.sweep(addMs(clock.now(), -keptMs)), onError }),
    );

    const requestIn = (tx: Transaction) => {
      tx.afterCommit(sender.wake);
      return requestDelivery({ deliveries: { add: (delivery) => addDelivery(tx, delivery) }, clock });
    };
    const consuming = { db, bus, logger, metrics };
    await life.own('auth events', startConsumer({ ...consuming, durable: 'notification-auth', handlers: [...authHandlers(requestIn)] }));
    await life.own(
      'billing events',
      startConsumer({ ...consuming, durable: 'notification-billing', handlers: [...billingHandlers(requestIn)] }),
    );

    await life.own(
      'rental events',
      startConsumer({ ...consuming, durable: 'notification-rental', handlers: [...rentalHandlers(requestIn)] }),
    );

    const { grpcHost: host, grpcPort: port, principalKey, grpcMaxInFlight: maxInFlight } = config;
    const webhooks = await openWebhooks(life, { config, clock, db, bus });
    const services = [webhooks, notificationService({ listDeliveries: listDeliveries({ deliveries }) })];
    const grpc = await life.own('grpc', startGrpcServer({ host, port, principalKey, logger, metrics, maxInFlight, services }));
    life.readiness('postgres', () => db.ping());
    life.readiness('nats', () => bus.ping());
    life.address('grpc', grpc.port);
  });

if (import.meta.main) await runMain(() => start(notificationConfig.parse(process.env)));
