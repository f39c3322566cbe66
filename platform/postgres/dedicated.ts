import pg, { type CustomTypesConfig } from 'pg';
import { clientOptions, readTimeoutMs, type SessionOptions } from './connection-options.ts';
import { toDatabaseError } from './errors.ts';
import { guardClient } from './guard.ts';
import { queryTypes } from './parsers.ts';
import type { DedicatedConnection, QueryOptions } from './types.ts';

const types = queryTypes(pg.types as CustomTypesConfig);

export interface ConnectOptions extends SessionOptions {
  /** A server that swallows everything must not hold up whoever tries again. By default as long as a pool's callers wait. */
  readonly connectTimeoutMs?: number | undefined;
}

/** Opens one connection that belongs to no pool and knows no ORM. @throws AppError platform.unavailable */
export const openConnection = async ({ connectTimeoutMs = 3_000, ...session }: ConnectOptions): Promise<DedicatedConnection> => {
  const client = new pg.Client({ ...clientOptions(session), connectionTimeoutMillis: connectTimeoutMs });
  const lost = new Promise<void>((resolve) => {
    client.once('end', () => resolve());
    client.on('error', () => resolve());
  });
  try {
    await client.connect();
  } catch (error) {
    throw toDatabaseError(error);
  }
  guardClient(client, readTimeoutMs(session));
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
