import type { JsMsg } from '@nats-io/jetstream';
import { consumers, type ConsumerName } from '#events';
import { silentLog, type Database, type Log, type Transaction } from '#platform/postgres/index.ts';
import { SpanKind, type Span } from '@opentelemetry/api';
import { contextOf, recordFailure, telemetryMode, tracer, withSpan, type Metrics } from '#platform/telemetry/index.ts';
import type { Bus } from './bus.ts';
import { bury, type RunningConsumer } from './consumer.ts';
import { consumerMetrics, type ConsumerMetrics } from './consumer-metrics.ts';
import { startSweeper } from './dead-letters.ts';
import type { ReceivedEvent } from './event.ts';
import { header } from './headers.ts';
import { UndoneBatch } from './in-batch.ts';
import { enterInboxMany } from './inbox.ts';
import { backoffMs } from './outcome.ts';
import { stopPulling } from './pulling.ts';
import { receivedEvent, traceCarrier } from './received.ts';
import { createWaker } from './waker.ts';

export interface BatchConsumerOptions {
  readonly db: Database;
  readonly bus: Bus;
  readonly durable: ConsumerName;
  readonly maxBatch: number;
  /** The first event of a batch waits at most this long for company. */
  readonly maxWaitMs: number;
  /** Receives events in stream order, without those handled before. All or nothing: a throw rolls the whole batch back. */
  readonly handle: (tx: Transaction, events: ReceivedEvent[]) => Promise<void>;
  /**
   * Which of the events concern this consumer at this moment, asked before the transaction: the others are acknowledged and leave no trace,
   * not even in the inbox. For consumers that most events are no business of; left out, all are.
   */
  readonly concerns?: (events: readonly ReceivedEvent[]) => Promise<ReadonlySet<ReceivedEvent>>;
  readonly logger?: Log;
  readonly metrics?: Metrics;
}

interface Context {
  readonly db: Database;
  readonly bus: Bus;
  readonly durable: ConsumerName;
  readonly handle: BatchConsumerOptions['handle'];
  readonly concerns: BatchConsumerOptions['concerns'];
  readonly logger: Log;
  readonly metrics: ConsumerMetrics;
  readonly maxDeliver: number;
}

interface Item {
  readonly message: JsMsg;
  readonly event: ReceivedEvent;
}

/**
 * Starts a durable consumer for projections: one transaction and one inbox statement per batch. A batch that fails is
 * tried again event by event, so that one poisonous event neither stops the others nor drags them to the dead letters.
 */
export const startBatchConsumer = async (options: BatchConsumerOptions): Promise<RunningConsumer> => {
  const { db, bus, durable, handle, concerns, maxBatch, maxWaitMs, logger = silentLog } = options;
  const row = consumers[durable];
  const context: Context = {
    db,
    bus,
    durable,
    handle,
    concerns,
    logger,
    metrics: consumerMetrics(options.metrics, durable),
    maxDeliver: row.maxDeliver,
  };
  const consumer = await bus.jetstream.consumers.get(row.stream, durable);
  const sweeper = await startSweeper(bus, durable, logger);
  const messages = await consumer.consume({ max_messages: maxBatch });
  const queue: JsMsg[] = [];
  let current: readonly JsMsg[] = [];
  let stopping = false;
  const waker = createWaker();
  const heartbeat = setInterval(() => {
    for (const message of [...queue, ...current]) message.working();
  }, row.ackWaitMs / 3);
  heartbeat.unref();

  const pulling = (async () => {
    for await (const message of messages) {
      context.metrics.delivered(message.info.deliveryCount);
      context.metrics.pending(message.info.pending);
      queue.push(message);
      if (queue.length === 1 || queue.length >= maxBatch) waker.wake();
    }
  })().catch((error: unknown) => logger.error({ err: error, durable }, 'batch consumer stopped pulling'));

  const working = (async () => {
    while (!stopping) {
      if (queue.length === 0) {
        await waker.wait(1_000);
        continue;
      }
      for (const until = performance.now() + maxWaitMs; !stopping && queue.length < maxBatch && performance.now() < until;) {
        await waker.wait(Math.max(1, until - performance.now()));
      }
      if (stopping) return;
      current = queue.splice(0, maxBatch);
      await handleBatch(context, current);
      current = [];
    }
  })();

  return {
    close: async () => {
      await stopPulling(bus.connection, messages);
      await pulling;
      stopping = true;
      waker.wake();
      await working;
      for (const message of queue.splice(0)) message.nak();
      clearInterval(heartbeat);
      await sweeper.close();
    },
  };
};

