import { context, trace, TraceFlags } from '@opentelemetry/api';
import { collectDefaultMetrics, Counter, Gauge, Histogram, openMetricsContentType, Registry } from 'prom-client';
import type { CounterRow, GaugeRow, HistogramRow, MetricRow, MetricTable, metricTable } from './metrics.ts';

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

/** Only sampled spans: an exemplar that leads nowhere is worse than none. */
const exemplarLabels = (): Record<string, string> => {
  const span = trace.getSpanContext(context.active());
  return span !== undefined && (span.traceFlags & TraceFlags.SAMPLED) !== 0 ? { trace_id: span.traceId, span_id: span.spanId } : {};
};

const eventLoopSampleMs = 100;

type Labels = Partial<Record<string, string | number>>;

/** prom-client changes the signature of `inc` and `observe` when exemplars are on; callers keep the usual one here. */
const counterWithExemplars = (name: string, row: CounterRow, registers: [Registry<typeof openMetricsContentType>]): Counter => {
  const metric = new Counter({ name, help: row.help, labelNames: [...row.labels], registers, enableExemplars: true });
  const inc = metric.inc.bind(metric) as unknown as (data: object) => void;
  const usual = (labels?: Labels | number, value?: number): void => {
    const exemplar = exemplarLabels();
    inc({
      labels: typeof labels === 'object' ? labels : {},
      value: typeof labels === 'number' ? labels : (value ?? 1),
      ...('trace_id' in exemplar ? { exemplarLabels: exemplar } : {}),
    });
  };
  return Object.assign(metric, { inc: usual });
};

const histogramWithExemplars = (name: string, row: HistogramRow, registers: [Registry<typeof openMetricsContentType>]): Histogram => {
  const metric = new Histogram({
    name,
    help: row.help,
    labelNames: [...row.labels],
    buckets: [...row.buckets],
    registers,
    enableExemplars: true,
  });
  const observe = metric.observe.bind(metric) as unknown as (data: object) => void;
  const usual = (labels: Labels | number, value?: number): void =>
    observe({
      labels: typeof labels === 'object' ? labels : {},
      value: typeof labels === 'number' ? labels : value,
      exemplarLabels: exemplarLabels(),
    });
  const startTimer = (startLabels: Labels = {}): ((endLabels?: Labels) => number) => {
    const startedAt = performance.now();
    return (endLabels = {}) => {
      const seconds = (performance.now() - startedAt) / 1_000;
      usual({ ...startLabels, ...endLabels }, seconds);
      return seconds;
    };
  };
  return Object.assign(metric, { observe: usual, startTimer });
};

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
    counter: (name) => once(name, (row) => counterWithExemplars(name, row as CounterRow, [registry])) as never,
    gauge: (name) =>
      once(name, (row) => new Gauge({ name, help: (row as GaugeRow).help, labelNames: [...row.labels], registers: [registry] })) as never,
    histogram: (name) => once(name, (row) => histogramWithExemplars(name, row as HistogramRow, [registry])) as never,
    expose: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
    registry,
  };
};
