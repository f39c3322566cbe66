import type { Clock } from '#platform/time/index.ts';
import type { Batch, BatchItem, Progress } from '../../domain/bulk/batch.ts';
import type { ErrorCode } from '#platform/errors/index.ts';
import type { Verification } from '../../domain/verification.ts';
import type { HoldOutcome, Ports } from '../ports.ts';

export interface BulkTiming {
  /** From the request to the last purchase. */
  readonly buyMs: number;
  /** How long a request may take to reserve; recovery starts later. */
  readonly reserveMs: number;
  /** First repetition of what had no answer; doubles up to `retryMaxMs`. */
  readonly retryMs: number;
  readonly retryMaxMs: number;
  /** Between two looks at a batch whose numbers wait for codes. Only a safety net: an end that is noticed calls for a look at once. */
  readonly lookMs: number;
}

export interface ItemRow {
  readonly item: BatchItem;
  readonly verification: Verification | undefined;
}

export type ItemOutcome =
  | { readonly state: 'bought'; readonly verificationId: string }
  | { readonly state: 'failed'; readonly reason: ErrorCode }
  | { readonly state: 'cancelled' };

export interface BatchStore {
  /** @returns the batch that already has this tenant's idempotency key, if there is one: then nothing is written */
  create(batch: Batch, items: readonly BatchItem[]): Promise<Batch | undefined>;
  find(tenantId: string, id: string): Promise<Batch | undefined>;
  findByKey(tenantId: string, idempotencyKey: string): Promise<Batch | undefined>;
  /** Newest first, from the id `before` on. */
  list(tenantId: string, before: string | undefined, limit: number): Promise<readonly { batch: Batch; progress: Progress }[]>;
  progress(batch: Batch): Promise<Progress>;
  /** In their order, after that position. */
  items(batch: Batch, after: number, limit: number): Promise<readonly ItemRow[]>;
  /** Compare-and-set on (state, version) of `from`. With `completed`, the event that tells it. */
  save(from: Batch, to: Batch, completed?: Progress): Promise<boolean>;
  /** Notes the wish, once, and takes back what nobody is buying at this moment. Only while the batch is buying or waiting. */
  askCancel(batch: Batch, now: Date): Promise<boolean>;
  /** Takes back what nobody is buying any more. */
  dropPending(batch: Batch, now: Date): Promise<void>;
  /** Ids of verifications of this batch that still wait. */
  waiting(batch: Batch): Promise<readonly string[]>;

  /** Leases items that are to be bought: tenants take turns, counting what each has under way. */
  claimItems(now: Date, until: Date, limit: number): Promise<readonly { item: BatchItem; batch: Batch }[]>;
  settleItem(item: BatchItem, outcome: ItemOutcome): Promise<void>;
  retryItem(item: BatchItem, at: Date): Promise<void>;

  /** Leases batches that are due. */
  claimDue(now: Date, until: Date, limit: number): Promise<readonly Batch[]>;
  reschedule(batch: Batch, dueAt: Date): Promise<void>;
  /** The numbers of these holds have something new to say: look at their batches now. */
  callFor(holdIds: readonly string[], now: Date): Promise<void>;
}

/** The money of a whole batch. Idempotent by batch. */
export interface BatchLedger {
  reserve(batch: Batch, items: number, deadline: Date): Promise<HoldOutcome>;
  /** Gives back what no item has taken. unknown: ask again. */
  release(batch: Batch, holdId: string): Promise<'done' | 'unknown'>;
}

/** What operators want to know. */
export interface BulkObserver {
  ended(batch: Batch): void;
  failedStep(batchId: string, error: unknown): void;
}

export interface BulkPorts {
  readonly batches: BatchStore;
  readonly money: BatchLedger;
  readonly observer: BulkObserver;
  readonly timing: BulkTiming;
  readonly clock: Clock;
  /** Those of single purchases. */
  readonly purchases: Ports;
}
