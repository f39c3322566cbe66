import { isUuid } from '#platform/ids/index.ts';
import { coalesce, type Database } from '#platform/postgres/index.ts';
import type { BatchStore } from '../../../app/bulk/ports.ts';
import { type Batch, type BatchItem, type ItemCount, type Progress, progressOf } from '../../../domain/bulk/batch.ts';
import { fromEntity, VerificationRow } from '../rows.ts';
import type { OutboxRow } from '../store.ts';
import { batchOf, BatchItemRow, BatchRow, itemOf } from './rows.ts';
import {
  askCancelSql,
  callForSql,
  claimDueSql,
  claimItemsSql,
  completeSql,
  createSql,
  dropPendingSql,
  progressSql,
  rescheduleSql,
  retryItemSql,
  saveSql,
  settleItemSql,
  waitingSql,
} from './sql.ts';

export interface BatchStoreOptions {
  readonly db: Database;
  readonly completedRow: (batch: Batch, progress: Progress) => OutboxRow;
}

const orNull = <T>(value: T | undefined): T | null => value ?? null;

const createParams = (batch: Batch, items: readonly BatchItem[]): unknown[] => [
  ...[batch.id, batch.tenantId, batch.idempotencyKey, batch.requestHash, batch.state, batch.version, batch.currency, batch.amountMicros],
  ...[batch.holdOpen, batch.createdAt, batch.buyUntil, orNull(batch.dueAt)],
  items.map(({ position }) => position),
  items.map(({ service }) => service),
  items.map(({ country }) => country),
  items.map(({ capability }) => capability),
  items.map(({ operator }) => operator),
  items.map(({ areaCode }) => areaCode),
  items.map(({ priceMicros }) => orNull(priceMicros)),
  items.map(({ quoteId }) => orNull(quoteId)),
  items.map(({ state }) => state),
  items.map(({ reason }) => orNull(reason)),
  batch.actor,
  items.map(({ excludedProviders }) => excludedProviders.join(',')),
  items.map(({ preferredProviders }) => preferredProviders.join(',')),
];

const saveParams = (from: Batch, to: Batch): unknown[] => [
  ...[from.id, from.tenantId, from.state, from.version, to.state, to.version],
  ...[orNull(to.holdId), to.holdOpen, orNull(to.reason), orNull(to.endedAt), orNull(to.dueAt), to.attempts],
];

interface CountRow {
  readonly batch_id: string;
  readonly state: ItemCount['state'];
  readonly count: number;
  readonly price_micros: bigint;
}

const readProgress = async (db: Database, tenantId: string, ids: readonly string[]): Promise<ReadonlyMap<string, Progress>> => {
  const rows = await db.query<CountRow>(progressSql, [tenantId, ids]);
  const counted = (id: string): ItemCount[] =>
    rows.filter((row) => row.batch_id === id).map(({ state, count, price_micros: priceMicros }) => ({ state, count, priceMicros }));
  return new Map(ids.map((id) => [id, progressOf(counted(id))]));
};

const progressOfBatch = async (db: Database, { tenantId, id }: Batch): Promise<Progress> =>
  (await readProgress(db, tenantId, [id])).get(id) ?? progressOf([]);

const readItems = async (db: Database, { tenantId, id }: Batch, after: number, limit: number) => {
  const em = db.em();
  const items = await em.find(BatchItemRow, { tenantId, batchId: id, position: { $gt: after } }, { orderBy: { position: 'asc' }, limit });
  const ids = items.flatMap(({ verificationId }) => verificationId ?? []);
  const verifications = ids.length === 0 ? [] : await em.find(VerificationRow, { tenantId, id: { $in: ids } });
  const byId = new Map(verifications.map((row) => [row.id, fromEntity(row)]));
  return items.map((row) => ({ item: itemOf(row), verification: byId.get(row.verificationId ?? '') }));
};

const claimItems = async (db: Database, now: Date, until: Date, limit: number) => {
  const keys = await db.query<{ batch_id: string; position: number }>(claimItemsSql, [now, until, limit], { name: 'batch-claim-items' });
  if (keys.length === 0) return [];
  const em = db.em();
  const ids = [...new Set(keys.map(({ batch_id }) => batch_id))];
  const [batches, items] = await Promise.all([
    em.find(BatchRow, { id: { $in: ids } }),
    db.em().find(BatchItemRow, { $or: keys.map(({ batch_id, position }) => ({ batchId: batch_id, position })) }),
  ]);
  const byId = new Map(batches.map((row) => [row.id, batchOf(row)]));
  return items.flatMap((row) => {
    const batch = byId.get(row.batchId);
    return batch === undefined ? [] : [{ item: itemOf(row), batch }];
  });
};

