import type { EntityManager } from '@mikro-orm/postgresql';

/** `name` makes it a prepared statement of each connection: parsed and planned once. For hot paths with constant text. */
export interface QueryOptions {
  readonly name?: string;
}

export interface Queryable {
  /**
   * Runs one SQL statement with native `$n` parameters.
   * int8 arrives as bigint, numeric as string, timestamptz as Date, jsonb as object, bytea as Buffer.
   * @throws AppError platform.unavailable | platform.overloaded | platform.deadline_exceeded; else the driver's error
   */
  query<Row = Record<string, unknown>>(sql: string, params?: readonly unknown[], options?: QueryOptions): Promise<Row[]>;
}

export interface Transaction extends Queryable {
  /** Forked at first use, so a transaction that only speaks SQL never pays for it; flushed before the commit. */
  readonly em: EntityManager;
  /** Runs after a successful commit, in the order of registration. Must not throw; whatever it throws is only logged. */
  afterCommit(callback: () => void): void;
  /** Wakes this process's relay once, after the commit: this transaction has inserted outbox rows. */
  signalOutbox(): void;
}

export type IsolationLevel = 'read committed' | 'repeatable read' | 'serializable';

/** A connection outside the pool, for session state such as advisory locks. */
export interface DedicatedConnection extends Queryable {
  /** Resolves when the connection is gone, whoever ended it. Never rejects. */
  readonly lost: Promise<void>;
  close(): Promise<void>;
}

export interface Database extends Queryable {
  /**
   * Runs `work` between BEGIN and COMMIT and again, up to 3 times, after a serialization failure or a deadlock:
   * `work` must have no effect outside the transaction (use `afterCommit`).
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: { readonly isolation?: IsolationLevel }): Promise<T>;
  /** A fresh EntityManager without a transaction, for reads. */
  em(): EntityManager;
  ping(): Promise<void>;
  /** Tells this process's relay that outbox rows have been committed. */
  signalOutbox(): void;
  /** @returns a function that ends the subscription */
  onOutboxSignal(listener: () => void): () => void;
  connectDedicated(): Promise<DedicatedConnection>;
  /** Pool figures, for metrics. */
  poolStats(): { readonly total: number; readonly idle: number; readonly waiting: number };
  close(): Promise<void>;
}
