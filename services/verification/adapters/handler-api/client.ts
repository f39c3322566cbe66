import { Pool } from 'undici';
import type { Metrics } from '#platform/telemetry/index.ts';
import { fetchText } from './fetch-text.ts';

export interface HandlerApiOptions {
  /** Ends in `/stubs/handler_api.php`. */
  readonly url: string;
  readonly apiKey: string;
  readonly timeoutMs: number;
  /** Calls at once; more wait for a connection. */
  readonly connections?: number;
  readonly metrics?: Metrics;
}

/** What came back of a call, before anybody asks what it means. */
export type Answer =
  | { readonly kind: 'answered'; readonly status: number; readonly body: string }
  /** No connection was made: the provider cannot have acted. */
  | { readonly kind: 'notSent'; readonly detail: string }
  /** The request may have been read, the answer did not arrive. */
  | { readonly kind: 'lost'; readonly detail: string };

export interface HandlerApiClient {
  call(action: string, parameters?: Readonly<Record<string, string | number>>): Promise<Answer>;
  close(): Promise<void>;
}

/** Errors of the time before a connection exists. */
const notSentCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);
const maxBodyBytes = 1 << 20;

const codesOf = (error: unknown): string[] => {
  const errors = error instanceof AggregateError ? error.errors : [error];
  return errors.map((one: unknown) =>
    one instanceof Error && 'code' in one ? String(one.code) : one instanceof Error ? one.name : 'unknown',
  );
};

const failed = (error: unknown): Answer => {
  const codes = codesOf(error);
  return { kind: codes.every((code) => notSentCodes.has(code)) ? 'notSent' : 'lost', detail: [...new Set(codes)].join(', ') };
};

/** Calls one endpoint of the family. The key is part of the URL: neither URL nor raw body may reach logs or errors. */
export const createHandlerApiClient = ({ url, apiKey, timeoutMs, connections = 128, metrics }: HandlerApiOptions): HandlerApiClient => {
  const endpoint = new URL(url);
  const pool = new Pool(endpoint.origin, {
    connections,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    connect: { timeout: Math.min(timeoutMs, 2_000) },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  });
  const key = encodeURIComponent(apiKey);
  const duration = metrics?.histogram('http_client_duration_seconds');

  const send = async (path: string): Promise<Answer> => {
    try {
      const { status, text } = await fetchText(pool, { path, timeoutMs, maxBytes: maxBodyBytes });
      return { kind: 'answered', status, body: text };
    } catch (error) {
      return failed(error);
    }
  };

  return {
    call: async (action, parameters = {}) => {
      let path = `${endpoint.pathname}?api_key=${key}&action=${action}`;
      for (const name in parameters) path += `&${name}=${encodeURIComponent(parameters[name] ?? '')}`;
      const startedAt = performance.now();
      const answer = await send(path);
      const outcome = answer.kind === 'answered' ? `${Math.floor(answer.status / 100)}xx` : answer.kind;
      duration?.observe({ peer: 'handler-api', operation: action, outcome }, (performance.now() - startedAt) / 1_000);
      return answer;
    },
    close: () => pool.close(),
  };
};
