import { createHash, timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import smpp, { type OutgoingFields, type PDU, type Session } from 'smpp';
import type { AcceptSubmission, Verdict } from '../../app/accept-submission.ts';
import type { Carrier, Delivery, World } from '../../app/ports.ts';
import { decodeSubmission } from './decode-submission.ts';
import { encodeDelivery } from './encode-delivery.ts';

export interface Smsc extends Carrier {
  readonly port: number;
  boundLinks(): { link: string; mode: BindMode; unanswered: number }[];
  queued(): number;
  /** Forgets what is owed. Connections stay; their watches start anew, as the agenda has been cleared. */
  clear(): void;
  close(): Promise<void>;
}

type BindMode = 'transmitter' | 'receiver' | 'transceiver';

interface Link {
  readonly name: string;
  readonly session: Session;
  mode: BindMode | undefined;
  lastHeardMs: number;
  /** Submits that have no answer yet: only those whose answer is delayed. */
  window: number;
  /** What to do with each unanswered deliver_sm when its time is up or the connection is lost. */
  readonly unanswered: Set<() => void>;
}

/** One deliver_sm that is owed. */
interface Owed {
  readonly fields: OutgoingFields;
  readonly preferred: string | undefined;
  attempts: number;
  readonly generation: number;
}

export interface SmscOptions {
  readonly host: string;
  readonly port: number;
  readonly systemId: string;
  readonly password: string;
}

const status = { ok: 0, alreadyBound: 0x05, invalidBind: 0x04, bindFailed: 0x0d, wrongPassword: 0x0e, wrongSystemId: 0x0f, throttled: 0x58 } as const;
const maxQueued = 200_000;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const same = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));

/** What waits for a receiver, and what was sent and has no deliver_sm_resp yet. */
const createDeliveries = (world: World, links: ReadonlyMap<string, Link>) => {
  let waiting: Owed[] = [];
  let generation = 0;
  let turn = 0;
  let reference = 0;

  const receivers = (): Link[] => [...links.values()].filter(({ mode, session }) => mode !== undefined && mode !== 'transmitter' && session.socket.writable);

  const choose = (preferred: string | undefined): Link | undefined => {
    const own = preferred === undefined || world.settings.smpp.receiptRouting === 'any' ? undefined : links.get(preferred);
    if (own?.mode === 'transceiver' && own.session.socket.writable) return own;
    const open = receivers();
    return open[(turn += 1) % Math.max(1, open.length)];
  };

  const owe = (owed: Owed): void => {
    if (owed.generation !== generation) return;
    const link = choose(owed.preferred);
    if (link === undefined) {
      if (waiting.length < maxQueued) waiting.push(owed);
      return;
    }
    owed.attempts += 1;
    if (owed.attempts > 1) world.counters.redeliveries += 1;
    const settings = world.settings.smpp;
    const again = (): void => {
      if (!link.unanswered.delete(again)) return;
      world.agenda.cancel(timer);
      if (owed.attempts < settings.redeliverAttempts) owe(owed);
    };
    const timer = world.agenda.at(world.clock.now().getTime() + settings.redeliverAfterMs, again);
    link.unanswered.add(again);
    link.session.deliver_sm({ ...owed.fields }, (response) => {
      if (!link.unanswered.delete(again)) return;
      world.agenda.cancel(timer);
      // A refusal is "not now": the client gets it again later.
      if (response.command_status !== status.ok && owed.attempts < settings.redeliverAttempts) {
        world.agenda.at(world.clock.now().getTime() + settings.redeliverAfterMs, () => owe(owed));
      }
    });
  };

  return {
    deliver: (delivery: Delivery, link: string | undefined): void => {
      world.counters[delivery.kind === 'receipt' ? 'receipts' : 'inbound'] += 1;
      for (const fields of encodeDelivery(delivery, world.settings.smpp, (reference += 1))) {
        owe({ fields, preferred: link, attempts: 0, generation });
      }
    },
    /** A receiver has been bound. */
    flush: (): void => {
      const before = waiting;
      waiting = [];
      for (const owed of before) owe(owed);
    },
    waiting: () => waiting.length,
    clear: (): void => {
      waiting = [];
      generation += 1;
    },
  };
};

const modes: Readonly<Record<string, BindMode>> = {
  bind_transmitter: 'transmitter',
  bind_receiver: 'receiver',
  bind_transceiver: 'transceiver',
};

/**
 * An SMSC that speaks SMPP 3.4. A PDU that cannot be read costs its connection, never the process.
 * @param acceptSubmission asked for at each submit: it is wired after the carrier that this function makes
 */
