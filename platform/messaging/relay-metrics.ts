import { streams } from '#events';
import type { Metrics } from '#platform/telemetry/index.ts';
import type { BatchResult } from './publish-batch.ts';

export interface RelayMetrics {
  readonly enabled: boolean;
  leader(value: 0 | 1): void;
  depth(figures: { pending: number; parked: number; ageSeconds: number }): void;
  batch(result: BatchResult, seconds: number): void;
}

const streamNames = Object.entries(streams);

/** Label value: the stream that holds a subject. */
const streamLabel = (subject: string): string =>
  streamNames.find(([, row]) => row.subjects.some((covered) => subject.startsWith(covered.replace(/>$/, ''))))?.[0] ?? 'none';

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
      for (const row of result.published) {
        published.inc({ stream: streamLabel(row.subject) });
        delay.observe(Math.max(0, now - row.created_at.getTime()) / 1_000);
      }
      const failed = result.refused.length + (result.outage === undefined ? 0 : 1);
      if (failed > 0) failures.inc({ stream: 'any' }, failed);
    },
  };
};
