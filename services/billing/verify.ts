/**
 * Checks the books: every law of the ledger and of what is built upon it, against one snapshot.
 *   DATABASE_URL=… npm run billing:verify [-- --json] [-- --statements[=days]]
 * With --statements also what each payment gateway says of the last days (one, unless it is said) is held against the books; this needs the
 * whole environment of the service, for its keys.
 * Prints the first divergence of each broken law with its rows. Exit code 0: they agree; 1: they do not; 2: they could not be read.
 */
import { databaseConfig, defineConfig } from '#platform/config/index.ts';
import { type Database, openDatabase } from '#platform/postgres/index.ts';
import { addMs, dayMs } from '#platform/time/index.ts';
import { postgresAudit } from './adapters/postgres/verify/audit.ts';
import { verifyLedger } from './app/ledger/verify-ledger.ts';
import type { AuditReport, Divergence } from './app/ledger/ports.ts';
import { compareStatement } from './app/payments/compare-statement.ts';
import { postgresStatementBook } from './adapters/postgres/payments/statements.ts';
import { billingConfig } from './config.ts';
import { openGateways } from './open-gateways.ts';

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

const asText = ({ laws, divergences }: AuditReport): string => {
  if (divergences.length === 0) return `The books agree: ${laws} laws hold.\n`;
  const lines = divergences.flatMap(({ law, subject, expected, found, rows }) => [
    `Divergence: ${law}`,
    `  at ${subject}: expected ${expected}, found ${found}`,
    ...Object.entries(rows).flatMap(([table, each]) => each.map((row) => `  ${table} ${toJson(row)}`)),
  ]);
  return `${lines.join('\n')}\n${divergences.length} of ${laws} laws are broken.\n`;
};

/**
 * Compares each configured gateway's statement of the last `days` with the books.
 * @returns lines to print and whether all agree. @throws when a gateway cannot be read
 */
const compareStatementsOf = async (
  env: NodeJS.ProcessEnv,
  days: number,
): Promise<{ readonly lines: readonly string[]; readonly agrees: boolean }> => {
  const config = billingConfig.parse(env);
  const open: { close?(): Promise<void> }[] = [];
  const own = async <T>(_name: string, opened: T | Promise<T>): Promise<T> => {
    const resource = await opened;
    open.push(resource as { close?(): Promise<void> });
    return resource;
  };
  try {
    const gateways = await openGateways(config, { own }, () => () => {});
    return await withDatabase(config.databaseUrl, async (db) => {
      const compare = compareStatement({ gateways, book: postgresStatementBook(db) });
      const now = new Date();
      const lines: string[] = [];
      let agrees = true;
      for (const name of gateways.keys()) {
        const result = await compare(name, addMs(now, -days * dayMs), now, now);
        if (result.outcome === 'unknown') throw new Error(`${name} does not answer: ${result.reason}`);
        agrees &&= result.findings.length === 0;
        lines.push(`${name}: ${result.lines} lines, ${result.findings.length} differences`);
        for (const { finding, reference, expected, found } of result.findings)
          lines.push(`  ${finding} at ${reference}: expected ${expected}, found ${found}`);
      }
      return { lines, agrees };
    });
  } finally {
    for (const each of open) await each.close?.();
  }
};

/** undefined: not asked for. */
const statementDays = (args: readonly string[]): number | undefined => {
  const asked = args.find((arg) => arg === '--statements' || arg.startsWith('--statements='));
  if (asked === undefined) return undefined;
  const days = Number(asked.split('=')[1] ?? '1');
  if (!Number.isInteger(days) || days < 1 || days > 90) throw new Error('--statements takes 1 to 90 days');
  return days;
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
    const days = statementDays(process.argv);
    if (days !== undefined) {
      // oxlint-disable-next-line node/no-process-env
      const compared = await compareStatementsOf(process.env, days);
      process.stdout.write(`${compared.lines.join('\n')}\n`);
      if (!compared.agrees) process.exitCode = 1;
    }
  } catch (error) {
    process.stderr.write(`The books could not be read: ${String(error)}\n`);
    process.exitCode = 2;
  }
}
