/** Part of the composition root: codes that come after the end. */
import type { Life } from '#platform/lifecycle/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { outboxRowOf } from './adapters/nats/events.ts';
import { createLateStore } from './adapters/postgres/late/store.ts';
import { startScheduler } from './adapters/scheduler/scheduler.ts';
import { createLateObserver } from './adapters/telemetry/late-observer.ts';
import { workLateCodes } from './app/late/work-late-codes.ts';
import { numberHash } from './app/policy/hash-number.ts';
import type { Ports } from './app/ports.ts';

/** Late already: a second more is no loss, and a look costs one read of a partial index. */
const tickMs = 1_000;
const limit = 16;
/** Longer than one batch of holds that all run into their time-outs. */
const leaseMs = 120_000;

export const openLate = async (
  life: Life,
  { db, ...ports }: { readonly db: Database } & Pick<Ports, 'ledger' | 'sealer' | 'catalogue' | 'policies' | 'timing' | 'clock'>,
): Promise<void> => {
  const { logger, metrics } = life;
  const now = (): Date => ports.clock.now();
  const lateCodes = createLateStore({ db, hashNumber: numberHash(ports.sealer), outboxRowOf: outboxRowOf(now), now });
  const work = workLateCodes({ ...ports, lateCodes, observer: createLateObserver({ logger, metrics }) });
  const houseKeep = async (): Promise<void> => {};
  await life.own('late codes', startScheduler({ work, houseKeep, logger, tickMs, houseKeepMs: Number.POSITIVE_INFINITY, limit, leaseMs }));
};
