import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { hourMs, minuteMs, secondMs } from '#platform/time/index.ts';

/** How long a client may use an answer without asking, and a gateway without asking the service that has the catalogue. */
export const freshForMs = { list: hourMs, price: 30 * minuteMs } as const;
export type Kind = keyof typeof freshForMs;

/** An answer as it goes out, with the tag of its bytes. */
interface Kept {
  readonly body: Buffer;
  readonly etag: string;
  readonly market?: string | undefined;
}

export interface CatalogueCache {
  /**
   * What everybody gets, made once: whoever asks meanwhile waits for the same answer.
   * @param market the service whose market stands in it, 'all' for many; left out: none
   */
  shared(key: string, kind: Kind, make: () => Promise<string>, market?: string): Promise<Kept>;
  /** The catalogue is another one. */
  forget(): void;
  /** Stock or prices of these services are others. */
  forgetMarket(services: readonly string[] | 'all'): void;
}

const maxBytes = 32 << 20;
/** While a new catalogue is rolled out, an old replica may still answer: what it said is not kept for long. */
const unsettledMs = 5 * minuteMs;
const unsettledLifeMs = 30 * secondMs;
/** Replicas of the service learn of the market one after the other, within seconds. */
const movingMs = 15 * secondMs;
const movingLifeMs = 2 * secondMs;

export const keep = (text: string): Kept => {
  const body = Buffer.from(text);
  return { body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` };
};

/** Public answers of the catalogue in memory, of bounded size. @param now milliseconds */
export const catalogueCache = (now: () => number = Date.now): CatalogueCache => {
  const kept = new LRUCache<string, Kept>({
    maxSize: maxBytes,
    sizeCalculation: ({ body }) => body.length + 200,
    perf: { now },
    ttlResolution: 0,
  });
  const making = new Map<string, Promise<Kept>>();
  let epoch = 0;
  let settledAt = Number.NEGATIVE_INFINITY;
  let marketEpoch = 0;
  let calmAt = Number.NEGATIVE_INFINITY;

  const epochOf = (market: string | undefined): string => (market === undefined ? `${epoch}` : `${epoch}.${marketEpoch}`);
  const lifeMs = (kind: Kind, market: string | undefined): number =>
    Math.min(
      freshForMs[kind],
      now() < settledAt ? unsettledLifeMs : Number.POSITIVE_INFINITY,
      market !== undefined && now() < calmAt ? movingLifeMs : Number.POSITIVE_INFINITY,
    );

  const make = async (key: string, kind: Kind, work: () => Promise<string>, market: string | undefined): Promise<Kept> => {
    const begun = epochOf(market);
    const answer = { ...keep(await work()), market };
    // What was on its way when something changed serves who waits for it, and nobody else.
    if (begun === epochOf(market)) kept.set(key, answer, { ttl: lifeMs(kind, market) });
    return answer;
  };

  return {
    shared: async (key, kind, work, market) => {
      const known = kept.get(key);
      if (known !== undefined) return known;
      const name = `${epochOf(market)} ${key}`;
      const running = making.get(name) ?? make(key, kind, work, market).finally(() => making.delete(name));
      making.set(name, running);
      return running;
    },
    forget: () => {
      epoch += 1;
      settledAt = now() + unsettledMs;
      kept.clear();
    },
    forgetMarket: (services) => {
      marketEpoch += 1;
      calmAt = now() + movingMs;
      for (const [key, { market }] of kept.entries())
        if (market !== undefined && (services === 'all' || market === 'all' || services.includes(market))) kept.delete(key);
    },
  };
};

/** RFC 9110 13.1.2: a list of tags or "*"; weak comparison. */
export const matches = (ifNoneMatch: string | undefined, etag: string): boolean =>
  ifNoneMatch !== undefined &&
  (ifNoneMatch.trim() === '*' || ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag));

/** Sends it, or only says that the client has it already. */
export const sendKept = (request: FastifyRequest, reply: FastifyReply, { body, etag }: Kept, cacheControl: string): void => {
  void reply.header('etag', etag).header('cache-control', cacheControl);
  if (matches(request.headers['if-none-match'], etag)) void reply.code(304).send();
  // Bytes, so that they are sent as they are.
  else void reply.type('application/json; charset=utf-8').send(body);
};
