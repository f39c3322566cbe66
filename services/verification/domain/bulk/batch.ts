import type { ErrorCode } from '#platform/errors/index.ts';
import { isPaid, type PublicStatus, publicStatus, type State } from '../state.ts';

/**
 * Many purchases with one reservation.
 * reserving → buying → waiting → completed; reserving → failed. Each change is a compare-and-set on (state, version).
 */
export type BatchState =
  /** Written down, money not reserved yet. */
  | 'reserving'
  /** Reserved: items are bought one by one. */
  | 'buying'
  /** Nothing is left to buy; some numbers still wait for their code. */
  | 'waiting'
  /** Every item has its end. */
  | 'completed'
  /** Never reserved: nothing was bought. */
  | 'failed';

export interface Batch {
  readonly id: string;
  readonly tenantId: string;
  readonly idempotencyKey: string;
  readonly requestHash: string;
  readonly state: BatchState;
  readonly version: number;
  readonly currency: string;
  /** Σ of the prices of the items that can be bought: what is reserved. */
  readonly amountMicros: bigint;
  /** Who asked for it: user:<id> or key:<id>; empty: nobody in particular. */
  readonly actor: string;
  readonly holdId: string | undefined;
  /** The rest of the hold still has to be given back. */
  readonly holdOpen: boolean;
  readonly cancelAskedAt: Date | undefined;
  /** Why it failed. */
  readonly reason: ErrorCode | undefined;
  readonly createdAt: Date;
  /** What is not bought by then is not bought any more. */
  readonly buyUntil: Date;
  readonly endedAt: Date | undefined;
  /** When the worker looks next; undefined: never. */
  readonly dueAt: Date | undefined;
  readonly attempts: number;
}

/** bought: a verification exists, and says how it went. */
export type ItemState = 'pending' | 'bought' | 'failed' | 'cancelled';

/** One number of a batch. */
export interface BatchItem {
  readonly batchId: string;
  /** From 1, in the order of the request. */
  readonly position: number;
  readonly tenantId: string;
  readonly service: string;
  readonly country: string;
  readonly capability: string;
  readonly operator: string;
  readonly areaCode: string;
  /** Names. */
  readonly excludedProviders: readonly string[];
  readonly preferredProviders: readonly string[];
  /** Both unless it could not be sold in the first place. */
  readonly priceMicros: bigint | undefined;
  readonly quoteId: string | undefined;
  readonly state: ItemState;
  readonly reason: ErrorCode | undefined;
  readonly verificationId: string | undefined;
  readonly attempts: number;
}

/** Where an item stands, as customers see it. */
export type ItemStatus = 'pending' | PublicStatus;

export const itemStatus = (item: BatchItem, verification: { readonly state: State } | undefined): ItemStatus =>
  item.state === 'bought' ? publicStatus(verification?.state ?? 'reserving') : item.state;

/** How many items of a batch stand where. */
export interface Progress {
  readonly total: number;
  readonly byStatus: Readonly<Record<ItemStatus, number>>;
  /** Items that still have something before them: to be bought, or to wait for a code. */
  readonly open: number;
  /** What the codes that came cost. */
  readonly chargedMicros: bigint;
}

export interface ItemCount {
  /** Of the item while it has no verification, else of that. */
  readonly state: State | 'pending';
  readonly count: number;
  readonly priceMicros: bigint;
}

/** Received counts as an end: the code is there and paid for, whatever is still to be told to the provider. */
export const progressOf = (counts: readonly ItemCount[]): Progress => {
  const byStatus = { pending: 0, waiting: 0, received: 0, completed: 0, cancelled: 0, expired: 0, failed: 0 };
  let chargedMicros = 0n;
  for (const { state, count, priceMicros } of counts) {
    byStatus[state === 'pending' ? state : publicStatus(state)] += count;
    if (state !== 'pending' && isPaid(state)) chargedMicros += priceMicros;
  }
  const total = Object.values(byStatus).reduce((sum, count) => sum + count, 0);
  return { total, byStatus, open: byStatus.pending + byStatus.waiting, chargedMicros };
};

/** Another state of a batch; its next look is named or there is none. */
export const moveBatch = (
  from: Batch,
  state: BatchState,
  fields: Partial<Pick<Batch, 'holdId' | 'holdOpen' | 'reason' | 'endedAt' | 'dueAt'>>,
): Batch => ({ ...from, dueAt: undefined, ...fields, state, version: from.version + 1, attempts: 0 });

/** The purchase of an item has one key, however often it is tried: it is bought once. */
export const purchaseKeyOf = ({ batchId, position }: BatchItem): string => `batch:${batchId}:${position}`;
