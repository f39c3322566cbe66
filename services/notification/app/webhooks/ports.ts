import type { DisabledReason, Endpoint } from '../../domain/webhooks/endpoint.ts';
import type { Attempt, SendResult, Unanswered, WebhookDelivery, WebhookStatus } from '../../domain/webhooks/delivery.ts';
import type { NumberDetails, PublicEvent, Subject } from '../../domain/webhooks/event-types.ts';

/** A secret as it lies in the database. */
export type Sealed = Uint8Array;

/** What only the receiver may read, as it lies in the database. The context says where: a ciphertext opens nowhere else. */
export interface Bodies {
  seal(delivery: { readonly tenantId: string; readonly endpointId: string }, body: string): Sealed;
  open(delivery: { readonly tenantId: string; readonly endpointId: string }, sealed: Sealed): string;
}

/** Numbers, texts and codes, from the service that has them. */
export interface Details {
  /** @returns undefined when there is none any more; @throws when it cannot be found out now */
  of(tenantId: string, subject: Subject): Promise<NumberDetails | undefined>;
}

export interface Secrets {
  /** A new secret, `whsec_…`, and what is stored of it. */
  create(endpoint: { readonly tenantId: string; readonly id: string }): Sealed;
  open(endpoint: { readonly tenantId: string; readonly id: string }, sealed: Sealed): string;
}

export interface NewEndpoint {
  readonly id: string;
  readonly tenantId: string;
  readonly url: string;
  readonly description: string;
  readonly eventTypes: readonly string[];
  readonly secret: Sealed;
  readonly at: Date;
}
export interface EndpointChange {
  readonly url?: string | undefined;
  readonly description?: string | undefined;
  readonly eventTypes?: readonly string[] | undefined;
  readonly enabled?: boolean | undefined;
}
export interface WithSecret {
  readonly endpoint: Endpoint;
  readonly secret: Sealed;
}
export interface Idempotency {
  readonly key: string;
  readonly request: unknown;
}

export interface Endpoints {
  /** @throws webhook.limit_reached beyond `limit`, request.idempotency_conflict */
  create(endpoint: NewEndpoint, limit: number, once: Idempotency): Promise<WithSecret>;
  find(tenantId: string, id: string): Promise<Endpoint | undefined>;
  list(tenantId: string): Promise<readonly Endpoint[]>;
  /** @throws webhook.limit_reached when it enables one beyond `limit` */
  update(tenantId: string, id: string, change: EndpointChange, limit: number, at: Date): Promise<Endpoint | undefined>;
  remove(tenantId: string, id: string, at: Date): Promise<boolean>;
  /** @throws webhook.rotation_in_progress while an overlap runs and `overlapUntil` is in the future */
  rotate(
    tenantId: string,
    id: string,
    rotation: { readonly secret: Sealed; readonly overlapUntil: Date; readonly at: Date },
    once: Idempotency,
  ): Promise<WithSecret | undefined>;
}

export interface NewWebhookDelivery {
  readonly id: string;
  readonly endpointId: string;
  readonly event: PublicEvent;
  readonly body: Sealed;
  /** false: without its details still. */
  readonly complete: boolean;
}
/** Of one consumer's transaction. */
export interface FanOut {
  /**
   * Endpoints of these tenants that are on, or were switched off by their failures after `since`: what happens meanwhile is kept for
   * their replay.
   */
  subscribers(
    tenantIds: readonly string[],
    since: Date,
  ): Promise<readonly { id: string; tenantId: string; eventTypes: readonly string[] }[]>;
  /** What is there already for (event, endpoint) stays. */
  add(deliveries: readonly NewWebhookDelivery[], at: Date): Promise<void>;
  /** Switches off the newest beyond the limit; switches on again what only a smaller plan had switched off, the oldest first. */
  fit(tenantId: string, limit: number, at: Date): Promise<void>;
}

export interface DeliveryFilter {
  readonly status: WebhookStatus | undefined;
  readonly eventType: string | undefined;
  readonly from: Date | undefined;
  readonly to: Date | undefined;
  readonly limit: number;
  readonly cursor: string;
}
export interface Range {
  readonly from: Date;
  readonly to: Date;
  readonly eventTypes: readonly string[];
  readonly status: 'delivered' | 'failed' | undefined;
}

/** A delivery that this worker holds until the lease ends. */
export interface Claimed extends WebhookDelivery {
  readonly complete: boolean;
  /** In the round that runs. */
  readonly tries: number;
  readonly url: string;
  /** Newest first. */
  readonly secrets: readonly Sealed[];
  readonly failingSince: Date | undefined;
}
export interface Ending {
  readonly status: WebhookStatus;
  readonly nextAttemptAt: Date | undefined;
  readonly at: Date;
  readonly attempt: Attempt;
  /** The endpoint is switched off with it, and its owner is written to. */
  readonly disable: Exclude<DisabledReason, '' | 'user' | 'plan'> | undefined;
}

export interface Places {
  readonly free: number;
  /** Of these at most so many for endpoints that fail: their time-outs must not fill the house. */
  readonly forFailing: number;
}

export interface WebhookDeliveries {
  /** One more delivery for this endpoint, outside of any event. */
  addTest(delivery: NewWebhookDelivery, at: Date, once: Idempotency): Promise<WebhookDelivery>;
  /** Tenants and endpoints in turn, at most a few of each at once; none is held by two workers. */
  claim(now: Date, leaseUntil: Date, places: Places): Promise<readonly Claimed[]>;
  /** Keeps the body with its details. @returns false when the claim does not stand any more */
  complete(claimed: Claimed, body: Sealed): Promise<boolean>;
  /** Nothing was sent: due again later, and the try does not count. */
  postpone(claimed: Claimed, until: Date): Promise<void>;
  /** Counts only while the claim stands. @returns whether this switched the endpoint off */
  end(claimed: Claimed, ending: Ending): Promise<boolean>;
  list(
    tenantId: string,
    endpointId: string,
    filter: DeliveryFilter,
  ): Promise<{ deliveries: readonly WebhookDelivery[]; nextCursor: string }>;
  find(tenantId: string, endpointId: string, id: string): Promise<WebhookDelivery | undefined>;
  attempts(tenantId: string, id: string): Promise<readonly Attempt[]>;
  /** @returns it as it is now */
  retry(tenantId: string, endpointId: string, id: string, at: Date): Promise<WebhookDelivery | undefined>;
  /** @throws request.invalid when there are more than `most` */
  replay(tenantId: string, endpointId: string, range: Range, at: Date, most: number): Promise<number>;
  /** What nobody will send any more, or ended before `before`, in portions. @returns how many rows were touched */
  sweep(before: Date, now: Date): Promise<number>;
  /** For the gauge: seconds the oldest due delivery waits. */
  oldestDueSeconds(now: Date): Promise<number>;
}

export interface WebhookMessage {
  readonly url: string;
  /** TypeID; the same in every attempt. */
  readonly id: string;
  readonly at: Date;
  readonly body: string;
  /** `whsec_…`, newest first: each signs. */
  readonly secrets: readonly string[];
}
export interface WebhookSender {
  /** Never throws: whatever goes wrong is an outcome. */
  send(message: WebhookMessage): Promise<SendResult>;
}

export interface WebhookObserver {
  attempted(outcome: 'delivered' | 'gone' | 'status' | Unanswered, seconds: number): void;
  /** Its details could not be had. */
  postponed(error: unknown): void;
  ended(status: 'delivered' | 'failed'): void;
  disabled(reason: DisabledReason, endpointId: string): void;
}
