import assert from 'node:assert/strict';
import { newId } from '#platform/ids/index.ts';
import { minuteMs, secondMs } from '#platform/time/index.ts';
import { batchCompletedRow } from '../../adapters/nats/batch-events.ts';
import { createBatchStore } from '../../adapters/postgres/bulk/store.ts';
import { buyItems } from '../../app/bulk/buy-items.ts';
import { callForBatch } from '../../app/bulk/call-for-batch.ts';
import type { CreateBatchRequest, WantedItem } from '../../app/bulk/create-batch.ts';
import type { BulkPorts } from '../../app/bulk/ports.ts';
import { workBatches } from '../../app/bulk/work-batches.ts';
import { houseKeep, workDue } from '../../app/work-due.ts';
import { type Harness, openHarness } from '../harness.ts';
import { createFakeBatchLedger, type FakeBatchLedger } from './fake-batch-ledger.ts';

export const buyMs = 15 * minuteMs;

/** Bulk orders over a real database, with provider and ledger in memory, on a clock that stands still. */
export interface BulkHouse {
  readonly h: Harness;
  readonly ports: BulkPorts;
  readonly money: FakeBatchLedger;
  readonly failures: unknown[];
  order(items: readonly Partial<WantedItem>[], over?: Partial<CreateBatchRequest>): CreateBatchRequest;
  /** Both workers until there is nothing more to do at this moment. */
  settle(ports?: BulkPorts): Promise<void>;
  /** Moves the clock on, and lets all workers do what is due, those of single purchases too. */
  pass(ms: number, ports?: BulkPorts): Promise<void>;
  /** Of one batch: what was told about its end. */
  told(batchId: string): Promise<Record<string, unknown>[]>;
  /** What every number of all batches cost or gave back, by the events that billing settles by; and that it adds up. */
  assertMoney(startMicros: bigint): Promise<{ readonly chargedMicros: bigint }>;
  close(): Promise<void>;
}

const wanted: WantedItem = {
  ...{ service: 'telegram', country: 'ID', capability: 'sms', operator: '', areaCode: '' },
  ...{ count: 1, maxPrice: undefined },
};

export const openBulkHouse = async (): Promise<BulkHouse> => {
  const h = await openHarness();
  const money = createFakeBatchLedger(h.ledger);
  const failures: unknown[] = [];
  const { clock } = h;
  const batches = createBatchStore({ db: h.db, completedRow: batchCompletedRow(() => clock.now()) });
  const observer = { ended: () => {}, failedStep: (_id: string, error: unknown) => void failures.push(error) };
  const purchases = { ...h.ports, observer: callForBatch(h.ports.observer, { batches, clock, observer }) };
  const timing = { buyMs, reserveMs: 3 * secondMs, retryMs: secondMs, retryMaxMs: 30 * secondMs, lookMs: 15 * secondMs };
  const ports: BulkPorts = { batches, money, observer, timing, clock, purchases };
  const tenantId = newId();

  const settle = async (by: BulkPorts = ports): Promise<void> => {
    for (let turn = 0; turn < 60; turn++) {
      const bought = await buyItems(by)({ limit: 16, leaseMs: 45_000 });
      await Promise.all(bought);
      const looked = await workBatches(by)({ limit: 16, leaseMs: 45_000 });
      if (bought.length + looked === 0) return;
    }
    assert.fail('the workers find no rest');
  };

  return {
    ...{ h, ports, money, failures, settle },
    order: (items, over = {}) => ({ tenantId, idempotencyKey: newId(), items: items.map((item) => ({ ...wanted, ...item })), ...over }),
    pass: async (ms, by = ports) => {
      clock.advance(ms);
      for (let turn = 0; turn < 50; turn++) if ((await workDue(by.purchases)({ limit: 200, leaseMs: 45_000 })) === 0) break;
      await houseKeep(by.purchases)();
      await settle(by);
    },
    told: async (batchId) => {
      const rows = await h.db.query<{ subject: string; payload: Buffer }>('select subject, payload from outbox where aggregate_id = $1', [
        batchId,
      ]);
      for (const { subject } of rows) assert.equal(subject, 'namaskah.verification.v1.batch.completed');
      return rows.map(({ payload }) => JSON.parse(payload.toString()) as Record<string, unknown>);
    },
    assertMoney: async (startMicros) => {
      const rows = await h.db.query<{ aggregate_id: string; subject: string; payload: Buffer }>(
        'select aggregate_id, subject, payload from outbox',
      );
      const ends = new Map<string, string[]>();
      for (const { aggregate_id, subject, payload } of rows) {
        const name = subject.split('.').at(-1) ?? '';
        const { holdId } = JSON.parse(payload.toString()) as { holdId?: string };
        if (['code-received', 'cancelled', 'expired', 'failed'].includes(name) && holdId)
          ends.set(aggregate_id, [...(ends.get(aggregate_id) ?? []), name]);
      }
      let [charged, returned] = [0n, 0n];
      for (const [verificationId, { amountMicros }] of h.ledger.holds) {
        const ended = ends.get(verificationId) ?? [];
        assert.equal(ended.length, 1, `${verificationId} was settled by ${ended.join() || 'nothing'}`);
        if (ended[0] === 'code-received') charged += amountMicros;
        else returned += amountMicros;
      }
      for (const [id, whole] of h.ledger.wholes) assert.deepEqual(whole, { leftMicros: 0n, open: false }, `the reservation ${id}`);
      assert.equal(h.ledger.balanceMicros + charged + returned, startMicros, 'what was there is there, charged, or on its way back');
      return { chargedMicros: charged };
    },
    close: () => h.close(),
  };
};
