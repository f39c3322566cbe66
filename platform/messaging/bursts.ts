import { createInbox, nanos, type Msg } from '@nats-io/transport-node';
import { consumers, type ConsumerName } from '#events';
import type { Log } from '#platform/logging/index.ts';
import type { Bus } from './bus.ts';
import { deliveryOf, type Delivery } from './delivery.ts';
import { within } from './within.ts';
import { createWaker } from './waker.ts';

export interface BurstOptions {
  readonly bus: Bus;
  readonly durable: ConsumerName;
  readonly maxBurst: number;
  /** From one burst to the next question, unless the burst was full: what comes meanwhile travels together. */
  readonly pauseMs: number;
  readonly logger: Log;
}

export interface Bursts {
  /** Waits for the next burst: at least one message, in the order of delivery; none once it is closing. For one caller at a time. */
  next(): Promise<readonly Delivery[]>;
  /** Asks for no more. @returns what had come and was not taken: to be given back */
  close(): Promise<readonly Delivery[]>;
}

/** How long the server keeps a question. Lost without a sign (a leader that changed), it is asked again after this. */
const expiresMs = 30_000;
const lostMs = expiresMs + 2_000;
/** The end of a burst is not told when too many deliveries wait for their acknowledgement; then silence is the end. */
const gatherMs = 20;
/** The server cannot answer now, or knows no such consumer. */
const refusedPauseMs = 1_000;
/** Another question of this durable is served first. */
const behindPauseMs = 50;

const quietMs = 30;
const quietRounds = 2;
const drainTimeoutMs = 2_000;

interface Question {
  readonly replyTo: string;
  readonly askedAt: number;
  left: number;
}

/**
 * Takes a durable consumer's messages in bursts. One question asks for all there is at this moment, or for the first that comes; the
 * server answers in one go, says that this was all, and sends nothing before the next question. A message alone is handed over at once;
 * when many come, a burst costs the server, the network and this process one wake-up where a standing pull costs one a message.
 */
export const pullInBursts = ({ bus, durable, maxBurst, pauseMs, logger }: BurstOptions): Bursts => {
  const { stream } = consumers[durable];
  const inbox = createInbox();
  const waker = createWaker();
  let arrived: Delivery[] = [];
  let firstAt = 0;
  let received = 0;
  let question: Question | undefined;
  let questions = 0;
  let askAt = 0;
  let closing = false;

  const ask = (): void => {
    questions += 1;
    question = { replyTo: `${inbox}.${questions}`, askedAt: performance.now(), left: maxBurst };
    // "no_wait" with "expires": wait for the first message, then give what is there and end. Servers know it since 2.7.
    const wanted = JSON.stringify({ batch: maxBurst, no_wait: true, expires: nanos(expiresMs) });
    bus.connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`, wanted, { reply: question.replyTo });
  };
  const end = (pause: number): void => {
    question = undefined;
    askAt = performance.now() + pause;
    waker.wake();
  };
  const take = (message: Msg): void => {
    received += 1;
    if (arrived.push(deliveryOf(message)) === 1) {
      firstAt = performance.now();
      waker.wake();
    }
    if (question === undefined) return;
    question.left -= 1;
    // There may be more: no pause.
    if (question.left === 0) end(0);
  };
  const hear = (status: Msg): void => {
    if (question === undefined || status.subject !== question.replyTo) return;
    const { code = 0, description = '' } = status.headers ?? {};
    const asked = question;
    if (code !== 404 && code !== 408) {
      logger.warn({ durable, code, description }, 'the stream refuses to deliver; asked again');
      end(refusedPauseMs);
    } else if (asked.left < maxBurst) end(Math.max(0, firstAt + pauseMs - performance.now()));
    else end(performance.now() - asked.askedAt < expiresMs / 2 ? behindPauseMs : 0);
  };
  const subscription = bus.connection.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      if (error !== null) logger.error({ err: error, durable }, 'the answers of the stream cannot be read');
      else if (message.subject.startsWith(inbox)) hear(message);
      else take(message);
    },
  });
  // The server has forgotten the question together with the connection.
  const forget = bus.onReconnect(() => end(0));

  const quiet = async (): Promise<void> => {
    let rounds = 0;
    for (const deadline = performance.now() + drainTimeoutMs; rounds < quietRounds && performance.now() < deadline;) {
      const before = received;
      await new Promise((resolve) => setTimeout(resolve, quietMs));
      // A round trip: whatever the server had sent by now has been read, however busy this process is.
      await within(
        bus.connection.flush().catch(() => {}),
        drainTimeoutMs,
      );
      rounds = received === before ? rounds + 1 : 0;
    }
  };

  return {
    next: async () => {
      while (!closing) {
        const now = performance.now();
        const gathered = question === undefined || now >= firstAt + gatherMs;
        if (arrived.length > 0 && gathered) {
          const taken = arrived;
          arrived = [];
          return taken;
        }
        if (question !== undefined && now >= question.askedAt + lostMs) question = undefined;
        if (question === undefined && now >= askAt) ask();
        const until = arrived.length > 0 ? firstAt + gatherMs : question === undefined ? askAt : question.askedAt + lostMs;
        await waker.wait(Math.max(1, until - now));
      }
      return [];
    },
    close: async () => {
      closing = true;
      waker.wake();
      forget();
      // Unsubscribed while the server is just sending, a message would be seen by nobody before its ack wait is over.
      if (question !== undefined) await quiet();
      await within(
        subscription.drain().catch(() => {}),
        drainTimeoutMs,
      );
      return arrived.splice(0);
    },
  };
};
