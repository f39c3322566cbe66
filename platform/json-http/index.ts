export { rawHttp, unanswered } from './raw-http.ts';
export type { RawAnswer, RawCall, RawHttp, RawHttpOptions } from './raw-http.ts';
import { Agent, request } from 'undici';

export type Answer =
  | { readonly kind: 'answer'; readonly json: unknown }
  | { readonly kind: 'refused'; readonly status: number; readonly json: unknown }
  | { readonly kind: 'unknown'; readonly reason: string };

export interface JsonHttp {
  (method: 'GET' | 'POST', path: string, body?: object): Promise<Answer>;
  close(): Promise<void>;
}

/** Numbers as they were written: money never passes through a float. @throws SyntaxError */
const parseExactly = (text: string): unknown =>
  JSON.parse(text, ((_key: string, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' ? (context?.source ?? String(value)) : value) as Parameters<typeof JSON.parse>[1]);

/**
 * Calls somebody else's JSON API with a bearer key. In answers every number is the text that was sent.
 * @returns never throws: silence, limits, wrong keys, server errors and nonsense are unknown
 */
export const jsonHttp = (options: { readonly baseUrl: string; readonly secretKey: string; readonly timeoutMs: number }): JsonHttp => {
  const agent = new Agent({ connections: 16, keepAliveTimeout: 10_000 });
  const base = options.baseUrl.replace(/\/$/, '');
  const call = async (method: 'GET' | 'POST', path: string, body?: object): Promise<Answer> => {
    try {
      const { statusCode: status, body: stream } = await request(base + path, {
        method,
        dispatcher: agent,
        signal: AbortSignal.timeout(options.timeoutMs),
        headers: {
          authorization: `Bearer ${options.secretKey}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        body: body === undefined ? null : JSON.stringify(body),
      });
      const text = await stream.text();
      if (status >= 200 && status < 300) return { kind: 'answer', json: parseExactly(text) };
      if (status === 400 || status === 404 || status === 422) return { kind: 'refused', status, json: parseExactly(text) };
      return { kind: 'unknown', reason: `status ${status}` };
    } catch (error) {
      return { kind: 'unknown', reason: error instanceof Error ? error.name : 'no answer' };
    }
  };
  return Object.assign(call, { close: () => agent.close() });
};

export const fieldsOf = (json: unknown): Record<string, unknown> =>
  typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};

/** @returns the fields of a body, or undefined when it is not JSON */
export const readBody = (rawBody: Buffer): Record<string, unknown> | undefined => {
  try {
    return fieldsOf(parseExactly(rawBody.toString('utf8')));
  } catch {
    return undefined;
  }
};
