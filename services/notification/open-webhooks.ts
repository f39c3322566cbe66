/** The parts of customer webhooks, put together: consumers fill the table, a worker empties it, gRPC shows it. */
import { type BoundService, grpcClient } from '#platform/grpc/index.ts';
import { startWorker, type Life } from '#platform/lifecycle/index.ts';
import { type Bus, type ReceivedEvent, startBatchConsumer } from '#platform/messaging/index.ts';
import type { Database, Transaction } from '#platform/postgres/index.ts';
import { addMs, minuteMs, type Clock } from '#platform/time/index.ts';
import { LiveServiceClient } from '#proto/namaskah/verification/v1/live.ts';
import { VerificationServiceClient } from '#proto/namaskah/verification/v1/verification.ts';
import { sealedBodies, sealedSecrets } from './adapters/crypto/secrets.ts';
import { webhookService } from './adapters/grpc/webhooks.ts';
import { isPublic, planChangeOf, toPublicEvent } from './adapters/nats/webhook-events.ts';
import { postgresWebhookDeliveries } from './adapters/postgres/webhooks/deliveries.ts';
import { postgresEndpoints } from './adapters/postgres/webhooks/endpoints.ts';
import { postgresFanOut } from './adapters/postgres/webhooks/fan-out.ts';
import { verificationDetails } from './adapters/verification/details.ts';
import { httpWebhookSender } from './adapters/webhook-http/sender.ts';
import { createEndpoint } from './app/webhooks/create-endpoint.ts';
import { deleteEndpoint } from './app/webhooks/delete-endpoint.ts';
import { deliverDue } from './app/webhooks/deliver-due.ts';
import { fanOut, tenantsWithEndpoints } from './app/webhooks/fan-out.ts';
import { followPlan } from './app/webhooks/follow-plan.ts';
import { getEndpoint } from './app/webhooks/get-endpoint.ts';
import { getWebhookDelivery } from './app/webhooks/get-webhook-delivery.ts';
import { listEndpoints } from './app/webhooks/list-endpoints.ts';
import { listWebhookDeliveries } from './app/webhooks/list-webhook-deliveries.ts';
import type { WebhookObserver } from './app/webhooks/ports.ts';
import { replayDeliveries } from './app/webhooks/replay-deliveries.ts';
import { retryDelivery } from './app/webhooks/retry-delivery.ts';
import { rotateSecret } from './app/webhooks/rotate-secret.ts';
import { sendTest } from './app/webhooks/send-test.ts';
import { updateEndpoint } from './app/webhooks/update-endpoint.ts';
import type { NotificationConfig } from './config.ts';
import { attemptTimeoutMs, keptMs } from './domain/webhooks/delivery.ts';

export interface WebhookParts {
  readonly config: NotificationConfig;
  readonly clock: Clock;
  readonly db: Database;
  readonly bus: Bus;
}

const durables = ['notification-webhooks-verification', 'notification-webhooks-billing', 'notification-webhooks-campaign'] as const;

const observerOf = ({ logger, metrics }: Life): WebhookObserver => {
  const attempts = metrics.counter('webhook_attempts_total');
  const durations = metrics.histogram('webhook_attempt_duration_seconds');
  const postponed = metrics.counter('webhook_postponed_total');
  const deliveries = metrics.counter('webhook_deliveries_total');
  const disabled = metrics.counter('webhook_endpoints_disabled_total');
  return {
    attempted: (outcome, seconds) => {
      attempts.inc({ outcome });
      durations.observe({ outcome }, seconds);
    },
    postponed: (error) => {
      postponed.inc();
      logger.warn({ err: error }, 'a webhook waits for number and code');
    },
    ended: (status) => deliveries.inc({ status }),
    disabled: (reason, endpointId) => {
      disabled.inc({ reason });
      logger.warn({ reason, endpointId }, 'a webhook endpoint was switched off');
    },
  };
};

