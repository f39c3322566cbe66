import pg, { type Client, type ClientConfig, type CustomTypesConfig, type Pool } from 'pg';
import { connectionOptions, readTimeoutMs, type SessionOptions } from './connection-options.ts';
import { toDatabaseError } from './errors.ts';
import { guardClient } from './guard.ts';
import { queryTypes } from './parsers.ts';
import type { DedicatedConnection, QueryOptions } from './types.ts';

/** Opens one connection with the pool's settings, outside the pool. @throws AppError platform.unavailable */
export const openDedicated = (pool: Pool, types: CustomTypesConfig, timeoutMs: number): Promise<DedicatedConnection> => {
  const { options, Client: Constructor } = pool as unknown as { options: ClientConfig; Client: new (config: ClientConfig) => Client };
  // The pool hides its password from enumeration, so a spread alone would lose it.
  const { password } = options;
  return connect(new Constructor({ ...options, ...(password === undefined ? {} : { password }) }), types, timeoutMs);
};

/** As long as a pool's callers wait by default: a server that swallows everything must not hold up whoever tries again. */
const connectTimeoutMs = 3_000;

/** Opens one connection where there is no pool: for a thread that needs no more, and no ORM. @throws AppError platform.unavailable */
export const openConnection = (options: SessionOptions): Promise<DedicatedConnection> =>
  connect(
    new pg.Client({ connectionString: options.url, ...connectionOptions(options), connectionTimeoutMillis: connectTimeoutMs }),
    queryTypes(pg.types as CustomTypesConfig),
    readTimeoutMs(options),
  );

const connect = async (client: Client, types: CustomTypesConfig, timeoutMs: number): Promise<DedicatedConnection> => {
  const lost = new Promise<void>((resolve) => {
    client.once('end', () => resolve());
    client.on('error', () => resolve());
  });
  try {
    await client.connect();
  } catch (error) {
    throw toDatabaseError(error);
  }
  guardClient(client, timeoutMs);
  let closing: Promise<void> | undefined;
  return {
    lost,
    query: async <Row>(sql: string, params: readonly unknown[] = [], { name }: QueryOptions = {}) => {
      try {
        const { rows } = await client.query({ text: sql, values: [...params], types, ...(name === undefined ? {} : { name }) });
        return rows as Row[];
      } catch (error) {
        throw toDatabaseError(error);
      }
    },
    close: () => (closing ??= client.end().catch(() => {})),
  };
};
