import { consumers, type ConsumerName } from '#events';
import { silentLog, type Log } from '#platform/logging/index.ts';
import type { Database, Transaction } from '#platform/postgres/index.ts';
import { recordFailure, withSpan, type Metrics } from '#platform/telemetry/index.ts';
import { pullInBursts, type Bursts } from './bursts.ts';
import type { Bus } from './bus.ts';
import { consumerMetrics, type ConsumerMetrics, type HandledOutcome } from './consumer-metrics.ts';
import { publishDeadLetter, startSweeper } from './dead-letters.ts';
import type { Delivery } from './delivery.ts';
import type { EventCodec, EventDefinition, ReceivedEvent } from './event.ts';
import { header } from './headers.ts';
import { enterInbox } from './inbox.ts';
import { createLanes } from './lanes.ts';
import { backoffMs, type Outcome } from './outcome.ts';
import { MalformedEventError, receivedEvent, traceCarrier } from './received.ts';
import { requireConsumer } from './streams.ts';

export interface EventHandler {
  readonly subject: string;
  readonly codec: EventCodec<unknown>;
  readonly handle: (tx: Transaction, event: ReceivedEvent<never>) => Promise<Outcome>;
}

/** Binds a handler to an event. It runs in one transaction with the inbox row, so its effect happens once. */
export const on = <P>(
  definition: EventDefinition<P>,
  handle: (tx: Transaction, event: ReceivedEvent<P>) => Promise<Outcome>,
): EventHandler => ({
  subject: definition.subject,
  codec: definition.codec as EventCodec<unknown>,
  handle: handle as unknown as EventHandler['handle'],
});

export interface ConsumerOptions {
  readonly db: Database;
  readonly bus: Bus;
  /** A row of `consumers` in events.ts. */
  readonly durable: ConsumerName;
  readonly handlers: readonly EventHandler[];
  readonly logger?: Log;
  readonly metrics?: Metrics;
  /** Aggregates handled side by side. */
  readonly concurrency?: number;
}

export interface RunningConsumer {
  close(): Promise<void>;
}

/** An aggregate waits for the return of its failed event this long; a longer pause gives the order up. */
const maxHoldMs = 5_000;
/** A redelivery needs the way to the server and back. */
const holdSlackMs = 500;
/** A handler that still runs after this many ack waits is not extended any more: the server may give it to another. */
const maxExtensions = 10;
/** An event alone is handled at once; those that follow it wait this long for each other. */
const pauseMs = 10;

interface Task {
  readonly message: Delivery;
  readonly receivedAt: number;
}

/**
 * Starts a durable pull consumer. In order per aggregate within this process; a redelivery to another replica may
 * overtake, so projections compare `aggregateVersion`. Keeps working through restarts of NATS and PostgreSQL.
 */
export const startConsumer = async (options: ConsumerOptions): Promise<RunningConsumer> => {
  const { bus, durable, logger = silentLog, concurrency = 16 } = options;
  const row = consumers[durable];
  const metrics = consumerMetrics(options.metrics, durable);
  const handlers = new Map(options.handlers.map((handler) => [handler.subject, handler]));
  const context: HandlingContext = { db: options.db, bus, durable, handlers, logger, metrics, maxDeliver: row.maxDeliver };

  await requireConsumer(bus, durable);
  const sweeper = await startSweeper(bus, durable, logger);
  const bursts = pullInBursts({ bus, durable, maxBurst: Math.max(64, concurrency * 4), pauseMs, logger });

  const lanes = createLanes<Task>(concurrency, async ({ message }, key) => {
    metrics.inFlight(lanes.running());
    const holdMs = await handleMessage(context, message);
    if (holdMs !== undefined && holdMs <= maxHoldMs) lanes.hold(key, message.seq, holdMs + holdSlackMs);
    metrics.inFlight(lanes.running() - 1);
  });
  const heartbeat = setInterval(() => extend(lanes.all(), row.ackWaitMs), row.ackWaitMs / 3);
  heartbeat.unref();
  const pulling = pull(bursts, (message) => {
    metrics.delivered(message.info.deliveryCount);
    metrics.pending(message.info.pending);
    lanes.add(laneKey(message), message.seq, { message, receivedAt: performance.now() });
  }).catch((error: unknown) => logger.error({ err: error, durable }, 'consumer stopped pulling'));

  return {
    close: async () => {
      const untaken = await bursts.close();
      await pulling;
      // Not started: given back at once, to whoever else consumes.
      for (const message of [...lanes.stop().map((task) => task.message), ...untaken]) message.nak();
      await lanes.idle();
      clearInterval(heartbeat);
      await sweeper.close();
    },
  };
};

const pull = async (bursts: Bursts, take: (message: Delivery) => void): Promise<void> => {
  for (let burst = await bursts.next(); burst.length > 0; burst = await bursts.next()) burst.forEach(take);
};

const laneKey = (message: Delivery): string => message.header(header.aggregateId);