/** One look called for by many at once is one statement. */
const batching = { maxBatch: 256, maxConcurrent: 1, maxWaiting: 10_000 } as const;

/** Batches in PostgreSQL. What moves is moved by single statements; reads go through the EntityManager. */
export const createBatchStore = ({ db, completedRow }: BatchStoreOptions): BatchStore => {
  const callFor = coalesce<{ readonly holdId: string; readonly now: Date }, undefined>({
    ...batching,
    run: async (calls) => {
      const now = new Date(Math.max(...calls.map((call) => call.now.getTime())));
      await db.query(callForSql, [[...new Set(calls.map(({ holdId }) => holdId))], now], { name: 'batch-call' });
      return calls.map(() => undefined);
    },
  });
  const findOne = async (where: { tenantId: string } & ({ id: string } | { idempotencyKey: string })): Promise<Batch | undefined> => {
    const row = await db.em().findOne(BatchRow, where);
    return row === null ? undefined : batchOf(row);
  };
  const findByKey: BatchStore['findByKey'] = (tenantId, idempotencyKey) => findOne({ tenantId, idempotencyKey });

  return {
    create: async (batch, items) => {
      const written = await db.query(createSql, createParams(batch, items));
      return written.length > 0 ? undefined : findByKey(batch.tenantId, batch.idempotencyKey);
    },
    find: async (tenantId, id) => (isUuid(id) ? findOne({ tenantId, id }) : undefined),
    findByKey,
    list: async (tenantId, before, limit) => {
      const where = { tenantId, ...(before === undefined ? {} : { id: { $lt: before } }) };
      const rows = await db.em().find(BatchRow, where, { orderBy: { id: 'desc' }, limit });
      const batches = rows.map(batchOf);
      const ids = batches.map(({ id }) => id);
      const progress = ids.length === 0 ? new Map<string, Progress>() : await readProgress(db, tenantId, ids);
      return batches.map((batch) => ({ batch, progress: progress.get(batch.id) ?? progressOf([]) }));
    },
    progress: (batch) => progressOfBatch(db, batch),
    items: (batch, after, limit) => readItems(db, batch, after, limit),
    save: async (from, to, completed) => {
      if (completed === undefined) return (await db.query(saveSql, saveParams(from, to), { name: 'batch-save' })).length > 0;
      const row = completedRow(to, completed);
      const event = [row.id, row.subject, row.aggregateId, row.aggregateVersion, row.headers, row.payload];
      const moved = (await db.query(completeSql, [...saveParams(from, to), ...event], { name: 'batch-complete' })).length > 0;
      if (moved) db.signalOutbox();
      return moved;
    },
    askCancel: async ({ id, tenantId }, now) => {
      if ((await db.query(askCancelSql, [id, tenantId, now])).length === 0) return false;
      await db.query(dropPendingSql, [id, tenantId, now]);
      return true;
    },
    dropPending: async ({ id, tenantId }, now) => void (await db.query(dropPendingSql, [id, tenantId, now])),
    waiting: async ({ id, tenantId }) => (await db.query<{ id: string }>(waitingSql, [id, tenantId])).map((row) => row.id),

    claimItems: (now, until, limit) => claimItems(db, now, until, limit),
    settleItem: async (item, outcome) => {
      const verificationId = outcome.state === 'bought' ? outcome.verificationId : null;
      const reason = outcome.state === 'failed' ? outcome.reason : null;
      await db.query(settleItemSql, [item.batchId, item.position, item.tenantId, item.attempts, outcome.state, verificationId, reason], {
        name: 'batch-settle-item',
      });
    },
    retryItem: async ({ batchId, position, tenantId, attempts }, at) =>
      void (await db.query(retryItemSql, [batchId, position, tenantId, attempts, at])),

    claimDue: async (now, until, limit) => {
      const ids = (await db.query<{ id: string }>(claimDueSql, [now, until, limit], { name: 'batch-claim-due' })).map(({ id }) => id);
      return ids.length === 0 ? [] : (await db.em().find(BatchRow, { id: { $in: ids } })).map(batchOf);
    },
    reschedule: async ({ id, tenantId, version, attempts }, dueAt) =>
      void (await db.query(rescheduleSql, [id, tenantId, version, attempts, dueAt], { name: 'batch-reschedule' })),
    callFor: async (holdIds, now) => void (await Promise.all(holdIds.map((holdId) => callFor({ holdId, now })))),
  };
};
