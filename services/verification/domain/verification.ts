import type { RouteTrace } from './routing/trace.ts';
import type { State } from './state.ts';

/** Why a verification failed or ended, as customers read it. */
const reasons = [
  'no_numbers',
  'not_offered',
  'insufficient_credit',
  'billing_refused',
  'billing_unavailable',
  'provider_unavailable',
  'provider_unconfirmed',
  'cancelled_by_customer',
  'cancelled_by_provider',
  'reported_by_customer',
  'no_code_in_time',
] as const;
export type Reason = (typeof reasons)[number];

/** Why a customer reports a number. */
export const reportReasons = ['number_already_used', 'number_blocked', 'number_invalid', 'code_not_received', 'code_rejected'] as const;
export type ReportReason = (typeof reportReasons)[number];

/** One more code that the customer waits for, on a number that has had one. */
export interface Another {
  readonly askedAt: Date;
  readonly priceMicros: bigint;
  /** Of billing, captured when the code comes; undefined: this code is free. */
  readonly holdId: string | undefined;
}

/** One number rented for one service: the aggregate. */
export interface Verification {
  readonly id: string;
  readonly tenantId: string;
  readonly idempotencyKey: string;
  readonly requestHash: string;
  readonly state: State;
  /** Rises with every change a customer can see. */
  readonly version: number;
  readonly service: string;
  readonly country: string;
  readonly capability: string;
  /** Of the network; empty: any. */
  readonly operator: string;
  /** Where the number is; empty: anywhere in the country. */
  readonly areaCode: string;
  readonly currency: string;
  readonly priceMicros: bigint;
  /** Of billing: the promise that the price is. Undefined for purchases from before there were quotes. */
  readonly quoteId: string | undefined;
  /** Of billing: the hold of a whole batch that this purchase takes its part from. Undefined: the wallet. */
  readonly fromHoldId: string | undefined;
  /** Who asked for it: user:<id> or key:<id>; empty: nobody in particular. */
  readonly actor: string;
  /** Who is asked for the number, or has given it. Written before it is asked. */
  readonly provider: string;
  /** Why this one, and who was asked before. Undefined for purchases from before there was a choice. */
  readonly route: RouteTrace | undefined;
  readonly activationId: string | undefined;
  readonly providerCostMicros: bigint | undefined;
  /** E.164. */
  readonly phoneNumber: string | undefined;
  readonly holdId: string | undefined;
  /** The newest code, sealed. */
  readonly sealedCode: Uint8Array | undefined;
  readonly reason: Reason | undefined;
  /** While a report of abuse is looked into, and after it was upheld: nothing is shown, nothing more is received. */
  readonly frozenAt?: Date | undefined;
  readonly createdAt: Date;
  /** Until then the process that serves the purchase may still ask the provider; recovery starts later. */
  readonly purchaseDeadline: Date;
  readonly expiresAt: Date | undefined;
  readonly receivedAt: Date | undefined;
  readonly endedAt: Date | undefined;
  /** When the scheduler looks next; undefined: never. */
  readonly dueAt: Date | undefined;
  /** How often the scheduler has looked since the last change of state. */
  readonly attempts: number;
  /** The purchase that this one replaces. */
  readonly retryOf: string | undefined;
  /** Before that the provider takes the number back from nobody; undefined: at any time. */
  readonly cancellableAt: Date | undefined;
  readonly reportReason: ReportReason | undefined;
  /** Messages that the customer can see. */
  readonly codes: number;
  readonly another: Another | undefined;
}

/** Does the customer see a code that came after the money went back? Of all that end without being paid only those have one. */
export const isLate = ({ state, codes }: Pick<Verification, 'state' | 'codes'>): boolean =>
  codes > 0 && (state === 'cancelled' || state === 'expired');

export interface Message {
  readonly id: string;
  readonly sender: string;
  readonly text: string;
  readonly code: string;
  /** Where a call can be heard; its transcription is the text. */
  readonly audioUrl?: string | undefined;
  readonly receivedAt: Date;
}

/** Facts for other services. Each is published in the statement that makes it true. */
export type DomainEvent =
  | { readonly kind: 'purchased'; readonly verification: Verification }
  | {
      readonly kind: 'codeReceived';
      readonly verification: Verification;
      readonly latencyMs: number;
      /** What this code costs, and from which hold; undefined: nothing. */
      readonly charge: { readonly holdId: string; readonly priceMicros: bigint } | undefined;
    }
  /** A code that came after the end is shown. */
  | {
      readonly kind: 'lateCodeReceived';
      readonly verification: Verification;
      readonly lateByMs: number;
      /** What it costs anew; undefined: nothing. */
      readonly charge: { readonly holdId: string; readonly priceMicros: bigint } | undefined;
    }
  /** No further code came. `holdId`: what was reserved for it, to be given back. */
  | { readonly kind: 'anotherEnded'; readonly verification: Verification; readonly holdId: string | undefined }
  | { readonly kind: 'completed' | 'cancelled' | 'expired' | 'failed'; readonly verification: Verification };
