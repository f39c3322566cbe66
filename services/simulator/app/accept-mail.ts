import { boundedMap, type BoundedMap } from '../domain/bounded-map.ts';
import type { World } from './ports.ts';

const capacity = 20_000;

export interface Mail {
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string | undefined;
  readonly receivedAtMs: number;
}

export interface Mailbox {
  readonly mails: BoundedMap<string, Mail>;
  /** The same key: the mail that is there already. */
  accept(mail: Omit<Mail, 'id' | 'receivedAtMs'>, idempotencyKey: string): Mail;
  clear(): void;
}

export const createMailbox = (world: World): Mailbox => {
  const mails = boundedMap<string, Mail>(capacity);
  const keys = boundedMap<string, Mail>(capacity);
  let last = world.clock.now().getTime() * 10;
  return {
    mails,
    accept: (mail, idempotencyKey) => {
      const repeated = keys.get(idempotencyKey);
      if (repeated !== undefined) return repeated;
      const accepted: Mail = { ...mail, id: `mail_${(last += 1).toString(36)}`, receivedAtMs: world.clock.now().getTime() };
      mails.set(accepted.id, accepted);
      keys.set(idempotencyKey, accepted);
      world.counters.mails += 1;
      return accepted;
    },
    clear: () => {
      mails.clear();
      keys.clear();
    },
  };
};
