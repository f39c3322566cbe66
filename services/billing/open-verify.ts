import type { Life } from '#platform/lifecycle/index.ts';
import { type Database, openDatabase } from '#platform/postgres/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { auditMonitor } from './adapters/monitor/audit.ts';
import { postgresAudit } from './adapters/postgres/verify/audit.ts';
import { postgresDiary } from './adapters/postgres/verify/diary.ts';
import { auditNightly } from './app/verify/audit-nightly.ts';
import type { BillingConfig } from './config.ts';
import type { StartWorker } from './open-ledger.ts';

export interface VerifyParts {
  readonly config: Pick<BillingConfig, 'databaseUrl' | 'auditHour' | 'auditIntervalMs'>;
  readonly life: Life;
  readonly db: Database;
  readonly clock: Clock;
  readonly worker: StartWorker;
}

/** An audit reads everything in one statement per law. */
const auditTimeoutMs = 3_600_000;

/** Part of the composition root: the nightly audit of the books. */
export const openVerify = async ({ config, life, db, clock, worker }: VerifyParts): Promise<void> => {
  const { logger, metrics } = life;
  // A connection of its own, so that a long audit takes none from those who serve; and with its own time-out.
  const reading = await life.own(
    'audit',
    openDatabase({ url: config.databaseUrl, applicationName: 'billing-audit', poolMax: 1, statementTimeoutMs: auditTimeoutMs, logger }),
  );
  const audit = postgresAudit(reading);
  const monitor = auditMonitor({ logger, metrics });
  await worker(
    'auditor',
    config.auditIntervalMs,
    auditNightly({ audit, diary: postgresDiary(db), monitor, clock, hour: config.auditHour }),
  );
};
