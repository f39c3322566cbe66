import type { Clock } from '#platform/time/index.ts';
import type { Agenda } from '../domain/agenda.ts';
import type { Randomness } from '../domain/random.ts';
import type { Payment } from '../domain/payment.ts';
import type { MessageState, Settings } from '../domain/settings.ts';

/** What every use case of the simulated world stands on. */
export interface World {
  readonly clock: Clock;
  readonly agenda: Agenda;
  readonly random: Randomness;
  /** Live: a PATCH changes what the next request meets. */
  readonly settings: Settings;
  readonly counters: Counters;
}

/** How one payment protocol tells of a payment. */
export interface WebhookDialect {
  /** @returns undefined when the protocol does not tell of such a thing. `declined`: a first card, before another one paid */
  event(payment: Payment, what: 'succeeded' | 'failed' | 'declined' | 'refunded' | 'disputed' | 'dispute_decided'): string | undefined;
  /** @param key `wrong`: as somebody would sign who does not know the key */
  headers(body: string, nowMs: number, key: 'true' | 'wrong'): Record<string, string>;
}

/** A POST that is repeated with back-off until it is answered 2xx. */
export interface OutgoingRequest {
  readonly kind: 'push' | 'webhook';
  readonly url: string;
  readonly body: string;
  /** Made anew for each attempt, so that a signature carries the time of its attempt. */
  headers?(nowMs: number): Record<string, string>;
  /** One attempt only. */
  readonly once?: boolean;
}

export interface Outgoing {
  send(request: OutgoingRequest): void;
}

/** HMAC-SHA256 in hex. */
export type Sign = (secret: string, data: string) => string;

/** A deliver_sm on its way to the client. */
export type Delivery =
  | {
      readonly kind: 'receipt';
      readonly from: string;
      readonly to: string;
      readonly text: string;
      readonly messageId: string;
      readonly state: MessageState;
    }
  | { readonly kind: 'inbound'; readonly from: string; readonly to: string; readonly text: string };

export interface Carrier {
  /** Kept until a receiver is bound, repeated until it is answered. @param link the connection to prefer */
  deliver(delivery: Delivery, link: string | undefined): void;
}

const counterNames = [
  'purchases',
  'purchasesRefused',
  'codes',
  'pushes',
  'pushesFailed',
  'webhooks',
  'webhooksFailed',
  'submissions',
  'submissionsRefused',
  'receipts',
  'inbound',
  'redeliveries',
  'payments',
  'mails',
] as const;
export type Counters = Record<(typeof counterNames)[number], number>;

export const newCounters = (): Counters => ({
  purchases: 0,
  purchasesRefused: 0,
  codes: 0,
  pushes: 0,
  pushesFailed: 0,
  webhooks: 0,
  webhooksFailed: 0,
  submissions: 0,
  submissionsRefused: 0,
  receipts: 0,
  inbound: 0,
  redeliveries: 0,
  payments: 0,
  mails: 0,
});
