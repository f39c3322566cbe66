import { streams } from '#events';
import type { Metrics } from '#platform/telemetry/index.ts';
import type { BatchResult } from './publish-batch.ts';

export interface RelayMetrics {
  readonly enabled: boolean;
  leader(value: 0 | 1): void;
  depth(figures: { pending: number; parked: number; ageSeconds: number }): void;
  batch(result: BatchResult, seconds: number): void;
}

const prefixes = Object.entries(streams).flatMap(([name, row]) =>
  row.subjects.map((covered) => [covered.replace(/>$/, ''), name] as const),
);

/** Label value: the stream that holds a subject. */
const streamLabel = (subject: string): string => prefixes.find(([prefix]) => subject.startsWith(prefix))?.[1] ?? 'none';

export const relayMetrics = (metrics: Metrics | undefined): RelayMetrics => {
  if (metrics === undefined) return { enabled: false, leader: () => {}, depth: () => {}, batch: () => {} };
  const leader = metrics.gauge('outbox_leader');
  const pending = metrics.gauge('outbox_pending');
  const parked = metrics.gauge('outbox_parked');
  const age = metrics.gauge('outbox_oldest_age_seconds');
  const published = metrics.counter('outbox_published_total');
  const failures = metrics.counter('outbox_failures_total');
  const duration = metrics.histogram('outbox_publish_duration_seconds');
  const delay = metrics.histogram('outbox_delay_seconds');
  const batchRows = metrics.histogram('outbox_batch_rows');
  return {
    enabled: true,
    leader: (value) => leader.set(value),
    depth: (figures) => {
      pending.set(figures.pending);
      parked.set(figures.parked);
      age.set(figures.ageSeconds);
    },
    batch: (result, seconds) => {
      const now = Date.now();
      duration.observe(seconds);
      batchRows.observe(result.published.length);
      let oldest = now;
      const streams = new Map<string, number>();
      for (const { subject, created_at: createdAt } of result.published) {
        const stream = streamLabel(subject);
        streams.set(stream, (streams.get(stream) ?? 0) + 1);
        oldest = Math.min(oldest, createdAt.getTime());
      }
      for (const [stream, count] of streams) published.inc({ stream }, count);
      if (result.published.length > 0) delay.observe((now - oldest) / 1_000);
      const failed = result.refused.length + (result.outage === undefined ? 0 : 1);
      if (failed > 0) failures.inc({ stream: 'any' }, failed);
    },
  };
};
