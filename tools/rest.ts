/** A small customer of the REST API, for the demo and for whole-system tests. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

export interface RestRequest {
  readonly body?: unknown;
  /** Sent as Idempotency-Key; every POST gets a random one otherwise. */
  readonly idempotencyKey?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

export interface RestResponse<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** An answer that was not the expected one. */
class RestError extends Error {
  readonly status: number;
  readonly body: unknown;
  constructor(method: string, path: string, expected: number, status: number, body: unknown) {
    super(`${method} ${path} answered ${status} instead of ${expected}: ${JSON.stringify(body)}`);
    this.name = 'RestError';
    this.status = status;
    this.body = body;
  }
}

export interface RestClient {
  /** Any answer, as it is. */
  send<T = Json>(method: string, path: string, request?: RestRequest): Promise<RestResponse<T>>;
  /** The body of an answer with the expected status; RestError otherwise. */
  get<T = Json>(path: string, expected?: number): Promise<T>;
  post<T = Json>(path: string, body?: unknown, expected?: number, request?: RestRequest): Promise<T>;
  /** Server-sent events until the server ends the stream or `signal` fires. */
  events<T = Json>(path: string, signal: AbortSignal): AsyncGenerator<T>;
  withToken(token: string): RestClient;
}

/** JSON of a shape that the caller checks by using it. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any;

const mostAttempts = 10;
const longestWaitSeconds = 5;

/** @param base origin of the gateway; paths are given with /v2 */
export const restClient = (base: string, token?: string): RestClient => {
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const send = async <T>(method: string, path: string, request: RestRequest = {}): Promise<RestResponse<T>> => {
    const { body, idempotencyKey = randomUUID(), headers = {}, timeoutMs = 15_000 } = request;
    const response = await fetch(new URL(path, base), {
      method,
      headers: {
        ...authorization,
        ...(method === 'GET' ? {} : { 'idempotency-key': idempotencyKey }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    return { status: response.status, headers: response.headers, body: (isJson && text !== '' ? JSON.parse(text) : text) as T };
  };
  const expect = async <T>(method: string, path: string, expected: number, request: RestRequest = {}): Promise<T> => {
    // A machine that has other work sheds load now and then: 503 with Retry-After says that nothing was done.
    const same = { idempotencyKey: randomUUID(), ...request };
    for (let attempt = 1; ; attempt++) {
      const { status, body, headers } = await send<T>(method, path, same);
      if (status === expected) return body;
      const waitSeconds = Number(headers.get('retry-after') ?? Number.NaN);
      if (status !== 503 || !(waitSeconds <= longestWaitSeconds) || attempt === mostAttempts)
        throw new RestError(method, path, expected, status, body);
      await sleep(waitSeconds * 1_000);
    }
  };
  const events = async function* <T>(path: string, signal: AbortSignal): AsyncGenerator<T> {
    const response = await fetch(new URL(path, base), { headers: { ...authorization, accept: 'text/event-stream' }, signal });
    if (response.status !== 200 || response.body === null) throw new RestError('GET', path, 200, response.status, await response.text());
    let pending = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (pending + chunk).split('\n\n');
      pending = blocks.pop() ?? '';
      for (const block of blocks) {
        const data = block.split('\n').flatMap((line) => (line.startsWith('data:') ? [line.slice(5).trimStart()] : []));
        if (data.length > 0) yield JSON.parse(data.join('\n')) as T;
      }
    }
  };
  return {
    send,
    get: (path, expected = 200) => expect('GET', path, expected),
    post: (path, body, expected = 201, request = {}) =>
      expect('POST', path, expected, { ...request, ...(body === undefined ? {} : { body }) }),
    events,
    withToken: (other) => restClient(base, other),
  };
};

/** Asks until the answer is as wanted. @throws with the latest answer when that takes too long */
export const until = async <T>(what: string, ask: () => Promise<T>, wanted: (answer: T) => boolean, timeoutMs = 30_000): Promise<T> => {
  const deadline = performance.now() + timeoutMs;
  for (let pauseMs = 50; ; pauseMs = Math.min(pauseMs * 1.5, 500)) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (performance.now() > deadline)
      throw new Error(`${what}: not within ${timeoutMs / 1_000} s; the latest answer was ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
};
