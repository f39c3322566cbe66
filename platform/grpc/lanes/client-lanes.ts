/**
 * The client's end of lanes: unary calls of one client as messages of one long stream (docs/adr/0072). A call by itself costs grpc-js about
 * 100 µs at the client and half of that at the server, whatever it carries; the calls of one turn of the event loop share a message here.
 *
 * A lane is a short cut, never the only way: until the server has confirmed one, after it is lost, or when a request is large, `ready` gives
 * none and the call goes by itself, with everything that gRPC does for it (waiting for a connection, retries, spreading).
 */
import { type Client, type ClientDuplexStream, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { detailsKey } from '#platform/errors/grpc-details.ts';
import type { GrpcErrorLike } from '#platform/errors/from-grpc.ts';
import { type Answer, type Call, type CarryRequest, type CarryResponse, LaneServiceService } from '#proto/namaskah/transport/v1/lanes.ts';
import { gather, messageBytes } from './gather.ts';
import { createSlots } from './slots.ts';

export interface LaneTimes {
  /** A lane stays with one replica of a server: renewing it spreads the load, and lets connections end in peace. */
  readonly renewMs: number;
  /** An open stream keeps a connection and a process alive; a client that is not used gives it up. */
  readonly idleMs: number;
  /** Between two attempts to open one. */
  readonly reopenMs: number;
  /** A server of an older version knows no lanes; it may be replaced by one that does. */
  readonly unknownMs: number;
}
const usualTimes: LaneTimes = { renewMs: 10_000, idleMs: 30_000, reopenMs: 250, unknownMs: 60_000 };
const maxQueued = 1_000;

export type LaneCall = Omit<Call, 'id'>;
export type LaneDone = (error: GrpcErrorLike | undefined, response: Uint8Array) => void;

export interface Lane {
  /**
   * Sends a call. `done` is called once, unless the call is given up before.
   * @param lost called instead of `done` when the lane breaks: whether the call was handled is not known then
   * @returns gives the call up and tells the server
   */
  send(call: LaneCall, done: LaneDone, lost: (error: GrpcErrorLike) => void): () => void;
}

export interface Lanes {
  /** @returns a lane for a request of this size, or undefined: send the call by itself */
  ready(requestBytes: number): Lane | undefined;
  /** Ends the lanes as soon as their calls are answered. */
  close(): void;
}

type Stream = ClientDuplexStream<CarryRequest, CarryResponse>;
interface Waiting {
  readonly done: LaneDone;
  readonly lost: (error: GrpcErrorLike) => void;
}

const none = Buffer.alloc(0);

const failureOf = (result: Answer['result']): GrpcErrorLike => {
  if (result?.$case !== 'failure') return { code: status.INTERNAL, details: 'an answer without a result' };
  const { code, message, details } = result.value;
  const metadata = new Metadata();
  if (details.length > 0) metadata.set(detailsKey, Buffer.from(details));
  return { code, details: message, metadata };
};

interface OpenLane extends Lane {
  readonly usable: () => boolean;
  readonly pending: () => number;
  /** Takes no more calls; ends when the last one is answered. */
  retire(): void;
}

/** @param ended told once, with the reason: the server's end, a lost connection */
const openLane = (client: Client, opened: () => void, ended: (error: ServiceError | undefined) => void): OpenLane => {
  const { carry } = LaneServiceService;
  const stream: Stream = client.makeBidiStreamRequest(carry.path, carry.requestSerialize, carry.responseDeserialize);
  const waiting = createSlots<Waiting>();
  let confirmed = false;
  let retired = false;
  let over = false;
  let cancelledIds: number[] = [];

  const endIfDone = (): void => {
    if (retired && !over && waiting.size === 0 && calls.size() === 0 && cancelledIds.length === 0) stream.end();
  };
  const messageOf = (gathered: Call[]): CarryRequest | undefined => {
    if (over || (gathered.length === 0 && cancelledIds.length === 0)) return undefined;
    const message = { calls: gathered, cancelledIds };
    cancelledIds = [];
    return message;
  };
  const calls = gather(stream, messageOf, endIfDone);
  const end = (error: ServiceError | undefined): void => {
    if (over) return;
    over = true;
    const reason: GrpcErrorLike = error ?? { code: status.UNAVAILABLE, details: 'the lane was closed before the answer' };
    const left = waiting.takeAll();
    ended(error);
    for (const { lost } of left) lost(reason);
  };

  stream.on('metadata', () => {
    confirmed = true;
    opened();
  });
  stream.on('data', ({ answers, leaving }: CarryResponse) => {
    for (const { callId, result } of answers) {
      const found = waiting.take(callId);
      if (found === undefined) continue;
      if (result?.$case === 'response') found.done(undefined, result.value);
      else found.done(failureOf(result), none);
    }
    if (leaving) retired = true;
    endIfDone();
  });
  stream.on('error', end);
  stream.on('end', () => end(undefined));

  return {
    usable: () => confirmed && !retired && !over && !waiting.exhausted && calls.size() < maxQueued,
    pending: () => waiting.size,
    send: (call, done, lost) => {
      const id = waiting.put({ done, lost });
      calls.put({ id, ...call }, call.request.length);
      return () => {
        if (waiting.take(id) === undefined || over) return;
        cancelledIds.push(id);
        calls.schedule();
      };
    },
    retire: () => {
      retired = true;
      calls.schedule();
    },
  };
};

/** @param client whose channel the lanes use */
export const clientLanes = (client: Client, times: LaneTimes = usualTimes): Lanes => {
  const { renewMs, idleMs, reopenMs, unknownMs } = times;
  let current: OpenLane | undefined;
  let coming: OpenLane | undefined;
  let openedAt = 0;
  let usedAt = 0;
  let mayOpenAt = 0;
  let closed = false;

  const open = (now: number): void => {
    mayOpenAt = now + reopenMs;
    const lane: OpenLane = openLane(
      client,
      () => {
        if (coming !== lane) return;
        current?.retire();
        current = lane;
        coming = undefined;
        openedAt = performance.now();
      },
      (error) => {
        if (error?.code === status.UNIMPLEMENTED) mayOpenAt = performance.now() + unknownMs;
        if (current === lane) current = undefined;
        if (coming === lane) coming = undefined;
      },
    );
    coming = lane;
  };
  const sweep = setInterval(() => {
    if (current === undefined || current.pending() > 0 || performance.now() - usedAt < idleMs) return;
    current.retire();
    current = undefined;
  }, idleMs / 3).unref();

  return {
    ready: (requestBytes) => {
      // A request larger than a message goes by itself.
      if (closed || requestBytes > messageBytes) return undefined;
      const now = performance.now();
      usedAt = now;
      const lane = current?.usable() === true ? current : undefined;
      if (coming === undefined && now >= mayOpenAt && (lane === undefined || now - openedAt > renewMs)) open(now);
      return lane;
    },
    close: () => {
      closed = true;
      clearInterval(sweep);
      current?.retire();
      coming?.retire();
    },
  };
};
