/**
 * Tracing without exporting. Spans record nothing and cost a few random bytes, but they have ids, and those travel: a
 * request is one trace in logs, answers, calls and events even where nothing collects spans. `register.ts` replaces this
 * by the SDK when there is an endpoint; code that creates spans sees no difference.
 */
import { randomFillSync } from 'node:crypto';
import {
  context,
  type Context,
  isSpanContextValid,
  propagation,
  type Span,
  type SpanContext,
  type SpanOptions,
  trace,
  TraceFlags,
  type Tracer,
  type TracerProvider,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';

const pool = Buffer.alloc(8 * 1024);
let poolOffset = pool.length;
/** Random hex digits from a pool: one call of the generator serves hundreds of ids. */
const randomHex = (bytes: number): string => {
  if (poolOffset + bytes > pool.length) {
    randomFillSync(pool);
    poolOffset = 0;
  }
  const hex = pool.toString('hex', poolOffset, poolOffset + bytes);
  poolOffset += bytes;
  return hex;
};

const newTrace = (): SpanContext => {
  const ids = randomHex(16 + 8);
  return { traceId: ids.slice(0, 32), spanId: ids.slice(32), traceFlags: TraceFlags.NONE };
};

const childOf = (parent: SpanContext | undefined): SpanContext =>
  parent !== undefined && isSpanContextValid(parent)
    ? {
        traceId: parent.traceId,
        spanId: randomHex(8),
        // The caller's sampling decision is passed on, because others in the chain may collect.
        traceFlags: parent.traceFlags,
        ...(parent.traceState === undefined ? {} : { traceState: parent.traceState }),
      }
    : newTrace();

const startSpan = (_name: string, options: SpanOptions = {}, at: Context = context.active()): Span =>
  trace.wrapSpanContext(childOf(options.root === true ? undefined : trace.getSpanContext(at)));

const startActiveSpan = (name: string, ...rest: unknown[]): unknown => {
  const fn = rest.at(-1) as (span: Span) => unknown;
  const options = rest.length > 1 ? (rest[0] as SpanOptions) : {};
  const at = rest.length > 2 ? (rest[1] as Context) : context.active();
  const span = startSpan(name, options, at);
  return context.with(trace.setSpan(at, span), fn, undefined, span);
};

const tracer: Tracer = { startSpan, startActiveSpan: startActiveSpan as Tracer['startActiveSpan'] };
const provider: TracerProvider = { getTracer: () => tracer };

export interface Telemetry {
  readonly mode: 'propagate' | 'export';
  /** Sends what is buffered. Bounded by the exporter's own time-out. */
  shutdown(): Promise<void>;
}

/** One per process, whatever copy of this module asks. */
const slot = Symbol.for('namaskah.telemetry');
const globals = globalThis as { [slot]?: Telemetry };

export const installTelemetry = (create: () => Telemetry): Telemetry => (globals[slot] ??= create());

export const installPropagation = (): Telemetry =>
  installTelemetry(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    trace.setGlobalTracerProvider(provider);
    return { mode: 'propagate', shutdown: () => Promise.resolve() };
  });

export const telemetryMode = (): Telemetry['mode'] | 'none' => globals[slot]?.mode ?? 'none';

/** Called once, after everything else is closed. */
export const shutdownTelemetry = (): Promise<void> => globals[slot]?.shutdown() ?? Promise.resolve();
