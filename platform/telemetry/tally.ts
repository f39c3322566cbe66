/**
 * Counters and histograms that cost a tenth of a microsecond to tell. prom-client's make a text of the labels at each call, check
 * them and look the series up by it; here the values lead to the series by themselves. prom-client still collects and prints.
 */
import { context, trace, TraceFlags } from '@opentelemetry/api';
import type { CounterRow, HistogramRow } from './metrics.ts';

export type Labels = Readonly<Partial<Record<string, string | number>>>;

interface Exemplar {
  readonly labelSet: Readonly<Record<string, string>>;
  readonly value: number;
  /** Unix seconds. */
  readonly timestamp: number;
}

/** One line of the exposition, as prom-client's registry takes it. */
interface Sample {
  readonly value: number;
  readonly labels: Labels;
  readonly metricName?: string;
  readonly exemplar?: Exemplar | undefined;
}

/** What prom-client's registry asks of a metric. It strips `_total` of a counter's name before it asks, and adds it again. */
export interface Collected {
  name: string;
  readonly help: string;
  readonly type: 'counter' | 'histogram';
  get(): Promise<{ name: string; help: string; type: string; aggregator: 'sum'; values: Sample[] }>;
}

export interface Counter<L extends string = string> {
  inc(value?: number): void;
  inc(labels: Readonly<Partial<Record<L, string | number>>>, value?: number): void;
}

export interface Histogram<L extends string = string> {
  observe(value: number): void;
  observe(labels: Readonly<Partial<Record<L, string | number>>>, value: number): void;
}

/** Of the active span, when it is sampled: an exemplar that leads nowhere is worse than none. */
const exemplarOf = (value: number): Exemplar | undefined => {
  const span = trace.getSpanContext(context.active());
  return span !== undefined && (span.traceFlags & TraceFlags.SAMPLED) !== 0
    ? { labelSet: { trace_id: span.traceId, span_id: span.spanId }, value, timestamp: Date.now() / 1_000 }
    : undefined;
};

const none: Labels = {};

/**
 * The series of a metric, each found by the values of its labels in their declared order.
 * @throws when a series is to begin whose labels are not those that the table declares
 */
const seriesOf = <S>(metric: string, names: readonly string[], begin: () => S) => {
  const all: { readonly labels: Labels; readonly series: S }[] = [];
  const root = new Map<string | number | undefined, unknown>();
  const create = (labels: Labels): S => {
    const unknown = Object.keys(labels).find((label) => !names.includes(label));
    if (unknown !== undefined) throw new Error(`${metric} has no label ${unknown}`);
    // 200 and '200' read the same: one series.
    const known = all.find((one) => names.every((name) => String(one.labels[name]) === String(labels[name])));
    if (known !== undefined) return known.series;
    const series = begin();
    all.push({ labels: { ...labels }, series });
    return series;
  };
  const of = (labels: Labels): S => {
    let level = root;
    for (let index = 0; index < names.length - 1; index++) {
      const value = labels[names[index]!];
      let next = level.get(value) as typeof root | undefined;
      if (next === undefined) level.set(value, (next = new Map()));
      level = next;
    }
    const last = names.length === 0 ? undefined : labels[names.at(-1)!];
    let series = level.get(last) as S | undefined;
    if (series === undefined) level.set(last, (series = create(labels)));
    return series;
  };
  return { all, of };
};

export const counterTally = (name: string, { help, labels: names }: CounterRow): Counter & Collected => {
  const { all, of } = seriesOf(name, names, () => ({ value: 0, exemplar: undefined as Exemplar | undefined }));
  // Without labels there is one series, and it is shown before anything was counted.
  if (names.length === 0) of(none);
  return {
    name,
    help,
    type: 'counter',
    inc: (first?: Labels | number, second?: number) => {
      const series = of(typeof first === 'object' ? first : none);
      const by = typeof first === 'number' ? first : (second ?? 1);
      if (!(by >= 0 && by < Number.POSITIVE_INFINITY)) throw new Error(`${name} cannot be increased by ${by}`);
      series.value += by;
      series.exemplar = exemplarOf(by) ?? series.exemplar;
    },
    async get() {
      const values = all.map(({ labels, series: { value, exemplar } }) => ({ value, labels, exemplar }));
      return { name: this.name, help, type: 'counter', aggregator: 'sum', values };
    },
  };
};

export const histogramTally = (name: string, { help, labels: names, buckets }: HistogramRow): Histogram & Collected => {
  const { all, of } = seriesOf(name, names, () => ({
    sum: 0,
    // The last is for what is above every edge.
    counts: Array.from({ length: buckets.length + 1 }, () => 0),
    exemplars: Array.from({ length: buckets.length + 1 }, () => undefined as Exemplar | undefined),
  }));
  if (names.length === 0) of(none);
  const indexOf = (value: number): number => {
    let index = 0;
    while (index < buckets.length && value > buckets[index]!) index += 1;
    return index;
  };
  return {
    name,
    help,
    type: 'histogram',
    observe: (first: Labels | number, second?: number) => {
      const value = typeof first === 'number' ? first : second;
      if (!Number.isFinite(value)) throw new TypeError(`${name} was told ${value}, which is no number`);
      const observed = value as number;
      const series = of(typeof first === 'object' ? first : none);
      const index = indexOf(observed);
      series.sum += observed;
      series.counts[index] = (series.counts[index] ?? 0) + 1;
      series.exemplars[index] = exemplarOf(observed) ?? series.exemplars[index];
    },
    async get() {
      const values = all.flatMap(({ labels, series: { sum, counts, exemplars } }) => {
        let below = 0;
        const lines: Sample[] = counts.map((count, index) => ({
          metricName: `${name}_bucket`,
          labels: { le: buckets[index] ?? '+Inf', ...labels },
          value: (below += count),
          exemplar: exemplars[index],
        }));
        return [...lines, { metricName: `${name}_sum`, labels, value: sum }, { metricName: `${name}_count`, labels, value: below }];
      });
      return { name, help, type: 'histogram', aggregator: 'sum', values };
    },
  };
};
