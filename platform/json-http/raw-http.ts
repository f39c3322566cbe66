import { Pool } from 'undici';

/** What came back of a call, before anybody asks what it means. */
export type RawAnswer =
  | { readonly kind: 'answered'; readonly status: number; readonly body: string; readonly location: string | undefined }
  /** No connection was made: the other side cannot have acted. */
  | { readonly kind: 'notSent'; readonly detail: string }
  /** The request may have been read; the answer did not arrive. */
  | { readonly kind: 'lost'; readonly detail: string };

export interface RawHttpOptions {
  readonly origin: string;
  readonly timeoutMs: number;
  /** Calls at once; more wait for a connection. */
  readonly connections: number;
}

export interface RawCall {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface RawHttp {
  /** Never throws. Neither path nor body may reach logs: keys and codes stand in them. */
  call(call: RawCall): Promise<RawAnswer>;
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
const longestConnectMs = 2_000;

const codesOf = (error: unknown): string[] => {
  const errors = error instanceof AggregateError ? error.errors : [error];
  return errors.map((one: unknown) =>
    one instanceof Error && 'code' in one ? String(one.code) : one instanceof Error ? one.name : 'unknown',
  );
};

/** What a request that failed may have left behind: nothing when no connection was ever made. @param error what undici threw */
export const unanswered = (error: unknown): Exclude<RawAnswer, { readonly kind: 'answered' }> => {
  const codes = codesOf(error);
  return { kind: codes.every((code) => notSentCodes.has(code)) ? 'notSent' : 'lost', detail: [...new Set(codes)].join(', ') };
};

/**
 * HTTP to somebody else's service where it matters what a failure leaves behind: a call that never left can be made
 * elsewhere, one whose answer was lost must be found out about. Redirects are answers, not followed.
 */
export const rawHttp = ({ origin, timeoutMs, connections }: RawHttpOptions): RawHttp => {
  const pool = new Pool(origin, {
    connections,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    connect: { timeout: Math.min(timeoutMs, longestConnectMs) },
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  });
  return {
    call: async ({ method = 'GET', path, headers, body: sent }) => {
      try {
        const signal = AbortSignal.timeout(timeoutMs);
        const {
          statusCode,
          body,
          headers: received,
        } = await pool.request({
          method,
          path,
          signal,
          ...(headers === undefined ? {} : { headers: { ...headers } }),
          ...(sent === undefined ? {} : { body: sent }),
        });
        const text = await body.text();
        const location = typeof received['location'] === 'string' ? received['location'] : undefined;
        return text.length > maxBodyBytes
          ? { kind: 'lost', detail: 'the answer is too large' }
          : { kind: 'answered', status: statusCode, body: text, location };
      } catch (error) {
        return unanswered(error);
      }
    },
    close: () => pool.close(),
  };
};