/** Tells the server that what waits or runs here is not lost. */
const extend = (deliveries: Iterable<Task>, ackWaitMs: number): void => {
  const now = performance.now();
  for (const { message, receivedAt } of deliveries) if (now - receivedAt < ackWaitMs * maxExtensions) message.working();
};

export interface HandlingContext {
  readonly db: Database;
  readonly bus: Bus;
  readonly durable: ConsumerName;
  readonly handlers: ReadonlyMap<string, EventHandler>;
  readonly logger: Log;
  readonly metrics: ConsumerMetrics;
  readonly maxDeliver: number;
}

/** Thrown to roll a handler's transaction back without calling it a failure of the database. */
class RolledBack extends Error {
  readonly outcome: Outcome;
  constructor(outcome: Outcome) {
    super('rolled back by outcome');
    this.outcome = outcome;
  }
}

/** @returns after how many milliseconds the event comes again, if it does */
const handleMessage = async (context: HandlingContext, message: Delivery): Promise<number | undefined> => {
  const handler = context.handlers.get(message.subject);
  const replayFor = message.header(header.replayFor);
  if (handler === undefined || (replayFor !== '' && replayFor !== context.durable)) {
    message.ack();
    return undefined;
  }
  const attributes = {
    'messaging.system': 'nats',
    'messaging.operation.name': 'process',
    'messaging.destination.name': message.subject,
    'messaging.consumer.group.name': context.durable,
    'messaging.message.id': message.header(header.id),
    'namaskah.delivery_count': message.info.deliveryCount,
  };
  return withSpan(`process ${message.subject}`, { kind: 'consumer', attributes, parent: traceCarrier(message) }, async (span) => {
    const startedAt = performance.now();
    const { outcome, label, occurredAt } = await runHandler(context, handler, message);
    if (outcome.kind !== 'done') recordFailure(span, outcome.cause);
    const holdMs = await settle(context, message, outcome);
    context.metrics.handled(label, message.subject, (performance.now() - startedAt) / 1_000, (Date.now() - occurredAt) / 1_000);
    return holdMs;
  });
};

interface Handled {
  readonly outcome: Outcome;
  readonly label: HandledOutcome;
  readonly occurredAt: number;
}

const runHandler = async ({ db, durable }: HandlingContext, handler: EventHandler, message: Delivery): Promise<Handled> => {
  let occurredAt = Date.now();
  let duplicate = false;
  const result = (outcome: Outcome): Handled => ({ outcome, label: duplicate ? 'duplicate' : outcome.kind, occurredAt });
  try {
    const event = receivedEvent(message, handler.codec);
    occurredAt = event.occurredAt.getTime();
    const outcome = await db.transaction(async (tx): Promise<Outcome> => {
      duplicate = !(await enterInbox(tx, durable, event.id));
      if (duplicate) return { kind: 'done' };
      const decided = await handler.handle(tx, event as ReceivedEvent<never>);
      if (decided.kind !== 'done') throw new RolledBack(decided);
      return decided;
    });
    return result(outcome);
  } catch (error) {
    if (error instanceof RolledBack) return result(error.outcome);
    return result(error instanceof MalformedEventError ? { kind: 'dead', cause: error } : { kind: 'retry', cause: error });
  }
};

/** Answers the server. @returns the pause before the next delivery, for a retry */
const settle = async (context: HandlingContext, message: Delivery, outcome: Outcome): Promise<number | undefined> => {
  if (outcome.kind === 'done') {
    message.ack();
    return undefined;
  }
  const { deliveryCount } = message.info;
  if (outcome.kind === 'retry' && deliveryCount < context.maxDeliver) {
    const afterMs = Math.max(1, outcome.afterMs ?? backoffMs(deliveryCount));
    message.nak(afterMs);
    context.logger.warn(
      { err: outcome.cause, durable: context.durable, subject: message.subject, deliveryCount, afterMs },
      'event will be delivered again',
    );
    return afterMs;
  }
  await bury(context, message, outcome.cause);
  return undefined;
};

/** Moves a message to the dead letters. When that fails it stays unanswered: the server delivers it, or reports it, later. */
export const bury = async (
  { bus, durable, logger, metrics }: Pick<HandlingContext, 'bus' | 'durable' | 'logger' | 'metrics'>,
  message: Delivery,
  cause: unknown,
): Promise<void> => {
  const { subject, data, headers, seq: streamSequence } = message;
  const { deliveryCount: deliveries } = message.info;
  try {
    await publishDeadLetter(bus, { durable, subject, data, headers, streamSequence, deliveries, cause });
    message.term();
    metrics.dead();
    logger.error({ err: cause, durable, subject, streamSequence, deliveries }, 'event moved to the dead letters');
  } catch (error) {
    logger.error({ err: error, durable, subject, streamSequence }, 'dead letter could not be stored');
    message.nak(backoffMs(deliveries));
  }
};
