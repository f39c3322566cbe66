import { MikroORM, type AnyEntity, type EntitySchema, type Options, type PostgreSqlConnection } from '@mikro-orm/postgresql';
import type { Client, Pool } from 'pg';
import { silentLog, type Log } from '#platform/logging/index.ts';
import { appError } from '#platform/errors/index.ts';
import { connectionOptions, readTimeoutMs } from './connection-options.ts';
import { openConnection } from './dedicated.ts';
import { isTransactionConflict, toDatabaseError } from './errors.ts';
import { guardClient } from './guard.ts';
import { queryTypes } from './parsers.ts';
import { OpenTransaction, statementFor } from './transaction.ts';
import type { Database, DedicatedConnection, IsolationLevel, QueryOptions, Transaction } from './types.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- entity schemas are invariant in their type
export type EntityList = readonly (EntitySchema<any, any> | (new () => AnyEntity))[];

export interface DatabaseOptions {
  /** postgres://user:password@host:port/database[?sslmode=require|verify-full|no-verify] */
  readonly url: string;
  readonly applicationName: string;
  readonly poolMax?: number;
  /** The server cancels a longer statement; the client gives up 2 s later, in case the server is out of reach. */
  readonly statementTimeoutMs?: number;
  readonly lockTimeoutMs?: number;
  /** How long a caller may wait for a free connection before `platform.overloaded`. */
  readonly poolWaitMs?: number;
  readonly entities?: EntityList;
  readonly logger?: Log;
}

const maxAttempts = 4;
/** Callers waiting per connection before the next is refused at once: the queue has a limit, so that waiting has one. */
const maxWaitersPerConnection = 50;

/**
 * Opens the one connection pool of a service. MikroORM owns the pool; `query` and `tx.query` speak SQL over the same
 * connections, so both see the same transaction. Connects lazily: a database that is down makes calls fail, not the start.
 */
export const openDatabase = async (options: DatabaseOptions): Promise<Database> => {
  const logger = options.logger ?? silentLog;
  const poolMax = options.poolMax ?? 10;
  let pool: Pool | undefined;
  const orm = new MikroORM({
    clientUrl: options.url,
    entities: [...(options.entities ?? [])] as NonNullable<Options['entities']>,
    discovery: { warnWhenNoEntities: false, checkDuplicateFieldNames: false },
    // Off: the start must not need the database.
    ensureDatabase: false,
    forceUtcTimezone: true,
    ignoreUndefinedInQuery: false,
    driverOptions: {
      ...connectionOptions(options),
      max: poolMax,
      connectionTimeoutMillis: options.poolWaitMs ?? 3_000,
      onPoolCreated: (created: Pool) => {
        pool = created;
        created.on('connect', (client) => guardClient(client as unknown as Client, readTimeoutMs(options)));
      },
    },
    logger: (message) => logger.debug({ orm: message }, 'mikro-orm'),
  } as Options);
  await orm.connect();
  if (pool === undefined) throw new Error('MikroORM made no pool');
  translateOrmErrors(orm);
  quoteArrays(orm);
  return buildDatabase(orm, pool, options, poolMax, logger);
};

/** Errors of EntityManager calls get the same codes as those of `query`. */
const translateOrmErrors = (orm: MikroORM): void => {
  const driver = orm.em.getDriver() as unknown as { convertException(error: Error): Error };
  const original = driver.convertException.bind(driver);
  driver.convertException = (error) => {
    const translated = toDatabaseError(error);
    return translated === error ? original(error) : (translated as Error);
  };
};

/**
 * MikroORM quotes only some of the texts in an array. The others PostgreSQL reads in its own way: NULL is no text, blanks at the ends are
 * dropped, a blank text is a syntax error.
 */
const quoteArrays = (orm: MikroORM): void => {
  const quoted = (item: unknown): string => (item === null ? 'NULL' : `"${String(item).replaceAll(/["\\]/g, String.raw`\$&`)}"`);
  orm.em.getPlatform().marshallArray = (items: readonly unknown[]) => `{${items.map(quoted).join(',')}}`;
};

const buildDatabase = (orm: MikroORM, pool: Pool, options: DatabaseOptions, poolMax: number, logger: Log): Database => {
  const types = queryTypes(pool.options.types!);
  const kysely = (orm.em.getConnection() as PostgreSqlConnection).getClient();
  const listeners = new Set<() => void>();
  const dedicated = new Set<DedicatedConnection>();

  const statement = statementFor(types);

  const refuseWhenFull = (): void => {
    if (pool.waitingCount >= poolMax * maxWaitersPerConnection) throw appError('platform.overloaded', { retryAfterMs: 1_000 });
  };

  const signalOutbox = (): void => {
    for (const listener of listeners) listener();
  };

  const attempt = async <T>(work: (tx: Transaction) => Promise<T>, isolation: IsolationLevel | undefined): Promise<T> => {
    refuseWhenFull();
    const callbacks: (() => void)[] = [];
    const builder = kysely.transaction();
    // Kysely's controlled transactions keep the connection for ever when BEGIN or COMMIT fails; this form always returns it.
    const result = await (isolation === undefined ? builder : builder.setIsolationLevel(isolation)).execute(async (kyselyTransaction) => {
      const tx = new OpenTransaction({ orm, kysely: kyselyTransaction, statement, callbacks, signalOutbox });
      const value = await work(tx);
      await tx.flush();
      return value;
    });
    for (const callback of callbacks) {
      try {
        callback();
      } catch (error) {
        logger.error({ err: error }, 'an after-commit callback failed');
      }
    }
    return result;
  };

  return {
    query: async <Row>(sql: string, params: readonly unknown[] = [], options?: QueryOptions) => {
      refuseWhenFull();
      try {
        const { rows } = await pool.query(statement(sql, options) as never, params as never);
        return (rows ?? []) as Row[];
      } catch (error) {
        throw toDatabaseError(error);
      }
    },
    transaction: async (work, { isolation } = {}) => {
      for (let count = 1; ; count++) {
        try {
          return await attempt(work, isolation);
        } catch (error) {
          if (count >= maxAttempts || !isTransactionConflict(error)) throw toDatabaseError(error);
          // Full jitter: two transactions that collided must not meet again.
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 10 * 2 ** count));
        }
      }
    },
    em: () => orm.em.fork(),
    ping: async () => {
      try {
        await pool.query('select 1');
      } catch (error) {
        throw toDatabaseError(error);
      }
    },
    signalOutbox,
    onOutboxSignal: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    connectDedicated: async () => {
      const connection = await openConnection({ ...options, connectTimeoutMs: options.poolWaitMs });
      dedicated.add(connection);
      void connection.lost.then(() => dedicated.delete(connection));
      return connection;
    },
    poolStats: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close: async () => {
      await Promise.all([...dedicated].map((connection) => connection.close()));
      await orm.close(true);
      // MikroORM ends the pool only if it was asked for a connection itself; queries go past it.
      if (!pool.ending) await pool.end();
    },
  };
};
