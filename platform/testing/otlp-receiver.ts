import type { IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { bodyOf, startTestServer } from './http-server.ts';

export type SpanKindText = 'unspecified' | 'internal' | 'server' | 'client' | 'producer' | 'consumer';

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: SpanKindText;
  /** service.name of the resource. */
  readonly service: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly failed: boolean;
}

export interface OtlpReceiver {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string;
  spans(): readonly ReceivedSpan[];
  /** @returns the spans once `predicate` is true of all that have come; rejects with their names when it takes too long */
  waitForSpans(
    predicate: (spans: readonly ReceivedSpan[]) => boolean,
    options?: { readonly timeoutMs?: number },
  ): Promise<readonly ReceivedSpan[]>;
  clear(): void;
  close(): Promise<void>;
}

interface AnyValue {
  readonly stringValue?: string;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
  readonly arrayValue?: { readonly values?: readonly AnyValue[] };
}
interface KeyValue {
  readonly key: string;
  readonly value?: AnyValue;
}
interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind?: number;
  readonly attributes?: readonly KeyValue[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status?: { readonly code?: number };
}
interface ExportRequest {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValue[] };
    readonly scopeSpans?: readonly { readonly spans?: readonly OtlpSpan[] }[];
  }[];
}

const kinds: readonly SpanKindText[] = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'];
const statusError = 2;

const valueOf = (value: AnyValue | undefined): unknown => {
  if (value === undefined) return undefined;
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(valueOf);
  if (value.intValue !== undefined) return Number(value.intValue);
  return value.stringValue ?? value.doubleValue ?? value.boolValue;
};
const toRecord = (list: readonly KeyValue[] = []): Record<string, unknown> =>
  Object.fromEntries(list.map(({ key, value }) => [key, valueOf(value)]));

const spansOf = (request: ExportRequest): ReceivedSpan[] =>
  (request.resourceSpans ?? []).flatMap(({ resource, scopeSpans }) => {
    const service = String(toRecord(resource?.attributes)['service.name'] ?? '');
    return (scopeSpans ?? []).flatMap(({ spans }) =>
      (spans ?? []).map((span) => ({
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId ?? '',
        name: span.name,
        kind: kinds[span.kind ?? 0] ?? 'unspecified',
        service,
        attributes: toRecord(span.attributes),
        links: (span.links ?? []).map(({ traceId, spanId }) => ({ traceId, spanId })),
        failed: span.status?.code === statusError,
      })),
    );
  });

const textOf = async (request: IncomingMessage): Promise<string> => {
  const body = await bodyOf(request);
  return (request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString();
};

/** An OTLP/HTTP receiver in this process that takes JSON and keeps every span. */
export const startOtlpReceiver = async (): Promise<OtlpReceiver> => {
  const received: ReceivedSpan[] = [];
  const watchers = new Set<() => void>();
  const { url: endpoint, close } = await startTestServer((request, response) => {
    void (async () => {
      if (request.headers['content-type']?.startsWith('application/json') !== true) {
        response.writeHead(415).end();
        return;
      }
      const body = await textOf(request);
      if (request.url === '/v1/traces') received.push(...spansOf(JSON.parse(body) as ExportRequest));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      for (const watcher of watchers) watcher();
    })().catch(() => response.writeHead(400).end());
  });
  return {
    endpoint,
    close,
    spans: () => received,
    waitForSpans: (predicate, { timeoutMs = 10_000 } = {}) =>
      new Promise((resolve, reject) => {
        const finish = (end: () => void): void => {
          clearTimeout(timer);
          watchers.delete(check);
          end();
        };
        const check = (): void => {
          if (predicate(received)) finish(() => resolve([...received]));
        };
        const names = (): string => received.map(({ service, name }) => `${service}: ${name}`).join('\n  ');
        const timer = setTimeout(
          () => finish(() => reject(new Error(`the awaited spans did not come; received:\n  ${names()}`))),
          timeoutMs,
        );
        watchers.add(check);
        check();
      }),
    clear: () => void (received.length = 0),
  };
};
