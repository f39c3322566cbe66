/**
 * Requests to addresses that customers have chosen. The name is resolved here, every address it has is judged, and the
 * connection is made to what was judged: between check and connection there is no second look-up that could differ.
 */
import { Resolver } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, request } from 'undici';
import type { WebhookMessage, WebhookSender } from '../../app/webhooks/ports.ts';
import type { SendResult, Unanswered } from '../../domain/webhooks/delivery.ts';
import { isLoopbackUrl } from '../../domain/webhooks/endpoint.ts';
import { isPublicAddress } from './addresses.ts';
import { signatureHeaders } from './signature.ts';

export interface WebhookSenderOptions {
  readonly timeoutMs: number;
  /** Plain http to this machine; for development. */
  readonly allowHttpLoopback: boolean;
  /** All addresses of a name. By default DNS, asked directly: the system's resolver would hold up threads that others need. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** Which addresses may be spoken to; for tests, whose server is on this machine. */
  readonly isAllowed?: (address: string) => boolean;
  /** Further authorities, for tests. */
  readonly ca?: string;
}

const maxAnswerBytes = 64 * 1_024;
const excerptBytes = 1_024;

class RefusedAddressError extends Error {
  readonly code = 'WEBHOOK_ADDRESS';
}

const dnsResolver = (): ((host: string) => Promise<readonly string[]>) => {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 });
  return async (host) => {
    const answers = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (addresses.length === 0) throw Object.assign(new Error('no address'), { code: 'ENOTFOUND' });
    return addresses;
  };
};

/** One address that is not public refuses the name: such an answer is an attack or a mistake, never a public service. */
const checkedLookup =
  (resolve: (host: string) => Promise<readonly string[]>, isAllowed: (address: string) => boolean): LookupFunction =>
  (host, { all }, callback) => {
    const answer = (error: NodeJS.ErrnoException | null, addresses: readonly string[] = []): void => {
      const found = addresses.map((address) => ({ address, family: isIP(address) }));
      if (error !== null || all) callback(error, found);
      else callback(null, found[0]?.address ?? '', found[0]?.family);
    };
    resolve(host).then(
      (addresses) => (addresses.every(isAllowed) ? answer(null, addresses) : answer(new RefusedAddressError())),
      (error: unknown) => answer(Object.assign(new Error('not resolved', { cause: error }), { code: 'ENOTFOUND' })),
    );
  };

const codesOf = (error: unknown): readonly string[] => {
  if (!(error instanceof Error)) return [];
  const inner = error instanceof AggregateError ? error.errors : [error.cause];
  return [error.name, (error as NodeJS.ErrnoException).code ?? '', ...inner.flatMap(codesOf)];
};
const dnsCodes = new Set(['ENOTFOUND', 'EAI_AGAIN', 'ENODATA', 'ESERVFAIL']);
const reasonOf = (error: unknown): Unanswered => {
  const codes = codesOf(error);
  if (codes.includes('WEBHOOK_ADDRESS')) return 'address';
  if (codes.some((code) => /Timeout|TIMEOUT|TimeoutError/.test(code))) return 'timeout';
  if (codes.some((code) => dnsCodes.has(code))) return 'dns';
  if (codes.some((code) => /CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO/.test(code))) return 'tls';
  return 'connection';
};

/** What a customer may read of an answer, and a database can store. */
const excerptOf = (bytes: Buffer): string =>
  bytes
    .subarray(0, excerptBytes)
    .toString('utf8')
    .replace(/\p{Cc}/gu, (char) => (char === '\n' || char === '\t' ? char : '\ufffd'));

/** The status decides; a body that is too long or breaks off only shortens the excerpt. */
const readExcerpt = async (body: AsyncIterable<Buffer>): Promise<string> => {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      if (size < excerptBytes) chunks.push(chunk);
      size += chunk.length;
      if (size > maxAnswerBytes) break;
    }
  } catch {
    // Whatever came until then is the excerpt.
  }
  return excerptOf(Buffer.concat(chunks));
};

const bareHost = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');

export const httpWebhookSender = (options: WebhookSenderOptions): WebhookSender & { close(): Promise<void> } => {
  const { timeoutMs, allowHttpLoopback, resolve = dnsResolver(), isAllowed = isPublicAddress } = options;
  // No bound on the connections to one host: many customers use the same collectors, and a queue before one of them would let a slow
  // endpoint of one tenant hold up another's. Each endpoint is bounded where deliveries are claimed.
  const shared = { keepAliveTimeout: 4_000, headersTimeout: timeoutMs, bodyTimeout: timeoutMs, maxHeaderSize: 16_384 };
  const tls = options.ca === undefined ? {} : { ca: options.ca };
  const publicAgent = new Agent({ ...shared, connect: { timeout: timeoutMs, lookup: checkedLookup(resolve, isAllowed), ...tls } });
  const loopbackAgent = new Agent({ ...shared, connect: { timeout: timeoutMs } });

  /** A host that is an address is never looked up, so it is judged here. */
  const agentFor = (url: URL): Agent => {
    if (allowHttpLoopback && isLoopbackUrl(url)) return loopbackAgent;
    const host = bareHost(url);
    if (url.protocol !== 'https:' || (isIP(host) !== 0 && !isAllowed(host))) throw new RefusedAddressError();
    return publicAgent;
  };

  const attempt = async (message: WebhookMessage): Promise<{ status: number; answer: string }> => {
    const url = new URL(message.url);
    const answer = await request(url, {
      dispatcher: agentFor(url),
      method: 'POST',
      body: message.body,
      signal: AbortSignal.timeout(timeoutMs),
      headers: { 'content-type': 'application/json', 'user-agent': 'Namaskah-Webhooks/1', ...signatureHeaders(message) },
    });
    return { status: answer.statusCode, answer: await readExcerpt(answer.body) };
  };

  return {
    send: async (message): Promise<SendResult> => {
      const startedAt = performance.now();
      const latency = (): number => Math.round(performance.now() - startedAt);
      try {
        const answered = await attempt(message);
        return { outcome: 'answered', ...answered, latencyMs: latency() };
      } catch (error) {
        return { outcome: 'unanswered', reason: reasonOf(error), latencyMs: latency() };
      }
    },
    close: async () => {
      await Promise.all([publicAgent.close(), loopbackAgent.close()]);
    },
  };
};
