import { consumers, type ConsumerName } from '#events';
import { silentLog, type Log } from '#platform/logging/index.ts';
import type { Database, Queryable, Transaction } from '#platform/postgres/index.ts';
import { SpanKind, type Span } from '@opentelemetry/api';
import { contextOf, recordFailure, telemetryMode, tracer, withSpan, type Metrics } from '#platform/telemetry/index.ts';
import { pullInBursts } from './bursts.ts';
import type { Bus } from './bus.ts';
import { bury, type RunningConsumer } from './consumer.ts';
import { consumerMetrics, type ConsumerMetrics } from './consumer-metrics.ts';
import { startSweeper } from './dead-letters.ts';
import type { Delivery } from './delivery.ts';
import type { ReceivedEvent } from './event.ts';
import { header } from './headers.ts';
import { UndoneBatch } from './in-batch.ts';
import { enterInboxMany } from './inbox.ts';
import { backoffMs } from './outcome.ts';
import { glimpsedEvent, MalformedEventError, traceCarrier } from './received.ts';
import { requireConsumer } from './streams.ts';

/** What a batch of events does. */
type BatchEffect =
  | {
      /** Receives events in stream order, without those handled before. All or nothing: a throw rolls the whole batch back. */
      readonly handle: (tx: Transaction, events: ReceivedEvent[]) => Promise<void>;
    }
  | {
      /**
       * In place of `handle`, for an effect of one statement that knows each event by its id, for longer than streams keep it: then the
       * repetition changes nothing, and neither a transaction nor a row of the inbox is needed. May receive events handled before.
       */
      readonly absorb: (db: Queryable, events: ReceivedEvent[]) => Promise<void>;
    };

export type BatchConsumerOptions = BatchEffect & {
  readonly db: Database;
  readonly bus: Bus;
  readonly durable: ConsumerName;
  readonly maxBatch: number;
  /** The next batch is asked for this long after the last one came, unless that was full: what comes meanwhile is one batch. An event alone does not wait. */
  readonly maxWaitMs: number;
  /**
   * Which of the events concern this consumer at this moment, asked before the transaction: the others are acknowledged and leave no trace,
   * not even in the inbox. For consumers that most events are no business of; left out, all are.
   */
  readonly concerns?: (events: readonly ReceivedEvent[]) => Promise<ReadonlySet<ReceivedEvent>>;
  readonly logger?: Log;
  readonly metrics?: Metrics;
};

interface Context {
  readonly db: Database;
  readonly bus: Bus;
  readonly durable: ConsumerName;
  readonly effect: BatchEffect;
  readonly concerns: BatchConsumerOptions['concerns'];
  readonly logger: Log;
  readonly metrics: ConsumerMetrics;
  readonly maxDeliver: number;
}

interface Item {
  readonly message: Delivery;
  readonly event: ReceivedEvent;
}

const eventOf = ({ event }: Item): ReceivedEvent => event;

/**
 * Starts a durable consumer for projections: one transaction and one inbox statement per batch. A batch that fails is
 * tried again event by event, so that one poisonous event neither stops the others nor drags them to the dead letters.
 */
export const startBatchConsumer = async (options: BatchConsumerOptions): Promise<RunningConsumer> => {
  const { db, bus, durable, concerns, maxBatch, maxWaitMs, logger = silentLog } = options;
  const row = consumers[durable];
  const context: Context = {
    db,
    bus,
    durable,
    effect: options,
    concerns,
    logger,
    metrics: consumerMetrics(options.metrics, durable),
    maxDeliver: row.maxDeliver,
  };
  await requireConsumer(bus, durable);
  const sweeper = await startSweeper(bus, durable, logger);
  const bursts = pullInBursts({ bus, durable, maxBurst: maxBatch, pauseMs: maxWaitMs, logger });
  let current: readonly Delivery[] = [];
  const heartbeat = setInterval(() => {
    for (const message of current) message.working();
  }, row.ackWaitMs / 3);
  heartbeat.unref();

  const working = (async () => {
    while ((current = await bursts.next()).length > 0) {
      for (const { info } of current) context.metrics.delivered(info.deliveryCount);
      context.metrics.pending(current.at(-1)!.info.pending);
      await handleBatch(context, current);
    }
  })().catch((error: unknown) => logger.error({ err: error, durable }, 'batch consumer stopped pulling'));

  return {
    close: async () => {
      const untaken = await bursts.close();
      await working;
      for (const message of untaken) message.nak();
      clearInterval(heartbeat);
      await sweeper.close();
    },
  };
};

/** Reads what can be read; the rest can never be handled. Payloads are decoded where they are looked at. */
const decode = async (context: Context, messages: readonly Delivery[]): Promise<Item[]> => {
  const items: Item[] = [];
  for (const message of messages) {
    const replayFor = message.header(header.replayFor);
    if (replayFor !== '' && replayFor !== context.durable) {
      message.ack();
      continue;
    }
    try {
      items.push({ message, event: glimpsedEvent(message) });
    } catch (error) {
      await bury(context, message, error);
    }
  }
  return items;
};