/** Opened before the gRPC server, which serves what this returns. */
export const openWebhooks = async (life: Life, { config, clock, db, bus }: WebhookParts): Promise<BoundService> => {
  const { logger, metrics } = life;
  // Whatever the variable says: in production nothing is sent to this machine.
  const policy = { allowHttpLoopback: config.webhookAllowHttpLoopback && config.environment !== 'production' };
  const key = Buffer.from(config.encryptionKey, 'base64');
  const [secrets, bodies] = [sealedSecrets(key), sealedBodies(key)];
  const { verificationAddress: address, principalKey } = config;
  const verifications = await life.own(
    'verification',
    grpcClient(VerificationServiceClient, { address, principalKey, caller: 'notification', metrics }),
  );
  const live = await life.own('rentals', grpcClient(LiveServiceClient, { address, principalKey, caller: 'notification', metrics }));
  const endpoints = postgresEndpoints(db);
  const deliveries = postgresWebhookDeliveries(db);
  const sender = await life.own('webhook sender', httpWebhookSender({ timeoutMs: attemptTimeoutMs, ...policy }));
  const onError = (error: unknown, worker: string): void => logger.error({ err: error, worker }, 'a worker failed; it tries again');

  const due = deliverDue({
    ...{
      deliveries,
      sender,
      secrets,
      bodies,
      details: verificationDetails({ verifications, live }),
      clock,
      observer: observerOf(life),
      chance: Math.random,
    },
    concurrency: config.webhookConcurrency,
    onFree: () => worker.wake(),
    onError: (error) => onError(error, 'webhooks'),
  });
  const oldest = metrics.gauge('webhook_oldest_due_seconds');
  await life.own('webhooks in flight', { close: due.idle });
  const worker = await life.own('webhooks', startWorker({ name: 'webhooks', intervalMs: config.sendIntervalMs, work: due.look, onError }));
  const sweep = async (): Promise<number> => {
    const now = clock.now();
    oldest.set(await deliveries.oldestDueSeconds(now));
    return deliveries.sweep(addMs(now, -keptMs), now);
  };
  await life.own('webhook sweeper', startWorker({ name: 'webhook sweeper', intervalMs: minuteMs, work: sweep, onError }));

  const handle = async (tx: Transaction, events: readonly ReceivedEvent[]): Promise<void> => {
    const store = postgresFanOut(tx);
    const added = await fanOut({ store, bodies, clock })(events.flatMap((event) => toPublicEvent(event) ?? []));
    // After the fan-out: what made the plan smaller is still told.
    for (const change of events.flatMap((event) => planChangeOf(event) ?? []))
      await followPlan({ store, clock })(change.tenantId, change.plan);
    if (added > 0) tx.afterCommit(worker.wake);
  };
  const concerns = async (events: readonly ReceivedEvent[]): Promise<ReadonlySet<ReceivedEvent>> => {
    const told = events.filter(isPublic);
    const tenants = await tenantsWithEndpoints({ store: postgresFanOut(db), clock })(told.map(({ tenantId }) => tenantId));
    return new Set([
      ...told.filter(({ tenantId }) => tenants.has(tenantId)),
      ...events.filter((event) => planChangeOf(event) !== undefined),
    ]);
  };
  for (const durable of durables)
    await life.own(
      durable,
      startBatchConsumer({ ...{ db, bus, durable, logger, metrics, handle, concerns }, maxBatch: 100, maxWaitMs: 50 }),
    );

  const parts = { endpoints, deliveries, secrets, bodies, clock, policy, wake: worker.wake };
  return webhookService({
    createEndpoint: createEndpoint(parts),
    getEndpoint: getEndpoint(parts),
    listEndpoints: listEndpoints(parts),
    updateEndpoint: updateEndpoint(parts),
    deleteEndpoint: deleteEndpoint(parts),
    rotateSecret: rotateSecret(parts),
    sendTest: sendTest(parts),
    listWebhookDeliveries: listWebhookDeliveries(parts),
    getWebhookDelivery: getWebhookDelivery(parts),
    retryDelivery: retryDelivery(parts),
    replayDeliveries: replayDeliveries(parts),
  });
};
