/** Part of the composition root: the provider's side of activations. */
import type { BoundService } from '#platform/grpc/index.ts';
import type { Life } from '#platform/lifecycle/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { leakageService } from './adapters/grpc/leakage.ts';
import { createStrayStore } from './adapters/postgres/settlement/strays.ts';
import { createSettlementStore } from './adapters/postgres/settlement/store.ts';
import { startScheduler } from './adapters/scheduler/scheduler.ts';
import { createSettlementObserver, createStrayObserver } from './adapters/telemetry/settlement-observer.ts';
import type { Ports } from './app/ports.ts';
import type { SettlementPorts } from './app/settlement/ports.ts';
import { recoupDue } from './app/settlement/recoup-due.ts';
import { reportLeakage } from './app/settlement/report-leakage.ts';
import { sweepActive } from './app/settlement/sweep-active.ts';
import { sweepTiming } from './domain/settlement/stray.ts';
import { claimTiming } from './domain/settlement/claim.ts';

/** Slow on purpose: what is due has waited half a minute already, and providers limit questions. */
const tickMs = 2_000;
const figuresEveryMs = 15_000;
/** Questions to providers at once. */
const limit = 8;
const leaseMs = 60_000;
/** How often somebody looks whether a list of active numbers is due; how long comparing one may take. */
const sweepTickMs = 10_000;
const sweepLeaseMs = 5 * 60_000;

export const openSettlement = async (
  life: Life,
  {
    db,
    providers,
    clock,
    rentals,
    active,
  }: { readonly db: Database; readonly active: readonly string[] } & Pick<Ports, 'providers' | 'clock'> & Pick<SettlementPorts, 'rentals'>,
): Promise<BoundService> => {
  const { logger, metrics } = life;
  const settlements = createSettlementStore(db);
  const observer = createSettlementObserver({ logger, metrics });
  const work = recoupDue({ settlements, providers, ...(rentals && { rentals }), observer, clock, timing: claimTiming });
  const houseKeep = async (): Promise<void> => observer.open(await settlements.openClaims());
  await life.own('claims', startScheduler({ work, houseKeep, logger, tickMs, houseKeepMs: figuresEveryMs, limit, leaseMs }));
  const sweep = sweepActive({
    ...{ strays: createStrayStore(db), providers: active, named: (name) => providers.named(name), clock, timing: sweepTiming },
    observer: createStrayObserver({ logger, metrics }),
  });
  const sweeping = startScheduler({
    work: async () => {
      await sweep({ leaseMs: sweepLeaseMs });
      return 0;
    },
    houseKeep: async () => {},
    ...{ houseKeepMs: Number.POSITIVE_INFINITY, logger, tickMs: sweepTickMs, limit: 1, leaseMs: sweepLeaseMs },
  });
  await life.own('strays', sweeping);
  return leakageService({ reportLeakage: reportLeakage({ settlements }) });
};