const handleBatch = async (context: Context, messages: readonly Delivery[]): Promise<void> => {
  const items = await decode(context, messages);
  const [first] = items;
  if (first === undefined) return;
  context.metrics.batch(items.length);
  let left: readonly Item[] = items;
  try {
    left = await concernedOf(context, items);
    if (left.length > 0) await project(context, left);
  } catch (error) {
    if (items.length > 1) {
      context.logger.warn({ err: error, durable: context.durable, events: left.length }, 'batch failed, trying its events one by one');
      await oneByOne(context, left);
    } else await giveBack(context, first, error);
  }
};

/** Acknowledges what does not concern the consumer. */
const concernedOf = async ({ concerns, metrics, durable }: Context, items: readonly Item[]): Promise<readonly Item[]> => {
  if (concerns === undefined) return items;
  const startedAt = performance.now();
  const concerned = await concerns(items.map(({ event }) => event));
  const others = items.filter(({ event }) => !concerned.has(event));
  for (const span of eventSpans(others, durable)) span.setAttribute('namaskah.concerned', false).end();
  for (const { message } of others) message.ack();
  metrics.handledBatch('done', others.map(eventOf), performance.now() - startedAt);
  return items.filter(({ event }) => concerned.has(event));
};

const oneByOne = async (context: Context, items: readonly Item[]): Promise<void> => {
  const failed = new Set<string>();
  for (const item of items) {
    // What follows a failed event of the same aggregate must not overtake it.
    if (failed.has(item.event.aggregateId)) {
      item.message.nak(backoffMs(item.event.deliveryCount));
      continue;
    }
    try {
      await project(context, [item]);
    } catch (error) {
      failed.add(item.event.aggregateId);
      await giveBack(context, item, error);
    }
  }
};

const giveBack = async (context: Context, { message, event }: Item, error: unknown): Promise<void> => {
  const outcome = error instanceof UndoneBatch ? error.outcome : undefined;
  const cause = outcome === undefined ? error : outcome.cause;
  const dead = outcome?.kind === 'dead' || error instanceof MalformedEventError || event.deliveryCount >= context.maxDeliver;
  context.metrics.handled(dead ? 'dead' : 'retry', event.subject, 0, 0);
  if (dead) {
    await bury(context, message, cause);
    return;
  }
  message.nak((outcome?.kind === 'retry' ? outcome.afterMs : undefined) ?? backoffMs(event.deliveryCount));
  context.logger.warn(
    { err: cause, durable: context.durable, subject: event.subject, deliveryCount: event.deliveryCount },
    'event will be delivered again',
  );
};

/**
 * A batch belongs to many traces at once. Its own span stands apart; in the trace of every event stands a span for that
 * event, linked to the batch; one that is passed over has no batch. None is made where nothing is collected.
 */
const eventSpans = (items: readonly Item[], durable: string, batch?: Span): readonly Span[] => {
  if (telemetryMode() !== 'export') return [];
  const links = batch === undefined ? [] : [{ context: batch.spanContext() }];
  return items.map(({ message, event }) =>
    tracer.startSpan(
      `process ${event.subject}`,
      {
        kind: SpanKind.CONSUMER,
        links,
        attributes: {
          'messaging.system': 'nats',
          'messaging.operation.name': 'process',
          'messaging.destination.name': event.subject,
          'messaging.consumer.group.name': durable,
          'messaging.message.id': event.id,
        },
      },
      contextOf(traceCarrier(message)),
    ),
  );
};

/** @returns the events that had an effect now: not those of the inbox, nor a second occurrence in the batch */
const takeEffect = async ({ db, durable, effect }: Context, items: readonly Item[]): Promise<ReadonlySet<ReceivedEvent>> => {
  const events = items.map(eventOf);
  if ('absorb' in effect) {
    await effect.absorb(db, events);
    return new Set(events);
  }
  return db.transaction(async (tx) => {
    const entered = await enterInboxMany(
      tx,
      durable,
      events.map(({ id }) => id),
    );
    // An id that occurs twice in one batch is entered once: keep its first occurrence only.
    const fresh = events.filter(({ id }) => entered.delete(id));
    if (fresh.length > 0) await effect.handle(tx, fresh);
    return new Set(fresh);
  });
};

/** The effect, in one transaction or statement; acknowledges after its commit. */
const project = async (context: Context, items: readonly Item[]): Promise<void> => {
  const { durable, metrics } = context;
  const attributes = {
    'messaging.system': 'nats',
    'messaging.operation.name': 'process',
    'messaging.consumer.group.name': durable,
    'messaging.batch.message_count': items.length,
  };
  const links = telemetryMode() === 'export' ? items.slice(0, 32).map(({ message }) => traceCarrier(message)) : [];
  const startedAt = performance.now();
  const fresh = await withSpan(`process ${durable}`, { kind: 'consumer', attributes, links }, async (batch) => {
    const spans = eventSpans(items, durable, batch);
    try {
      return await takeEffect(context, items);
    } catch (error) {
      for (const span of spans) recordFailure(span, error);
      throw error;
    } finally {
      for (const span of spans) span.end();
    }
  });
  for (const { message } of items) message.ack();
  const ms = performance.now() - startedAt;
  metrics.handledBatch('done', [...fresh], ms);
  if (fresh.size < items.length)
    metrics.handledBatch(
      'duplicate',
      items.map(eventOf).filter((event) => !fresh.has(event)),
      ms,
    );
};
