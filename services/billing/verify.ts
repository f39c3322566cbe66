import { openDatabase } from '#platform/postgres/index.ts';
import { databaseConfig, defineConfig } from '#platform/config/index.ts';
import { postgresAudit } from './adapters/postgres/audit.ts';
import { verifyLedger } from './app/verify-ledger.ts';
import type { Divergence } from './app/ports.ts';

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
  const { databaseUrl } = defineConfig({ databaseUrl: databaseConfig.databaseUrl }).parse(process.env);
  const divergence = await verifyDatabase(databaseUrl);
  if (divergence === undefined) console.log('The books agree.');
  else {
    const { law, subject, expected, found } = divergence;
    console.error(`Divergence: ${law}\n  at ${subject}: expected ${expected}, found ${found}`);
    process.exitCode = 1;
  }
}
