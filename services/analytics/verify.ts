/** Recounts every figure from the events and compares it with its roll-up. Exit code 1 and the first divergence if any. */
import { databaseConfig, defineConfig } from '#platform/config/index.ts';
import { openDatabase } from '#platform/postgres/index.ts';
import { figureAudit } from './adapters/postgres/store.ts';

if (import.meta.main) {
  const { databaseUrl } = defineConfig({ databaseUrl: databaseConfig.databaseUrl }).parse(process.env);
  const db = await openDatabase({ url: databaseUrl, applicationName: 'analytics-verify', poolMax: 1, statementTimeoutMs: 600_000 });
  try {
    const divergence = await figureAudit(db).firstDivergence();
    if (divergence === undefined) process.stdout.write('Every figure is the sum of its events.\n');
    else {
      const { tenantId, hour, figure, dimension, rolledUp, recounted } = divergence;
      process.stderr.write(
        `Divergence: ${figure} ${dimension} of tenant ${tenantId} in the hour ${hour.toISOString()}: rolled up ${rolledUp}, recounted ${recounted}\n`,
      );
      process.exitCode = 1;
    }
  } finally {
    await db.close();
  }
}