/** Decodes what can be decoded; the rest can never be handled. */
const decode = async (context: Context, messages: readonly JsMsg[]): Promise<Item[]> => {
  const items: Item[] = [];
  for (const message of messages) {
    const replayFor = message.headers?.get(header.replayFor) ?? '';
    if (replayFor !== '' && replayFor !== context.durable) {
      message.ack();
      continue;
    }
    try {
      items.push({ message, event: receivedEvent(message) });
    } catch (error) {
      await bury(context, message, error);
    }
  }
  return items;
};

const handleBatch = async (context: Context, messages: readonly JsMsg[]): Promise<void> => {
  const items = await decode(context, messages);
  const [first] = items;
  if (first === undefined) return;
  context.metrics.batch(items.length);
  try {
    const concerned = await concernedOf(context, items);
    if (concerned.length > 0) await project(context, concerned);
  } catch (error) {
    if (items.length > 1) {
      context.logger.warn({ err: error, durable: context.durable, events: items.length }, 'batch failed, trying its events one by one');
      await oneByOne(context, items);
    } else await giveBack(context, first, error);
  }
};

/** Acknowledges what does not concern the consumer. */
const concernedOf = async ({ concerns, metrics }: Context, items: readonly Item[]): Promise<readonly Item[]> => {
  if (concerns === undefined) return items;
  const concerned = await concerns(items.map(({ event }) => event));
  return items.filter(({ message, event }) => {
    if (concerned.has(event)) return true;
    message.ack();
    metrics.handled('done', event.subject, 0, (Date.now() - event.occurredAt.getTime()) / 1_000);
    return false;
  });
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
  const dead = outcome?.kind === 'dead' || event.deliveryCount >= context.maxDeliver;
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
 * event, linked to the batch. None is made where nothing is collected.
 */
const eventSpans = (items: readonly Item[], durable: string, batch: Span): readonly Span[] => {
  if (telemetryMode() !== 'export') return [];
  const links = [{ context: batch.spanContext() }];
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

/** One transaction: inbox rows and the projection of what is new. Acknowledges after the commit. */
const project = async ({ db, durable, handle, metrics }: Context, items: readonly Item[]): Promise<void> => {
  const attributes = {
    'messaging.system': 'nats',
    'messaging.operation.name': 'process',
    'messaging.consumer.group.name': durable,
    'messaging.batch.message_count': items.length,
  };
  const links = items.slice(0, 32).map(({ message }) => traceCarrier(message));
  const startedAt = performance.now();
  const fresh = await withSpan(`process ${durable}`, { kind: 'consumer', attributes, links }, async (batch) => {
    const spans = eventSpans(items, durable, batch);
    try {
      return await db.transaction(async (tx) => {
        const entered = await enterInboxMany(
          tx,
          durable,
          items.map(({ event }) => event.id),
        );
        // An id that occurs twice in one batch is entered once: keep its first occurrence only.
        const events = items.filter(({ event }) => entered.delete(event.id)).map(({ event }) => event);
        if (events.length > 0) await handle(tx, events);
        return new Set(events.map(({ id }) => id));
      });
    } catch (error) {
      for (const span of spans) recordFailure(span, error);
      throw error;
    } finally {
      for (const span of spans) span.end();
    }
  });
  const seconds = (performance.now() - startedAt) / 1_000 / items.length;
  for (const { message, event } of items) {
    message.ack();
    metrics.handled(fresh.has(event.id) ? 'done' : 'duplicate', event.subject, seconds, (Date.now() - event.occurredAt.getTime()) / 1_000);
  }
};
