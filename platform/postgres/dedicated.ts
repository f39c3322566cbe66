import type { Client, ClientConfig, CustomTypesConfig, Pool } from 'pg';
import { toDatabaseError } from './errors.ts';
import { guardClient } from './guard.ts';
import type { DedicatedConnection, QueryOptions } from './types.ts';

/** Opens one connection with the pool's settings, outside the pool. @throws AppError platform.unavailable */
export const openDedicated = async (pool: Pool, types: CustomTypesConfig, readTimeoutMs: number): Promise<DedicatedConnection> => {
  const { options, Client: Constructor } = pool as unknown as { options: ClientConfig; Client: new (config: ClientConfig) => Client };
  // The pool hides its password from enumeration, so a spread alone would lose it.
  const { password } = options;
  const client = new Constructor({ ...options, ...(password === undefined ? {} : { password }) });
  const lost = new Promise<void>((resolve) => {
    client.once('end', () => resolve());
    client.on('error', () => resolve());
  });
  try {
    await client.connect();
  } catch (error) {
    throw toDatabaseError(error);
  }
  guardClient(client, readTimeoutMs);
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
