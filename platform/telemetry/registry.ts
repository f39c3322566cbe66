import { collectDefaultMetrics, Gauge, openMetricsContentType, Registry } from 'prom-client';
import type { CounterRow, GaugeRow, HistogramRow, MetricRow, MetricTable, metricTable } from './metrics.ts';
import { type Collected, type Counter, counterTally, type Histogram, histogramTally } from './tally.ts';

type NamesOf<T extends MetricTable, K extends MetricRow['kind']> = { [N in keyof T]: T[N]['kind'] extends K ? N : never }[keyof T] & string;
type LabelsOf<R extends MetricRow> = R['labels'][number];

/** Metrics of one process. Asking for a name twice gives the same metric; only what is asked for is exposed. */
export interface Metrics<T extends MetricTable = typeof metricTable> {
  counter<N extends NamesOf<T, 'counter'>>(name: N): Counter<LabelsOf<T[N]>>;
  gauge<N extends NamesOf<T, 'gauge'>>(name: N): Gauge<LabelsOf<T[N]>>;
  histogram<N extends NamesOf<T, 'histogram'>>(name: N): Histogram<LabelsOf<T[N]>>;
  /** OpenMetrics text, with exemplars. */
  expose(): Promise<{ readonly contentType: string; readonly body: string }>;
  readonly registry: Registry<typeof openMetricsContentType>;
}

const eventLoopSampleMs = 100;

/**
 * @param table normally `metricTable`
 * @param options.defaults also expose the metrics of Node itself (event loop, heap, garbage collection)
 */
export const createMetrics = <T extends MetricTable>(
  table: T,
  options: { defaults?: boolean; labels?: Record<string, string> } = {},
): Metrics<T> => {
  const registry = new Registry<typeof openMetricsContentType>();
  registry.setContentType(openMetricsContentType);
  if (options.labels !== undefined) registry.setDefaultLabels(options.labels);
  // The event loop's delay is sampled by a timer: the usual 100 times a second cost half a per cent of a core in every process.
  if (options.defaults === true)
    collectDefaultMetrics({ register: registry as unknown as Registry, eventLoopMonitoringPrecision: eventLoopSampleMs });
  const registered = <M extends Collected>(metric: M): M => {
    registry.registerMetric(metric as never);
    return metric;
  };
  const made = new Map<string, unknown>();
  const once = <M>(name: string, create: (row: MetricRow) => M): M => {
    const existing = made.get(name);
    if (existing !== undefined) return existing as M;
    const row = Object.hasOwn(table, name) ? table[name] : undefined;
    if (row === undefined) throw new Error(`no such metric in the table: ${name}`);
    const metric = create(row);
    made.set(name, metric);
    return metric;
  };
  return {
    counter: (name) => once(name, (row) => registered(counterTally(name, row as CounterRow))) as never,
    gauge: (name) =>
      once(name, (row) => new Gauge({ name, help: (row as GaugeRow).help, labelNames: [...row.labels], registers: [registry] })) as never,
    histogram: (name) => once(name, (row) => registered(histogramTally(name, row as HistogramRow))) as never,
    expose: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
    registry,
  };
};
