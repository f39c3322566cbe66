/** Tracing with the SDK: loaded only where spans are collected. The OTLP exporter reads its endpoint from the environment, as its documentation says. */
import { register } from 'node:module';
import type { IncomingMessage } from 'node:http';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { BatchSpanProcessor, ParentBasedSampler, type Span, type SpanProcessor, TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace';
import { ATTR_SERVICE_NAME } from '@opentelemetry/semantic-conventions';
import { installTelemetry, type Telemetry } from './provider.ts';
import { redactPath, redactUrl } from './redact-url.ts';

export interface ExportOptions {
  readonly service: string;
  /** Share of new traces that is collected; the caller's decision is followed otherwise. */
  readonly ratio: number;
  /** Longest time that a span waits for its batch. */
  readonly delayMs: number;
}

/** Keys, secrets and phone numbers stand in the URLs of callbacks and of providers' query APIs. They do not reach the collector. */
const redaction: SpanProcessor = {
  onStart: () => undefined,
  onEnding: (span: Span) => {
    const { attributes } = span;
    for (const key of ['url.full', 'http.url']) {
      const value = attributes[key];
      if (typeof value === 'string') span.setAttribute(key, redactUrl(value));
    }
    for (const key of ['url.path', 'http.target']) {
      const value = attributes[key];
      if (typeof value === 'string') span.setAttribute(key, redactPath(value));
    }
    if (attributes['url.query'] !== undefined) span.setAttribute('url.query', '');
  },
  onEnd: () => undefined,
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};

const isProbe = (request: IncomingMessage): boolean => /^\/(metrics|health\/)/.test(request.url ?? '');

const create = ({ service, ratio, delayMs }: ExportOptions): Telemetry => {
  // pg and undici are ES imports in our code: only this hook lets the instrumentation see them.
  register('@opentelemetry/instrumentation/hook.mjs', import.meta.url);
  const sdk = new NodeSDK({
    resource: defaultResource().merge(resourceFromAttributes({ [ATTR_SERVICE_NAME]: service })),
    autoDetectResources: false,
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(Number.isFinite(ratio) ? ratio : 1) }),
    spanProcessors: [redaction, new BatchSpanProcessor({ exporter: new OTLPTraceExporter(), scheduledDelayMillis: delayMs })],
    contextManager: new AsyncLocalStorageContextManager(),
    textMapPropagator: new W3CTraceContextPropagator(),
    // Metrics are prom-client's (one truth), logs are pino's: the SDK exports spans only.
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [
      new HttpInstrumentation({ ignoreIncomingRequestHook: isProbe, requireParentforOutgoingSpans: true }),
      new UndiciInstrumentation({ requireParentforSpans: true }),
      // Statements are texts with $n; their parameters are never recorded. Polling without a trace makes no spans.
      new PgInstrumentation({ requireParentSpan: true, enhancedDatabaseReporting: false }),
    ],
  });
  sdk.start();
  return { mode: 'export', shutdown: () => sdk.shutdown() };
};

export const installExport = (options: ExportOptions): Telemetry => installTelemetry(() => create(options));
