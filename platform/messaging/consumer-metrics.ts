import type { Metrics } from '#platform/telemetry/index.ts';
import type { ReceivedEvent } from './event.ts';

export type HandledOutcome = 'done' | 'duplicate' | 'retry' | 'dead' | 'skipped';

export interface ConsumerMetrics {
  delivered(deliveryCount: number): void;
  inFlight(count: number): void;
  pending(count: number): void;
  handled(outcome: HandledOutcome, subject: string, seconds: number, delaySeconds: number): void;
  /** Counted together: the duration is that of the batch, the delay that of its oldest event. */
  handledBatch(outcome: HandledOutcome, events: readonly Pick<ReceivedEvent, 'subject' | 'occurredAt'>[], ms: number): void;
  batch(size: number): void;
  dead(): void;
}

const silent: ConsumerMetrics = {
  delivered: () => {},
  inFlight: () => {},
  pending: () => {},
  handled: () => {},
  handledBatch: () => {},
  batch: () => {},
  dead: () => {},
};

export const consumerMetrics = (metrics: Metrics | undefined, durable: string): ConsumerMetrics => {
  if (metrics === undefined) return silent;
  const handled = metrics.counter('consumer_handled_total');
  const duration = metrics.histogram('consumer_duration_seconds');
  const delay = metrics.histogram('consumer_delay_seconds');
  const inFlight = metrics.gauge('consumer_in_flight');
  const pending = metrics.gauge('consumer_pending');
  const redeliveries = metrics.counter('consumer_redeliveries_total');
  const batches = metrics.histogram('consumer_batch_events');
  const deadLetters = metrics.counter('consumer_dead_letters_total');
  return {
    delivered: (count) => {
      if (count > 1) redeliveries.inc({ durable });
    },
    inFlight: (count) => inFlight.set({ durable }, count),
    pending: (count) => pending.set({ durable }, count),
    handled: (outcome, subject, seconds, delaySeconds) => {
      handled.inc({ durable, outcome });
      duration.observe({ durable, subject }, seconds);
      if (outcome === 'done') delay.observe({ durable }, Math.max(0, delaySeconds));
    },
    handledBatch: (outcome, events, ms) => {
      if (events.length === 0) return;
      handled.inc({ durable, outcome }, events.length);
      for (const subject of new Set(events.map((event) => event.subject))) duration.observe({ durable, subject }, ms / 1_000);
      if (outcome !== 'done') return;
      const oldest = events.reduce((min, { occurredAt }) => Math.min(min, occurredAt.getTime()), Number.POSITIVE_INFINITY);
      delay.observe({ durable }, Math.max(0, Date.now() - oldest) / 1_000);
    },
    batch: (size) => batches.observe({ durable }, size),
    dead: () => deadLetters.inc({ durable }),
  };
};
