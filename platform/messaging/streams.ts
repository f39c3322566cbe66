import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  type ConsumerConfig,
  type JetStreamManager,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { consumers, streams, type ConsumerName, type ConsumerRow, type StreamRow } from '#events';
import { isNotFound } from './failures.ts';
import type { Bus } from './bus.ts';

/** Covers the relay's longest usual pause between a publish and its repetition; beyond it the inbox suppresses duplicates. */
const duplicateWindowMs = 10 * 60_000;

const streamConfig = (name: string, row: StreamRow, replicas: number): Partial<StreamConfig> & { name: string } => ({
  name,
  subjects: [...row.subjects],
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  discard: row.discard === 'new' ? DiscardPolicy.New : DiscardPolicy.Old,
  max_age: nanos(row.maxAgeMs),
  max_bytes: row.maxBytes,
  duplicate_window: nanos(duplicateWindowMs),
  num_replicas: replicas,
});

const consumerConfig = (durable: string, row: ConsumerRow): Partial<ConsumerConfig> => ({
  durable_name: durable,
  ack_policy: AckPolicy.Explicit,
  deliver_policy: DeliverPolicy.All,
  filter_subject: row.filterSubject,
  ack_wait: nanos(row.ackWaitMs),
  max_deliver: row.maxDeliver,
  max_ack_pending: row.maxAckPending,
});

/** The durable that copies what ran out of deliveries to the dead letters; one per durable of the table. */
export const sweeperOf = (durable: ConsumerName): { name: string; row: ConsumerRow } => ({
  name: `${durable}-sweeper`,
  row: {
    stream: 'ADVISORIES',
    filterSubject: `$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${consumers[durable].stream}.${durable}`,
    ackWaitMs: 30_000,
    maxDeliver: -1,
    maxAckPending: 64,
  },
});

const ensureStream = async (manager: JetStreamManager, config: Partial<StreamConfig> & { name: string }): Promise<void> => {
  try {
    await manager.streams.info(config.name);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await manager.streams.add(config);
    return;
  }
  const { name, subjects, max_age, max_bytes, discard, duplicate_window } = config;
  await manager.streams.update(name, { subjects, max_age, max_bytes, discard, duplicate_window } as Partial<StreamConfig>);
};

const ensureConsumer = async (manager: JetStreamManager, name: string, row: ConsumerRow): Promise<void> => {
  try {
    await manager.consumers.info(row.stream, name);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    await manager.consumers.add(row.stream, consumerConfig(name, row));
    return;
  }
  const { ack_wait, max_deliver, max_ack_pending } = consumerConfig(name, row);
  await manager.consumers.update(row.stream, name, { ack_wait: ack_wait!, max_deliver: max_deliver!, max_ack_pending: max_ack_pending! });
};

/** @throws when the durable is missing: a deploy job makes it, a service only verifies */
export const requireConsumer = async (bus: Bus, durable: ConsumerName): Promise<void> => {
  await (await bus.manager()).consumers.info(consumers[durable].stream, durable);
};

/**
 * Creates or updates every stream and durable consumer of `events.ts`. Safe to repeat and to run twice at once. Run by a
 * deploy job, the local runner and tests; services only verify.
 * @param options.replicas copies of each stream: 3 in production
 */
export const ensureStreams = async (bus: Bus, options: { readonly replicas?: number } = {}): Promise<void> => {
  const manager = await bus.manager();
  const { replicas = 1 } = options;
  await Promise.all(Object.entries(streams).map(([name, row]) => ensureStream(manager, streamConfig(name, row, replicas))));
  await Promise.all(
    (Object.keys(consumers) as ConsumerName[]).flatMap((durable) => {
      const sweeper = sweeperOf(durable);
      return [ensureConsumer(manager, durable, consumers[durable]), ensureConsumer(manager, sweeper.name, sweeper.row)];
    }),
  );
};
