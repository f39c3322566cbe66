import { openDatabase } from '#platform/postgres/index.ts';
import { databaseConfig, defineConfig } from '#platform/config/index.ts';
import { postgresAudit } from './adapters/postgres/ledger/audit.ts';
import { verifyLedger } from './app/ledger/verify-ledger.ts';
import type { Divergence } from './app/ledger/ports.ts';

/** Checks the books of the database at `url`. @returns the first divergence, or undefined */
export const verifyDatabase = async (url: string): Promise<Divergence | undefined> => {
  const db = await openDatabase({ url, applicationName: 'billing-verify', poolMax: 1, statementTimeoutMs: 600_000 });
  try {
    return await verifyLedger({ audit: postgresAudit(db) })();
  } finally {
    await db.close();
  }
};

if (import.meta.main) {
  // An entry point of its own, beside main.ts.
  // oxlint-disable-next-line node/no-process-env
  const { databaseUrl } = defineConfig({ databaseUrl: databaseConfig.databaseUrl }).parse(process.env);
  const divergence = await verifyDatabase(databaseUrl);
  if (divergence === undefined) process.stdout.write('The books agree.\n');
  else {
    const { law, subject, expected, found } = divergence;
    process.stderr.write(`Divergence: ${law}\n  at ${subject}: expected ${expected}, found ${found}\n`);
    process.exitCode = 1;
  }
}
