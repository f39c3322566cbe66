import type { OutgoingFields, Session } from 'smpp';
import type { Carrier, Delivery, World } from '../../app/ports.ts';
import { encodeDelivery } from './encode-delivery.ts';

export type BindMode = 'transmitter' | 'receiver' | 'transceiver';

export interface Link {
  readonly name: string;
  readonly session: Session;
  mode: BindMode | undefined;
  lastHeardMs: number;
  /** Of an enquire_link that nothing has followed yet. */
  askedAtMs: number | undefined;
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

export interface Deliveries extends Carrier {
  /** The open connections by name, kept by the server. */
  readonly links: Map<string, Link>;
  boundLinks(): { link: string; mode: BindMode; unanswered: number }[];
  /** A receiver has been bound: what waited goes out. */
  flush(): void;
  waiting(): number;
  clear(): void;
}

const maxQueued = 200_000;

/** What waits for a receiver, and what was sent and has no deliver_sm_resp yet. */
export const createDeliveries = (world: World): Deliveries => {
  const links = new Map<string, Link>();
  let waiting: Owed[] = [];
  let generation = 0;
  let turn = 0;
  let reference = 0;

  const receivers = (): Link[] =>
    [...links.values()].filter(({ mode, session }) => mode !== undefined && mode !== 'transmitter' && session.socket.writable);

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
      if (response.command_status !== 0 && owed.attempts < settings.redeliverAttempts) {
        world.agenda.at(world.clock.now().getTime() + settings.redeliverAfterMs, () => owe(owed));
      }
    });
  };

  return {
    links,
    deliver: (delivery: Delivery, link: string | undefined): void => {
      world.counters[delivery.kind === 'receipt' ? 'receipts' : 'inbound'] += 1;
      for (const fields of encodeDelivery(delivery, world.settings.smpp, (reference += 1))) {
        owe({ fields, preferred: link, attempts: 0, generation });
      }
    },
    flush: (): void => {
      const before = waiting;
      waiting = [];
      for (const owed of before) owe(owed);
    },
    waiting: () => waiting.length,
    boundLinks: () =>
      [...links.values()].flatMap(({ name, mode, unanswered }) =>
        mode === undefined ? [] : [{ link: name, mode, unanswered: unanswered.size }],
      ),
    clear: (): void => {
      waiting = [];
      generation += 1;
      for (const link of links.values()) link.unanswered.clear();
    },
  };
};
