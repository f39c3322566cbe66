import { connect, type OutgoingFields, type PDU, type Session } from 'smpp';
import type { Logger } from '#platform/logging/index.ts';

export interface LinkOptions {
  readonly host: string;
  readonly port: number;
  readonly systemId: string;
  readonly password: string;
  /** An answer later than this is unknown. */
  readonly responseTimeoutMs: number;
  readonly enquireLinkMs: number;
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  readonly logger: Logger;
  /** The status to answer a deliver_sm with. Must not reject. */
  readonly onDeliver: (pdu: PDU) => Promise<number>;
  readonly onChange: (bound: boolean) => void;
}

/** What became of one request. `lost`: it went out and its answer never came. */
export type Answer = { readonly kind: 'answer'; readonly pdu: PDU } | { readonly kind: 'lost' } | { readonly kind: 'not-sent' };

export interface Link {
  isBound(): boolean;
  /** @param onLate gets the answer if it comes after `lost` was reported for want of time */
  submit(fields: OutgoingFields, onLate: (pdu: PDU) => void): Promise<Answer>;
  /** Unbinds and stays closed. */
  close(): Promise<void>;
}

type Request = (session: Session, onAnswer: (pdu: PDU) => void) => boolean;

interface Peer {
  readonly session: Session;
  /** Ends the waiting of every outstanding request when the connection goes. */
  readonly losses: Set<() => void>;
  bound: boolean;
}

const ask = (peer: Peer, timeoutMs: number, request: Request, onLate?: (pdu: PDU) => void): Promise<Answer> =>
  new Promise((resolve, reject) => {
    let settled = false;
    const settle = (answer: Answer): void => {
      settled = true;
      clearTimeout(timer);
      peer.losses.delete(lose);
      resolve(answer);
    };
    const lose = (): void => settle({ kind: 'lost' });
    const timer = setTimeout(lose, timeoutMs);
    peer.losses.add(lose);
    try {
      // A connection that is not writable any more takes nothing.
      const written = request(peer.session, (pdu) => (settled ? onLate?.(pdu) : settle({ kind: 'answer', pdu })));
      if (!written) settle({ kind: 'not-sent' });
    } catch (error) {
      // A PDU that cannot be encoded throws before it is written.
      clearTimeout(timer);
      peer.losses.delete(lose);
      reject(error instanceof Error ? error : new Error(String(error)));
    }
  });

/**
 * One SMPP 3.4 transceiver session that keeps itself alive: binds, asks enquire_link and hangs up after one missed
 * answer, reconnects with growing, jittered pauses. The library emits errors for broken PDUs; each costs the connection,
 * never the process.
 */
export const openLink = (options: LinkOptions): Link => {
  const { logger } = options;
  let peer: Peer | undefined;
  let closed = false;
  let failures = 0;
  let reconnectTimer: NodeJS.Timeout | undefined;

  const setBound = (of: Peer, bound: boolean): void => {
    if (of.bound === bound) return;
    of.bound = bound;
    options.onChange(bound);
  };

  const scheduleReconnect = (): void => {
    if (closed) return;
    const ceiling = Math.min(options.reconnectMaxMs, options.reconnectMinMs * 2 ** Math.min(failures, 16));
    failures += 1;
    reconnectTimer = setTimeout(start, ceiling / 2 + Math.random() * (ceiling / 2));
  };

  const keepAlive = async (of: Peer): Promise<void> => {
    const answer = await ask(of, options.responseTimeoutMs, (session, onAnswer) => session.enquire_link(onAnswer));
    if (answer.kind !== 'answer' && of.bound) {
      logger.warn('the carrier does not answer enquire_link; hanging up');
      of.session.destroy();
    }
  };

  const bind = async (of: Peer): Promise<void> => {
    const fields = { system_id: options.systemId, password: options.password, interface_version: 0x34, addr_ton: 0, addr_npi: 0 };
    const answer = await ask(of, options.responseTimeoutMs, (session, onAnswer) => session.bind_transceiver(fields, onAnswer));
    if (answer.kind === 'answer' && answer.pdu.command_status === 0) {
      failures = 0;
      setBound(of, true);
      logger.info('bound to the carrier');
      return;
    }
    logger.warn({ status: answer.kind === 'answer' ? answer.pdu.command_status : answer.kind }, 'the carrier refuses the bind');
    of.session.destroy();
  };

  const deliver = async (of: Peer, pdu: PDU): Promise<void> => {
    const status = await options.onDeliver(pdu);
    of.session.send(pdu.response({ command_status: status }));
  };

  const start = (): void => {
    if (closed) return;
    const session = connect({ host: options.host, port: options.port }, () => {
      session.socket.setNoDelay(true);
      session.socket.setKeepAlive(true, 30_000);
      void bind(current);
    });
    const current: Peer = { session, losses: new Set(), bound: false };
    peer = current;
    const deadline = setTimeout(() => !current.bound && session.destroy(), options.responseTimeoutMs * 2);
    const enquiry = setInterval(() => current.bound && void keepAlive(current), options.enquireLinkMs);
    session.on('error', (error: Error) => {
      logger.warn({ reason: error.message }, 'carrier connection broken');
      session.destroy();
    });
    session.on('enquire_link', (pdu: PDU) => session.send(pdu.response()));
    session.on('unbind', (pdu: PDU) => {
      setBound(current, false);
      session.send(pdu.response(), undefined, () => session.close());
    });
    session.on('deliver_sm', (pdu: PDU) => void deliver(current, pdu));
    session.on('unknown', (pdu: PDU) => !pdu.isResponse() && session.send(pdu.response()));
    session.on('close', () => {
      clearInterval(enquiry);
      clearTimeout(deadline);
      setBound(current, false);
      for (const lose of current.losses) lose();
      scheduleReconnect();
    });
  };

  start();
  return {
    isBound: () => peer?.bound === true,
    submit: (fields, onLate) => {
      const of = peer;
      if (!of?.bound) return Promise.resolve({ kind: 'not-sent' });
      return ask(of, options.responseTimeoutMs, (session, onAnswer) => session.submit_sm(fields, onAnswer), onLate);
    },
    close: async () => {
      if (closed) return;
      closed = true;
      clearTimeout(reconnectTimer);
      const of = peer;
      if (!of || of.session.socket.destroyed) return;
      const gone = new Promise<void>((resolve) => of.session.once('close', () => resolve()));
      if (of.bound) await ask(of, Math.min(2_000, options.responseTimeoutMs), (session, onAnswer) => session.unbind(onAnswer));
      of.session.destroy();
      await gone;
    },
  };
};
