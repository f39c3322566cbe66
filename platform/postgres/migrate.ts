import { Migration, Migrator } from '@mikro-orm/migrations';
import { MikroORM, type Options } from '@mikro-orm/postgresql';
import { silentLog, type Log } from '#platform/logging/index.ts';
import { connectionOptions, readTimeoutMs } from './connection-options.ts';
import { openConnection } from './dedicated.ts';
import { toDatabaseError } from './errors.ts';

type MigrationClass = new (...args: ConstructorParameters<typeof Migration>) => Migration;

export interface NamedMigration {
  /** Unique and sortable: 20261121-0001-ledger. */
  readonly name: string;
  /** The text is part of the fingerprint of template databases. */
  readonly sql: string;
  readonly class: MigrationClass;
}

/** One step forward, in plain SQL, in one transaction. There is no way back: the next step repairs (expand, then contract). */
export const sqlMigration = (name: string, sql: string): NamedMigration => ({
  name,
  sql,
  class: class extends Migration {
    override up(): void {
      this.addSql(sql);
    }
  },
});

export interface MigrateOptions {
  readonly url: string;
  readonly migrations: readonly NamedMigration[];
  readonly logger?: Log;
}

/** Serialises migrations of one database; released with its connection, even by kill -9. */
const migrationLock = 7_220_100_001n;
const statementTimeoutMs = 10 * 60_000;
/** Nobody waits behind it, and a server that has just been started may be busy. */
const connectTimeoutMs = 30_000;

/**
 * Applies what is missing, in the order of the list, all or nothing. Two that run at once wait for each other.
 * @throws AppError platform.unavailable when the database is out of reach; else the failing statement's error
 */
export const migrate = async ({ url, migrations, logger = silentLog }: MigrateOptions): Promise<void> => {
  const names = migrations.map(({ name }) => name);
  if (new Set(names).size !== names.length) throw new Error(`migration names repeat: ${names.join(', ')}`);
  const session = { url, applicationName: 'migrate', statementTimeoutMs, lockTimeoutMs: 60_000 };
  const orm = new MikroORM({
    clientUrl: url,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    extensions: [Migrator],
    migrations: {
      migrationsList: migrations.map((migration) => ({ name: migration.name, class: migration.class })),
      // Foreign keys are switched off by a superuser's setting in MikroORM's default; a service's role is none.
      disableForeignKeys: false,
      snapshot: false,
      allOrNothing: true,
      transactional: true,
    },
    ensureDatabase: false,
    driverOptions: {
      ...connectionOptions(session),
      query_timeout: readTimeoutMs(session),
      max: 2,
    },
    logger: (message) => logger.debug({ orm: message }, 'mikro-orm'),
  } as Options);
  try {
    await orm.connect();
    const lock = await openConnection({ ...session, connectTimeoutMs });
    try {
      await lock.query('select pg_advisory_lock($1)', [migrationLock]);
      const applied = await orm.migrator.up();
      if (applied.length > 0) logger.info({ applied: applied.map(({ name }) => name) }, 'database migrated');
    } finally {
      await lock.close();
    }
  } catch (error) {
    throw toDatabaseError(error);
  } finally {
    await orm.close(true);
  }
};
