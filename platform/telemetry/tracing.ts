import {
  type Attributes,
  context,
  type Context,
  type Link,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { isAppError } from '#platform/errors/index.ts';

/** Header-like carrier of W3C trace context: HTTP and NATS headers as plain objects. */
export type TraceCarrier = Readonly<Record<string, string | readonly string[] | undefined>>;
export type SpanKindName = 'internal' | 'server' | 'client' | 'producer' | 'consumer';

const kinds: Readonly<Record<SpanKindName, SpanKind>> = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
};

export interface SpanSettings {
  readonly kind?: SpanKindName;
  readonly attributes?: Attributes;
  /** Related traces: carriers (an event's headers) or links. */
  readonly links?: readonly (Link | TraceCarrier)[];
  /** The remote parent; without it the active span is the parent. */
  readonly parent?: TraceCarrier;
}

export const tracer = trace.getTracer('namaskah');

const getter = {
  keys: (carrier: TraceCarrier) => Object.keys(carrier),
  get: (carrier: TraceCarrier, key: string): string | undefined => {
    const value = carrier[key];
    return typeof value === 'string' ? value : value?.[0];
  },
};

/** The active context with the carrier's span as its parent, when it carries one. */
export const contextOf = (carrier: TraceCarrier): Context => propagation.extract(context.active(), carrier, getter);

const isLink = (link: Link | TraceCarrier): link is Link => typeof (link as Link).context === 'object';
const toLinks = (links: readonly (Link | TraceCarrier)[]): Link[] =>
  links.flatMap((link) => {
    if (isLink(link)) return [link];
    const linked = trace.getSpanContext(contextOf(link));
    return linked === undefined ? [] : [{ context: linked }];
  });

/** Only what is the platform's fault makes a span an error; a refused request is a normal answer. The cause's text may hold data, so only its type is kept. */
export const recordFailure = (span: Span, error: unknown): void => {
  const code = isAppError(error) ? error.code : 'platform.internal';
  span.setAttribute('error.type', code);
  if (!isAppError(error) || error.row.owner !== 'client') span.setStatus({ code: SpanStatusCode.ERROR, message: code });
};

/** Runs `fn` inside a new span, which ends with it. */
export const withSpan = async <T>(name: string, settings: SpanSettings, fn: (span: Span) => Promise<T> | T): Promise<T> => {
  const parent = settings.parent === undefined ? context.active() : contextOf(settings.parent);
  const span = tracer.startSpan(
    name,
    {
      kind: kinds[settings.kind ?? 'internal'],
      ...(settings.attributes === undefined ? {} : { attributes: settings.attributes }),
      ...(settings.links === undefined ? {} : { links: toLinks(settings.links) }),
    },
    parent,
  );
  try {
    return await context.with(trace.setSpan(parent, span), fn, undefined, span);
  } catch (error) {
    recordFailure(span, error);
    throw error;
  } finally {
    span.end();
  }
};

/**
 * For HTTP servers: continues the caller's trace, or begins one, and runs `fn` in it. When the HTTP instrumentation is
 * loaded there is an active span already and this only calls `fn`. Fits Fastify's hooks:
 * `app.addHook('onRequest', (request, reply, done) => continueTrace(request.headers, done))`.
 */
export const continueTrace = <T>(headers: TraceCarrier, fn: (span: Span) => T): T => {
  const here = context.active();
  const active = trace.getSpan(here);
  if (active !== undefined) return fn(active);
  const parent = propagation.extract(here, headers, getter);
  const span = tracer.startSpan('request', { kind: SpanKind.SERVER }, parent);
  return context.with(trace.setSpan(parent, span), fn, undefined, span);
};

/** `traceparent` and `tracestate` of the active span, for headers of calls and events. Empty when there is none. */
export const activeTraceHeaders = (): Record<string, string> => {
  const headers: Record<string, string> = {};
  propagation.inject(context.active(), headers);
  return headers;
};

export const activeTraceId = (): string | undefined => trace.getSpanContext(context.active())?.traceId;
