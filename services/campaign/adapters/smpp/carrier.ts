import type { PDU } from 'smpp';
import type { Carrier, CarrierListener, OutboundMessage } from '../../app/ports.ts';
import { classifyStatus, type SubmitOutcome } from '../../domain/outcome.ts';
import type { Logger } from '#platform/logging/index.ts';
import { openLink, type Link } from './link.ts';
import { readDelivery, submitFields } from './pdu.ts';

export interface SmppOptions {
  readonly host: string;
  readonly port: number;
  readonly systemId: string;
  readonly password: string;
  /** Requests without an answer at one time; 10 unless the carrier agreed to more. */
  readonly window: number;
  readonly responseTimeoutMs?: number;
  readonly enquireLinkMs?: number;
  readonly reconnectMinMs?: number;
  readonly reconnectMaxMs?: number;
  readonly throttleMinMs?: number;
  readonly throttleMaxMs?: number;
  readonly logger: Logger;
  readonly listener: CarrierListener;
}

export interface SmppCarrier extends Carrier {
  close(): Promise<void>;
}

const okStatus = 0;
/** ESME_RX_T_APPN: "not now, deliver it again". */
const tryLaterStatus = 0x64;
/** ESME_RSUBMITFAIL, for an answer that makes no sense. */
const submitFailed = 0x45;
/** Further parts of a message that has begun are tried this often while the carrier asks to slow down. */
const maxPartTries = 10;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Slots for outstanding requests. Waiters are let go when the connection is lost. */
const createWindow = (size: number) => {
  let free = size;
  let waiters: ((granted: boolean) => void)[] = [];
  return {
    enter: (): Promise<boolean> => {
      if (free > 0) {
        free -= 1;
        return Promise.resolve(true);
      }
      return new Promise((resolve) => waiters.push(resolve));
    },
    leave: (): void => {
      const next = waiters.shift();
      if (next) next(true);
      else free += 1;
    },
    dismiss: (): void => {
      const dismissed = waiters;
      waiters = [];
      for (const waiter of dismissed) waiter(false);
    },
  };
};

/** Slows down when told to: the pause doubles with every refusal and is forgotten after an acceptance. */
const createThrottle = (minMs: number, maxMs: number) => {
  let pausedUntilMs = 0;
  let pauseMs = minMs;
  return {
    waitMs: (): number => Math.max(0, pausedUntilMs - performance.now()),
    refused: (): void => {
      // Requests that were under way together are refused together: that is one refusal.
      if (pausedUntilMs > performance.now()) return;
      pausedUntilMs = performance.now() + pauseMs * (0.75 + Math.random() * 0.5);
      pauseMs = Math.min(maxMs, pauseMs * 2);
    },
    accepted: (): void => {
      pauseMs = minMs;
    },
  };
};

const readAnswer = (pdu: PDU): { messageId: string } | { status: number } => {
  if (pdu.command_status !== okStatus) return { status: pdu.command_status };
  return pdu.command === 'submit_sm_resp' ? { messageId: pdu.message_id ?? '' } : { status: submitFailed };
};

/** A carrier over SMPP 3.4: windowed submits, receipts and inbound messages. */
export const smppCarrier = (options: SmppOptions): SmppCarrier => {
  const { listener, logger } = options;
  const window = createWindow(options.window);
  const throttle = createThrottle(options.throttleMinMs ?? 100, options.throttleMaxMs ?? 5_000);
  let closing = false;

  const store = async (pdu: PDU): Promise<number> => {
    try {
      const delivered = readDelivery(pdu);
      if (delivered.kind === 'receipt') await listener.receipt(delivered.receipt);
      else if (delivered.kind === 'inbound') await listener.inbound(delivered.message);
      else logger.warn({ esmClass: pdu.esm_class }, 'a deliver_sm that cannot be read');
      return okStatus;
    } catch (error) {
      logger.error({ err: error }, 'a deliver_sm could not be stored; the carrier is asked to repeat it');
      return tryLaterStatus;
    }
  };

  const link: Link = openLink({
    host: options.host,
    port: options.port,
    systemId: options.systemId,
    password: options.password,
    responseTimeoutMs: options.responseTimeoutMs ?? 10_000,
    enquireLinkMs: options.enquireLinkMs ?? 30_000,
    reconnectMinMs: options.reconnectMinMs ?? 200,
    reconnectMaxMs: options.reconnectMaxMs ?? 30_000,
    logger,
    onDeliver: store,
    onChange: (bound) => {
      if (!bound) window.dismiss();
    },
  });

  /** One part, once. */
  const submitPart = async (message: OutboundMessage, part: number, taken: readonly string[]): Promise<SubmitOutcome> => {
    if (!(await window.enter())) return { kind: 'not-sent' };
    try {
      for (let waitMs = throttle.waitMs(); waitMs > 0; waitMs = throttle.waitMs()) await sleep(waitMs);
      const last = part === message.segmentation.parts.length - 1;
      const answer = await link.submit(submitFields(message, part), (pdu) => {
        const late = readAnswer(pdu);
        if ('status' in late) listener.lateAnswer(message, { kind: 'rejected', status: late.status, messageIds: taken });
        // The parts after this one were never sent: a message with a hole is no message.
        else if (!last) listener.lateAnswer(message, { kind: 'rejected', status: submitFailed, messageIds: [...taken, late.messageId] });
        else listener.lateAnswer(message, { kind: 'accepted', messageIds: [...taken, late.messageId] });
      });
      if (answer.kind === 'not-sent') return { kind: 'not-sent' };
      if (answer.kind === 'lost') return { kind: 'unknown', messageIds: taken };
      const read = readAnswer(answer.pdu);
      if ('messageId' in read) {
        throttle.accepted();
        return { kind: 'accepted', messageIds: [...taken, read.messageId] };
      }
      if (classifyStatus(read.status).class === 'throttled') throttle.refused();
      return { kind: 'rejected', status: read.status, messageIds: taken };
    } catch (error) {
      // Nothing was written: the library could not make the PDU of it, and never will.
      logger.error({ err: error }, 'a message that cannot be encoded');
      return { kind: 'rejected', status: submitFailed, messageIds: taken };
    } finally {
      window.leave();
    }
  };

  /** A clear "not now" to a later part is tried again here: the message has begun and cannot start over. */
  const submitFurtherPart = async (message: OutboundMessage, part: number, taken: readonly string[]): Promise<SubmitOutcome> => {
    for (let count = 1; ; count += 1) {
      const outcome = await submitPart(message, part, taken);
      const mayRepeat =
        outcome.kind === 'not-sent' || (outcome.kind === 'rejected' && classifyStatus(outcome.status).class !== 'permanent');
      if (!mayRepeat) return outcome;
      if (count === maxPartTries || closing) return { kind: 'rejected', status: submitFailed, messageIds: taken };
      await sleep(Math.min(2_000, 50 * 2 ** count));
    }
  };

  return {
    isReady: () => !closing && link.isBound() && throttle.waitMs() === 0,
    submit: async (message) => {
      let outcome: SubmitOutcome = await submitPart(message, 0, []);
      for (let part = 1; outcome.kind === 'accepted' && part < message.segmentation.parts.length; part += 1) {
        outcome = await submitFurtherPart(message, part, outcome.messageIds);
      }
      return outcome;
    },
    close: async () => {
      closing = true;
      await link.close();
    },
  };
};
