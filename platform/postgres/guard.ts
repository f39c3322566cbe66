import type { Client, QueryResult } from 'pg';
import { readTimeoutText } from './errors.ts';

/**
 * Two gaps of pg that would otherwise surface as wrong results:
 * - after a client-side time-out the connection still waits for the old answer, yet goes back to the pool: destroy it;
 * - COMMIT of a transaction in which a statement failed answers ROLLBACK without an error: a caller that swallowed the
 *   failure would believe its writes are durable.
 */
export const guardClient = (client: Client): void => {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  const guarded = (...args: unknown[]): unknown => {
    const answer = query(...args);
    if (!(answer instanceof Promise)) return answer;
    return answer.then(
      (result: QueryResult) => {
        if (args[0] === 'commit' && result.command === 'ROLLBACK') {
          throw new Error('the transaction was rolled back, because one of its statements had failed');
        }
        return result;
      },
      (error: unknown) => {
        if (error instanceof Error && error.message === readTimeoutText) destroy(client);
        throw error;
      },
    );
  };
  client.query = guarded as Client['query'];
};

const destroy = (client: Client): void =>
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
