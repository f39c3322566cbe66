import { rawHttp, type RawAnswer, type RawCall } from '#platform/json-http/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { type Metrics, observedHttp } from '#platform/telemetry/index.ts';
import { fieldsOf, parsed, textOf } from './fields.ts';

export interface SessionOptions {
  /** With the version: `https://www.textverified.com/api/pub/v2`. */
  readonly url: string;
  readonly apiKey: string;
  readonly username: string;
  readonly timeoutMs: number;
  readonly connections?: number;
  readonly clock: Clock;
  readonly metrics?: Metrics;
}

export interface Session {
  call(operation: string, call: RawCall): Promise<RawAnswer>;
  /** The path of a link that points to this very service; undefined for any other: our token goes nowhere else. */
  pathOf(link: string | undefined): string | undefined;
  readonly base: string;
  close(): Promise<void>;
}

/** A token this close to its end may end under way. */
const renewBeforeMs = 60_000;

/**
 * Calls with a bearer token that is fetched when it is needed, by one call for all that wait, and kept until shortly before
 * its end. A call that meets 401 was not acted on: it is made once more with a fresh token.
 */
export const openSession = (options: SessionOptions): Session => {
  const { url, apiKey, username, timeoutMs, connections = 32, clock, metrics } = options;
  const { origin, pathname } = new URL(url);
  const base = pathname.replace(/\/$/, '');
  const http = rawHttp({ origin, timeoutMs, connections });
  const observed = observedHttp('textverified', metrics);
  let token: { readonly text: string; readonly untilMs: number } | undefined;
  let fetching: Promise<RawAnswer | undefined> | undefined;

  /** @returns undefined when there is a token now, else why there is none */
  const signIn = async (): Promise<RawAnswer | undefined> => {
    const headers = { 'x-api-key': apiKey, 'x-api-username': username };
    const answer = await observed('auth', () => http.call({ method: 'POST', path: `${base}/auth`, headers }));
    const fields = answer.kind === 'answered' && answer.status === 200 ? fieldsOf(parsed(answer.body)) : undefined;
    const [text, seconds] = [textOf(fields?.['token']), Number(fields?.['expiresIn'])];
    if (text === '' || !Number.isFinite(seconds)) {
      // Whatever came back, the call that needed the token was never sent.
      return { kind: 'notSent', detail: answer.kind === 'answered' ? `sign-in: HTTP ${answer.status}` : `sign-in: ${answer.detail}` };
    }
    token = { text, untilMs: clock.now().getTime() + seconds * 1_000 - renewBeforeMs };
    return undefined;
  };
  const signedIn = (): Promise<RawAnswer | undefined> => {
    if (token !== undefined && token.untilMs > clock.now().getTime()) return Promise.resolve(undefined);
    fetching ??= signIn().finally(() => {
      fetching = undefined;
    });
    return fetching;
  };

  const call = async (operation: string, request: RawCall, again = false): Promise<RawAnswer> => {
    const refused = await signedIn();
    if (refused !== undefined || token === undefined) return refused ?? { kind: 'notSent', detail: 'no token' };
    const used = token;
    const headers = { ...request.headers, authorization: `Bearer ${used.text}` };
    const answer = await observed(operation, () => http.call({ ...request, headers }));
    if (again || answer.kind !== 'answered' || answer.status !== 401) return answer;
    if (token === used) token = undefined;
    return call(operation, request, true);
  };

  return {
    base,
    call: (operation, request) => call(operation, request),
    pathOf: (link) => {
      if (link === undefined || !URL.canParse(link, origin)) return undefined;
      const target = new URL(link, origin);
      return target.origin === origin && target.pathname.startsWith(`${base}/`) ? `${target.pathname}${target.search}` : undefined;
    },
    close: () => http.close(),
  };
};
