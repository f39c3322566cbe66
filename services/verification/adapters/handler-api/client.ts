import { Pool } from 'undici';
import { unanswered } from '#platform/json-http/index.ts';
import { type Metrics, observedHttp } from '#platform/telemetry/index.ts';
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

const maxBodyBytes = 1 << 20;

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
  const observed = observedHttp('handler-api', metrics);

  const send = async (path: string): Promise<Answer> => {
    try {
      const { status, text } = await fetchText(pool, { path, timeoutMs, maxBytes: maxBodyBytes });
      return { kind: 'answered', status, body: text };
    } catch (error) {
      return unanswered(error);
    }
  };

  return {
    call: (action, parameters = {}) => {
      let path = `${endpoint.pathname}?api_key=${key}&action=${action}`;
      for (const name in parameters) path += `&${name}=${encodeURIComponent(parameters[name] ?? '')}`;
      return observed(action, () => send(path));
    },
    close: () => pool.close(),
  };
};
