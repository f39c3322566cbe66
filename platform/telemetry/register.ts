/**
 * Preloaded before a service: `node --import ./platform/telemetry/register.ts services/x/main.ts`.
 *
 * Without OTEL_EXPORTER_OTLP_ENDPOINT only trace context is propagated, and none of the instrumentation is loaded. With it,
 * HTTP, undici and pg are instrumented and spans are exported. gRPC and messaging spans are our own code in both modes
 * (platform/grpc, platform/messaging): one implementation, no second span beside it.
 *
 * Instrumentation patches modules while they are loaded, so this file must come first and its hook before any of them.
 */
import { installPropagation } from './provider.ts';

if ((process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '') === '') {
  installPropagation();
} else {
  const { installExport } = await import('./export.ts');
  installExport({
    service: process.env['OTEL_SERVICE_NAME'] ?? 'unknown',
    ratio: Number(process.env['OTEL_TRACES_SAMPLER_ARG'] ?? 1),
    delayMs: Number(process.env['OTEL_BSP_SCHEDULE_DELAY'] ?? 2_000),
  });
}
