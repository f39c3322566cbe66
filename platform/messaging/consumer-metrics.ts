import type { Metrics } from '#platform/telemetry/index.ts';

export type HandledOutcome = 'done' | 'duplicate' | 'retry' | 'dead' | 'skipped';

export interface ConsumerMetrics {
  delivered(deliveryCount: number): void;
  inFlight(count: number): void;
  pending(count: number): void;
  handled(outcome: HandledOutcome, subject: string, seconds: number, delaySeconds: number): void;
  batch(size: number): void;
  dead(): void;
}

const silent: ConsumerMetrics = {
  delivered: () => {},
  inFlight: () => {},
  pending: () => {},
  handled: () => {},
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
    batch: (size) => batches.observe({ durable }, size),
    dead: () => deadLetters.inc({ durable }),
  };
};
