import { createHash } from 'node:crypto';
import pg from 'pg';
import { newId } from '#platform/ids/index.ts';
import { migrate, type NamedMigration } from '#platform/postgres/index.ts';
import { databaseUrl, testServer } from './environment.ts';

export interface TestDatabase {
  readonly url: string;
  readonly name: string;
  /** Cuts every session and drops the database. */
  close(): Promise<void>;
}

export const withAdmin = async <T>(work: (client: pg.Client) => Promise<T>, url = testServer('TEST_POSTGRES_URL')): Promise<T> => {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
};

const fingerprint = (migrations: readonly NamedMigration[]): string => {
  const hash = createHash('sha256');
  for (const { name, sql } of migrations) hash.update(`${name}\0${sql}\0`);
  return hash.digest('hex').slice(0, 16);
};

/** Any constant: one template is built, or copied from, at a time. */
const templateLock = 7_220_100_002;

/**
 * Makes sure that a migrated template exists. Built under another name and renamed at the end, so a template that
 * exists is complete, even if an earlier builder was killed.
 */
const ensureTemplate = async (client: pg.Client, template: string, migrations: readonly NamedMigration[]): Promise<void> => {
  const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [template]);
  if (rowCount === 1) return;
  const draft = `${template}_draft`;
  await client.query(`drop database if exists ${draft} with (force)`);
  await client.query(`create database ${draft} strategy file_copy`);
  await migrate({ url: databaseUrl(testServer('TEST_POSTGRES_URL'), draft), migrations });
  await waitUntilUnused(client, draft);
  await client.query(`alter database ${draft} rename to ${template}`);
};

/** A closed session stays in the server for a moment. */
const waitUntilUnused = async (client: pg.Client, name: string): Promise<void> => {
  for (let count = 0; count < 200; count++) {
    const { rowCount } = await client.query('select 1 from pg_stat_activity where datname = $1', [name]);
    if (rowCount === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

/**
 * A database of the caller's own, cloned from a template that is migrated once per run and set of migrations.
 * @param service becomes part of the name, for reading logs
 */
export const createTestDatabase = async (service: string, migrations: readonly NamedMigration[]): Promise<TestDatabase> => {
  const label = service.replaceAll(/[^a-z0-9_]/g, '_');
  const template = `tpl_${label}_${fingerprint(migrations)}`;
  const name = `test_${label}_${newId().replaceAll('-', '')}`;
  await withAdmin(async (client) => {
    await client.query('select pg_advisory_lock($1)', [templateLock]);
    await ensureTemplate(client, template, migrations);
    // The default copies page by page through the log, at ten times the price where nothing is synced.
    await client.query(`create database ${name} template ${template} strategy file_copy`);
  });
  let closing: Promise<void> | undefined;
  return {
    name,
    url: databaseUrl(testServer('TEST_POSTGRES_URL'), name),
    close: () =>
      (closing ??= withAdmin(async (client) => {
        await client.query(`drop database if exists ${name} with (force)`);
      })),
  };
};
