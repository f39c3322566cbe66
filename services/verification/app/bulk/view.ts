import { type Money, money } from '#platform/money/index.ts';
import { type Batch, itemStatus, type ItemStatus, type Progress } from '../../domain/bulk/batch.ts';
import type { Sealer } from '../ports.ts';
import { type VerificationView, viewOf } from '../view.ts';
import type { ItemRow } from './ports.ts';

export type BatchStatus = 'buying' | 'waiting' | 'completed' | 'failed';

/** A batch as its customer sees it. */
export interface BatchView {
  readonly id: string;
  readonly status: BatchStatus;
  readonly progress: Progress;
  /** What was reserved for all of it at the start. */
  readonly reserved: Money;
  readonly charged: Money;
  readonly cancelAskedAt: Date | undefined;
  readonly createdAt: Date;
  readonly endedAt: Date | undefined;
  readonly reason: string;
}

export interface ItemView {
  readonly position: number;
  readonly service: string;
  readonly country: string;
  readonly capability: string;
  readonly operator: string;
  readonly areaCode: string;
  /** Undefined when it could not be sold. */
  readonly price: Money | undefined;
  readonly status: ItemStatus;
  /** Code of the error that it ended with; empty for none. */
  readonly reason: string;
  readonly verification: VerificationView | undefined;
}

export const batchView = (batch: Batch, progress: Progress): BatchView => ({
  id: batch.id,
  status: batch.state === 'reserving' ? 'buying' : batch.state,
  progress,
  reserved: money(batch.currency, batch.amountMicros),
  charged: money(batch.currency, progress.chargedMicros),
  cancelAskedAt: batch.cancelAskedAt,
  createdAt: batch.createdAt,
  endedAt: batch.endedAt,
  reason: batch.reason ?? '',
});

export const itemView = async (sealer: Sealer, currency: string, { item, verification }: ItemRow): Promise<ItemView> => ({
  position: item.position,
  service: item.service,
  country: item.country,
  capability: item.capability,
  operator: item.operator,
  areaCode: item.areaCode,
  price: item.priceMicros === undefined ? undefined : money(currency, item.priceMicros),
  status: itemStatus(item, verification),
  reason: item.reason ?? '',
  verification: verification && (await viewOf(sealer, verification)),
});
