/** Clients of /v2/stream for tests: what they saw, in order, over either transport. */
import { request } from 'undici';
import { WebSocket } from 'ws';

export interface Seen {
  readonly name: string;
  readonly cursor: string | undefined;
  readonly data: any;
  /** When it came, by performance.now(). */
  readonly atMs: number;
}

export interface StreamClient {
  readonly seen: readonly Seen[];
  /** Events of the tenant, without those of the stream itself. */
  events(): readonly Seen[];
  lastCursor(): string | undefined;
  /** Resolves when the server or `close` has ended it; with the close code of a WebSocket. */
  readonly ended: Promise<number | undefined>;
  close(): void;
}

const clientOf = (seen: Seen[], ended: Promise<number | undefined>, close: () => void): StreamClient => ({
  seen,
  events: () => seen.filter(({ name }) => !name.startsWith('stream.')),
  lastCursor: () => seen.findLast(({ cursor }) => cursor !== undefined)?.cursor,
  ended,
  close,
});

const parseBlock = (block: string, atMs: number): Seen | undefined => {
  const fields = new Map(
    block.split('\n').flatMap((line) => {
      const at = line.indexOf(': ');
      return at > 0 ? [[line.slice(0, at), line.slice(at + 2)] as const] : [];
    }),
  );
  const [name, cursor, data] = [fields.get('event'), fields.get('id'), fields.get('data')];
  if (name === undefined && cursor === undefined) return undefined;
  return { name: name ?? 'stream.beat', cursor, data: data === undefined ? undefined : JSON.parse(data), atMs };
};

/** @throws when the answer is not an event stream, with the answer */
export const openSse = async (url: string, headers: Record<string, string>): Promise<StreamClient> => {
  const abort = new AbortController();
  const { statusCode, body } = await request(url, { headers, signal: abort.signal, headersTimeout: 0, bodyTimeout: 0 });
  if (statusCode !== 200) throw new Error(`${statusCode} ${await body.text()}`);
  const seen: Seen[] = [];
  const ended = (async (): Promise<undefined> => {
    let rest = '';
    try {
      for await (const chunk of body) {
        const atMs = performance.now();
        const blocks = (rest + String(chunk)).split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) {
          const one = parseBlock(block, atMs);
          if (one) seen.push(one);
        }
      }
    } catch {
      // Cut off.
    }
  })();
  return clientOf(seen, ended, () => abort.abort());
};

export const openWebSocket = async (
  url: string,
  options: { headers?: Record<string, string>; protocols?: string[]; first?: unknown },
): Promise<StreamClient> => {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), options.protocols ?? [], { headers: options.headers ?? {} });
  const seen: Seen[] = [];
  const ended = new Promise<number>((resolve) => socket.once('close', (code) => resolve(code)));
  socket.on('message', (raw: Buffer) => {
    const { type, lastEventId, event } = JSON.parse(raw.toString());
    seen.push({ name: type, cursor: lastEventId, data: event, atMs: performance.now() });
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve());
    socket.once('error', reject);
  });
  socket.on('error', () => {});
  if (options.first !== undefined) socket.send(typeof options.first === 'string' ? options.first : JSON.stringify(options.first));
  return clientOf(seen, ended, () => socket.terminate());
};
