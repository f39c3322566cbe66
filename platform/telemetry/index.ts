export { metricTable } from './metrics.ts';
export { observedBy, observedHttp } from './observed-call.ts';
export type { MetricRow, MetricTable } from './metrics.ts';
export { installPropagation, shutdownTelemetry, telemetryMode } from './provider.ts';
export { createMetrics } from './registry.ts';
export type { Metrics } from './registry.ts';
export { activeTraceHeaders, activeTraceId, continueTrace, contextOf, recordFailure, tracer, withSpan } from './tracing.ts';
export type { SpanKindName, SpanSettings, TraceCarrier } from './tracing.ts';
