import { createHash, timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import smpp, { type PDU } from 'smpp';
import type { AcceptSubmission, Verdict } from '../../app/accept-submission.ts';
import type { World } from '../../app/ports.ts';
import { decodeSubmission } from './decode-submission.ts';
import type { BindMode, Deliveries, Link } from './deliveries.ts';

export interface Smsc {
  readonly port: number;
  /** After the agenda was cleared: connections stay, their watches start anew. */
  clear(): void;
  close(): Promise<void>;
}

export interface SmscOptions {
  readonly host: string;
  readonly port: number;
  readonly systemId: string;
  readonly password: string;
}

const status = {
  ok: 0,
  invalidBind: 0x04,
  alreadyBound: 0x05,
  bindFailed: 0x0d,
  wrongPassword: 0x0e,
  wrongSystemId: 0x0f,
  throttled: 0x58,
} as const;

/** How often a connection is looked at. */
const watchMs = 250;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const same = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b));

const modes: Readonly<Record<string, BindMode>> = {
  bind_transmitter: 'transmitter',
  bind_receiver: 'receiver',
  bind_transceiver: 'transceiver',
};

/**
 * An SMSC that speaks SMPP 3.4. A PDU that cannot be read costs its connection, never the process.
 */
export const startSmsc = async (
  world: World,
  options: SmscOptions,
  dependencies: { acceptSubmission: AcceptSubmission; deliveries: Deliveries },
): Promise<Smsc> => {
  const { acceptSubmission, deliveries } = dependencies;
  const { links } = deliveries;
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
      link.session.send(
        pdu.response({ command_status: verdict.status, ...(verdict.messageId === undefined ? {} : { message_id: verdict.messageId }) }),
      );
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
    const verdict = acceptSubmission(decodeSubmission(pdu, link.name));
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
    link.askedAtMs = undefined;
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

  /** Cuts idle peers, asks quiet ones and drops those that do not answer. */
  const watch = (link: Link): void => {
    const nowMs = world.clock.now().getTime();
    const { idleTimeoutMs, enquireLinkMs, outage } = world.settings.smpp;
    const quietMs = nowMs - link.lastHeardMs;
    if (outage === 'closed' || (idleTimeoutMs > 0 && quietMs >= idleTimeoutMs)) {
      link.session.destroy();
      return;
    }
    if (enquireLinkMs > 0 && link.mode !== undefined && quietMs >= enquireLinkMs) {
      if (link.askedAtMs === undefined) {
        link.askedAtMs = nowMs;
        link.session.enquire_link();
      } else if (nowMs - link.askedAtMs >= enquireLinkMs) {
        link.session.destroy();
        return;
      }
    }
    if (links.has(link.name)) world.agenda.at(nowMs + watchMs, () => watch(link));
  };

  const server = smpp.createServer((session) => {
    const link: Link = {
      name: `link-${(connections += 1)}`,
      session,
      mode: undefined,
      lastHeardMs: world.clock.now().getTime(),
      askedAtMs: undefined,
      window: 0,
      unanswered: new Set(),
    };
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
    clear: () => {
      for (const link of links.values()) watch(link);
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const { session } of links.values()) session.destroy();
      await closed;
    },
  };
};
