import type { RouteTrace } from './routing/trace.ts';
import type { State } from './state.ts';

/** Why a verification failed or ended, as customers read it. */
export const reasons = [
  'no_numbers',
  'not_offered',
  'insufficient_credit',
  'billing_refused',
  'billing_unavailable',
  'provider_unavailable',
  'provider_unconfirmed',
  'cancelled_by_customer',
  'cancelled_by_provider',
  'no_code_in_time',
] as const;
export type Reason = (typeof reasons)[number];

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
}

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
  | { readonly kind: 'codeReceived'; readonly verification: Verification; readonly latencyMs: number }
  | { readonly kind: 'completed' | 'cancelled' | 'expired' | 'failed'; readonly verification: Verification };
