/**
 * Checks the books: every law of the ledger and of what is built upon it, against one snapshot.
 *   DATABASE_URL=… npm run billing:verify [-- --json]
 * Prints the first divergence of each broken law with its rows. Exit code 0: they agree; 1: they do not; 2: they could not be read.
 */
import { databaseConfig, defineConfig } from '#platform/config/index.ts';
import { type Database, openDatabase } from '#platform/postgres/index.ts';
import { postgresAudit } from './adapters/postgres/verify/audit.ts';
import { verifyLedger } from './app/ledger/verify-ledger.ts';
import type { AuditReport, Divergence } from './app/ledger/ports.ts';

const withDatabase = async <T>(url: string, work: (db: Database) => Promise<T>): Promise<T> => {
  const db = await openDatabase({ url, applicationName: 'billing-verify', poolMax: 1, statementTimeoutMs: 600_000 });
  try {
    return await work(db);
  } finally {
    await db.close();
  }
};

/** Checks the books of the database at `url`. @returns the first divergence, or undefined */
export const verifyDatabase = (url: string): Promise<Divergence | undefined> =>
  withDatabase(url, (db) => verifyLedger({ audit: postgresAudit(db) })());

/** bigint and bytes as text: a line of JSON that people and machines read. */
const toJson = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === 'bigint') return part.toString();
    const buffer = part as { readonly type?: unknown; readonly data?: unknown } | null;
    return buffer?.type === 'Buffer' && Array.isArray(buffer.data) ? Buffer.from(buffer.data as number[]).toString('hex') : part;
  });

export const asText = ({ laws, divergences }: AuditReport): string => {
  if (divergences.length === 0) return `The books agree: ${laws} laws hold.\n`;
  const lines = divergences.flatMap(({ law, subject, expected, found, rows }) => [
    `Divergence: ${law}`,
    `  at ${subject}: expected ${expected}, found ${found}`,
    ...Object.entries(rows).flatMap(([table, each]) => each.map((row) => `  ${table} ${toJson(row)}`)),
  ]);
  return `${lines.join('\n')}\n${divergences.length} of ${laws} laws are broken.\n`;
};

if (import.meta.main) {
  // An entry point of its own, beside main.ts.
  // oxlint-disable-next-line node/no-process-env
  const { databaseUrl } = defineConfig({ databaseUrl: databaseConfig.databaseUrl }).parse(process.env);
  try {
    const report = await withDatabase(databaseUrl, (db) => postgresAudit(db).report());
    const agrees = report.divergences.length === 0;
    if (process.argv.includes('--json')) process.stdout.write(`${toJson({ agrees, ...report })}\n`);
    else (agrees ? process.stdout : process.stderr).write(asText(report));
    process.exitCode = agrees ? 0 : 1;
  } catch (error) {
    process.stderr.write(`The books could not be read: ${String(error)}\n`);
    process.exitCode = 2;
  }
}
