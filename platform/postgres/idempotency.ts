import { createHash } from 'node:crypto';
import { appError, isAppError } from '#platform/errors/index.ts';
import { fromTaggedJson, toTaggedJson } from './tagged-json.ts';
import { sqlState } from './errors.ts';
import type { Queryable } from './types.ts';

export interface IdempotentRequest {
  readonly tenantId: string;
  /** Names the operation, so that one key may be used for two different ones: 'billing.place-hold'. */
  readonly operation: string;
  /** The caller's key, 1 to 255 characters. */
  readonly key: string;
  /** Everything that decides what happens; compared by hash. */
  readonly request: unknown;
}

const maxKeyLength = 255;

const requestHash = (request: unknown): Buffer => createHash('sha256').update(toTaggedJson(request)).digest();

/**
 * Runs `work` at most once per (tenant, operation, key). The key row is written in the caller's transaction, before the
 * work: a second transaction with the same key waits for the first, then finds its answer, or runs if the first failed.
 * The answer must be JSON; bigint, Date and bytes come back as they were.
 * @throws AppError request.idempotency_conflict (same key, other request), request.idempotency_in_progress (the first
 *   transaction is still running after lock_timeout), request.invalid on field "idempotencyKey"
 */
export const withIdempotency = async <T>(
  tx: Queryable,
  { tenantId, operation, key, request }: IdempotentRequest,
  work: () => Promise<T>,
): Promise<T> => {
  if (key.length === 0 || key.length > maxKeyLength) {
    throw appError('request.invalid', { fields: [{ field: 'idempotencyKey', reason: `must have 1 to ${maxKeyLength} characters` }] });
  }
  const hash = requestHash(request);
  if (!(await claim(tx, [tenantId, operation, key, hash]))) return storedAnswer<T>(tx, [tenantId, operation, key], hash);
  const answer = await work();
  await tx.query(
    'update idempotency_keys set response = $4 where tenant_id = $1 and operation = $2 and key = $3',
    [tenantId, operation, key, toTaggedJson(answer)],
    { name: 'idempotency-answer' },
  );
  return answer;
};

const claim = async (tx: Queryable, params: readonly unknown[]): Promise<boolean> => {
  try {
    const rows = await tx.query(
      `insert into idempotency_keys (tenant_id, operation, key, request_hash) values ($1, $2, $3, $4)
       on conflict do nothing returning 1 as claimed`,
      params,
      { name: 'idempotency-claim' },
    );
    return rows.length === 1;
  } catch (error) {
    if (isAppError(error) && sqlState(error.cause) === '55P03')
      throw appError('request.idempotency_in_progress', { retryAfterMs: 1_000, cause: error });
    throw error;
  }
};

const storedAnswer = async <T>(tx: Queryable, id: readonly unknown[], hash: Buffer): Promise<T> => {
  const [row] = await tx.query<{ request_hash: Buffer; response: string | null }>(
    'select request_hash, response from idempotency_keys where tenant_id = $1 and operation = $2 and key = $3',
    id,
    { name: 'idempotency-read' },
  );
  // Gone between the two statements (swept), or claimed earlier in this very transaction.
  if (row === undefined || row.response === null) throw appError('request.idempotency_in_progress', { retryAfterMs: 1_000 });
  if (!row.request_hash.equals(hash)) throw appError('request.idempotency_conflict');
  return fromTaggedJson(row.response) as T;
};
