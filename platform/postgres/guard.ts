import type { Client, QueryResult } from 'pg';
import { readTimeoutText } from './errors.ts';

type Tell = (error: Error | null | undefined, result: QueryResult) => void;
type Query = (config: unknown, values: unknown, tell: Tell) => unknown;

/**
 * Three gaps of pg:
 * - after a client-side time-out the connection still waits for the old answer, yet goes back to the pool: destroy it;
 * - COMMIT of a transaction in which a statement failed answers ROLLBACK without an error: a caller that swallowed the
 *   failure would believe its writes are durable;
 * - what it makes for a promise, and for `query_timeout`, is a callback that refers to its statement and is put into it after it was made. V8 keeps
 *   such statements, with all their rows, until the whole heap is marked, once an answer takes more than one read (docs/adr/0080). So promise
 *   and time-out are made here, and pg gets a callback from the start that refers to neither.
 *
 * @param readTimeoutMs the server cancels first; this ends statements over a connection that swallows everything
 */
export const guardClient = (client: Client, readTimeoutMs: number): void => {
  const query = client.query.bind(client) as Query;

  const run = (config: unknown, values: unknown, tell: Tell): void => {
    let told = false;
    const timer = setTimeout(() => {
      told = true;
      tell(new Error(readTimeoutText), undefined as never);
      destroy(client);
    }, readTimeoutMs);
    query(config, values, (error, result) => {
      if (told) return;
      clearTimeout(timer);
      if (!error && config === 'commit' && result.command === 'ROLLBACK')
        tell(new Error('the transaction was rolled back, because one of its statements had failed'), result);
      else tell(error, result);
    });
  };
  const guarded = (config: unknown, values?: unknown, callback?: Tell): unknown => {
    // A cursor brings its own ways.
    if (typeof (config as { submit?: unknown }).submit === 'function') return query(config, values, callback as Tell);
    const [parameters, tell] = typeof values === 'function' ? [undefined, values as Tell] : [values, callback];
    if (tell !== undefined) {
      run(config, parameters, tell);
      return undefined;
    }
    return new Promise<QueryResult>((resolve, reject) =>
      run(config, parameters, (error, result) => {
        if (error) reject(error);
        else resolve(result);
      }),
    ).catch((error: Error) => {
      // The stack of who asked, not of the socket; as pg does.
      Error.captureStackTrace(error);
      throw error;
    });
  };
  client.query = guarded as Client['query'];
};

const destroy = (client: Client): void =>
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