export const startSmsc = async (world: World, options: SmscOptions, acceptSubmission: () => AcceptSubmission): Promise<Smsc> => {
  const links = new Map<string, Link>();
  const deliveries = createDeliveries(world, links);
  let connections = 0;

  const bind = (link: Link, pdu: PDU, mode: BindMode): void => {
    const refusal =
      world.settings.smpp.outage === 'bind_refused'
        ? status.bindFailed
        : link.mode !== undefined
          ? status.alreadyBound
          : !same(pdu.system_id ?? '', options.systemId)
            ? status.wrongSystemId
            : !same(pdu.password ?? '', options.password)
              ? status.wrongPassword
              : status.ok;
    link.session.send(pdu.response({ command_status: refusal, system_id: 'NAMASKAHSIM', sc_interface_version: 0x34 }));
    if (refusal !== status.ok) return;
    link.mode = mode;
    if (mode !== 'transmitter') deliveries.flush();
  };

  const answer = (link: Link, pdu: PDU, verdict: Verdict): void => {
    if (verdict.reply === 'disconnect') link.session.destroy();
    else if (verdict.reply === 'answer') {
      link.session.send(pdu.response({ command_status: verdict.status, ...(verdict.messageId === undefined ? {} : { message_id: verdict.messageId }) }));
    }
  };

  const submit = (link: Link, pdu: PDU): void => {
    if (link.mode === undefined || link.mode === 'receiver') {
      link.session.send(pdu.response({ command_status: status.invalidBind }));
      return;
    }
    const { maxWindow } = world.settings.smpp;
    if (maxWindow > 0 && link.window >= maxWindow) {
      link.session.send(pdu.response({ command_status: status.throttled }));
      return;
    }
    const verdict = acceptSubmission()(decodeSubmission(pdu, link.name));
    if (verdict.delayMs === 0) {
      answer(link, pdu, verdict);
      return;
    }
    link.window += 1;
    world.agenda.at(world.clock.now().getTime() + verdict.delayMs, () => {
      link.window -= 1;
      answer(link, pdu, verdict);
    });
  };

  const onPdu = (link: Link, pdu: PDU): void => {
    link.lastHeardMs = world.clock.now().getTime();
    if (world.settings.smpp.outage === 'closed') {
      link.session.destroy();
      return;
    }
    const mode = modes[pdu.command];
    if (mode !== undefined) bind(link, pdu, mode);
    else if (pdu.command === 'submit_sm') submit(link, pdu);
    else if (pdu.command === 'enquire_link') link.session.send(pdu.response());
    else if (pdu.command === 'unbind') {
      link.mode = undefined;
      link.session.send(pdu.response(), undefined, () => link.session.close());
    } else if (!pdu.isResponse()) {
      link.session.send(new smpp.PDU('generic_nack', { command_status: 0x03, sequence_number: pdu.sequence_number }));
    }
  };

  /** Cuts idle peers and asks quiet ones, once a second while the connection lives. */
  const watch = (link: Link): void => {
    const nowMs = world.clock.now().getTime();
    const { idleTimeoutMs, enquireLinkMs, outage } = world.settings.smpp;
    const quietMs = nowMs - link.lastHeardMs;
    if (outage === 'closed' || (idleTimeoutMs > 0 && quietMs >= idleTimeoutMs)) {
      link.session.destroy();
      return;
    }
    if (enquireLinkMs > 0 && link.mode !== undefined) {
      if (quietMs >= enquireLinkMs * 2) {
        link.session.destroy();
        return;
      }
      if (quietMs >= enquireLinkMs) link.session.enquire_link();
    }
    if (links.has(link.name)) world.agenda.at(nowMs + 1_000, () => watch(link));
  };

  const server = smpp.createServer((session) => {
    const link: Link = { name: `link-${(connections += 1)}`, session, mode: undefined, lastHeardMs: world.clock.now().getTime(), window: 0, unanswered: new Set() };
    if (world.settings.smpp.outage === 'closed') {
      session.on('error', () => {});
      session.destroy();
      return;
    }
    session.socket.setNoDelay(true);
    links.set(link.name, link);
    session.on('pdu', (pdu: PDU) => onPdu(link, pdu));
    session.on('error', () => session.destroy());
    session.on('close', () => {
      link.mode = undefined;
      links.delete(link.name);
      for (const again of [...link.unanswered]) again();
    });
    watch(link);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.removeListener('error', reject);
      resolve();
    });
  });

  return {
    port: (server.address() as AddressInfo).port,
    deliver: deliveries.deliver,
    boundLinks: () =>
      [...links.values()].flatMap(({ name, mode, unanswered }) => (mode === undefined ? [] : [{ link: name, mode, unanswered: unanswered.size }])),
    queued: deliveries.waiting,
    clear: () => {
      deliveries.clear();
      for (const link of links.values()) {
        link.unanswered.clear();
        watch(link);
      }
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const { session } of links.values()) session.destroy();
      await closed;
    },
  };
};
