import type { EntityManager, MikroORM } from '@mikro-orm/postgresql';
import { toDatabaseError } from './errors.ts';
import type { QueryOptions, Transaction } from './types.ts';

export type Statement = (sql: string, options: QueryOptions | undefined) => object;

/** pg's object form of a statement, which carries the parsers and the name. */
export const statementFor =
  (types: unknown): Statement =>
  (sql, options) =>
    options?.name === undefined ? { text: sql, types } : { text: sql, types, name: options.name };

interface KyselyTransaction {
  executeQuery(query: unknown): Promise<{ readonly rows: unknown[] }>;
}

interface TransactionParts {
  readonly orm: MikroORM;
  /** Of which only `executeQuery` is used. */
  readonly kysely: unknown;
  readonly statement: Statement;
  /** Where it notes what is to be run after the commit. */
  readonly callbacks: (() => void)[];
  readonly signalOutbox: () => void;
}

/** A class because of its getter: see docs/adr/0076. */
export class OpenTransaction implements Transaction {
  readonly #parts: TransactionParts;
  #em: EntityManager | undefined;

  constructor(parts: TransactionParts) {
    this.#parts = parts;
  }

  get em(): EntityManager {
    if (this.#em === undefined) {
      this.#em = this.#parts.orm.em.fork() as EntityManager;
      this.#em.setTransactionContext(this.#parts.kysely);
    }
    return this.#em;
  }

  async query<Row>(sql: string, params: readonly unknown[] = [], options?: QueryOptions): Promise<Row[]> {
    const { kysely, statement } = this.#parts;
    // Kysely hands `sql` and `parameters` to pg untouched.
    const compiled = { sql: statement(sql, options), parameters: params, query: { kind: 'RawNode' }, queryId: { queryId: '' } };
    try {
      const { rows } = await (kysely as KyselyTransaction).executeQuery(compiled);
      return rows as Row[];
    } catch (error) {
      throw toDatabaseError(error);
    }
  }

  afterCommit(callback: () => void): void {
    this.#parts.callbacks.push(callback);
  }

  signalOutbox(): void {
    const { callbacks, signalOutbox } = this.#parts;
    if (!callbacks.includes(signalOutbox)) callbacks.push(signalOutbox);
  }

  /** Writes what the entity manager still holds. */
  async flush(): Promise<void> {
    await this.#em?.flush();
  }
}
