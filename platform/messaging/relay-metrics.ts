import { streams } from '#events';
import type { Metrics } from '#platform/telemetry/index.ts';
import type { BatchResult } from './publish-batch.ts';

export interface DepthFigures {
  readonly pending: number;
  readonly parked: number;
  readonly ageSeconds: number;
}

/** What is counted of a batch: plain values, so that they can be sent from thread to thread. */
export interface BatchFigures {
  readonly seconds: number;
  readonly publishedByStream: Readonly<Record<string, number>>;
  readonly published: number;
  readonly failed: number;
  /** Age of the oldest row that was published. */
  readonly delaySeconds: number;
}

export interface RelayMetrics {
  readonly enabled: boolean;
  leader(value: 0 | 1): void;
  depth(figures: DepthFigures): void;
  batch(figures: BatchFigures): void;
}

const prefixes = Object.entries(streams).flatMap(([name, row]) =>
  row.subjects.map((covered) => [covered.replace(/>$/, ''), name] as const),
);

/** Label value: the stream that holds a subject. */
const streamLabel = (subject: string): string => prefixes.find(([prefix]) => subject.startsWith(prefix))?.[1] ?? 'none';

export const batchFigures = ({ published, refused, outage }: BatchResult, seconds: number): BatchFigures => {
  const now = Date.now();
  let oldest = now;
  const publishedByStream: Record<string, number> = {};
  for (const { subject, created_at: createdAt } of published) {
    const stream = streamLabel(subject);
    publishedByStream[stream] = (publishedByStream[stream] ?? 0) + 1;
    oldest = Math.min(oldest, createdAt.getTime());
  }
  const failed = refused.length + (outage === undefined ? 0 : 1);
  return { seconds, publishedByStream, published: published.length, failed, delaySeconds: (now - oldest) / 1_000 };
};

export const relayMetrics = (metrics: Metrics | undefined): RelayMetrics => {
  if (metrics === undefined) return { enabled: false, leader: () => {}, depth: () => {}, batch: () => {} };
  const leader = metrics.gauge('outbox_leader');
  const pending = metrics.gauge('outbox_pending');
  const parked = metrics.gauge('outbox_parked');
  const age = metrics.gauge('outbox_oldest_age_seconds');
  const publishedTotal = metrics.counter('outbox_published_total');
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
    batch: ({ seconds, publishedByStream, published, failed, delaySeconds }) => {
      duration.observe(seconds);
      batchRows.observe(published);
      for (const [stream, count] of Object.entries(publishedByStream)) publishedTotal.inc({ stream }, count);
      if (published > 0) delay.observe(delaySeconds);
      if (failed > 0) failures.inc({ stream: 'any' }, failed);
    },
  };
};
