import type { PolicyRefusal, Refused } from '../../../domain/policy/admit.ts';
import type { PolicyRules } from '../../../domain/policy/rules.ts';

/** A purchase as the reserving statement decided it. */
export interface AdmittedRow {
  readonly id: string;
  /** '' allowed, 'known' or a refusal. */
  readonly reason: '' | 'known' | PolicyRefusal;
  readonly limit_value: bigint | null;
  readonly retry_after_ms: bigint | null;
  readonly new_account: boolean;
}

export const refusedOf = (row: AdmittedRow): Refused => {
  if (row.reason === '' || row.reason === 'known') throw new Error('a purchase that is not refused is written or known');
  return {
    reason: row.reason,
    limit: row.limit_value ?? undefined,
    retryAfterMs: row.retry_after_ms === null ? undefined : Number(row.retry_after_ms),
    newAccount: row.new_account,
  };
};

/** The rules as the database reads them. Amounts as text: they may be larger than a number of JSON is exact. */
export const rulesJson = ({ levels, newAccount, successFloor }: PolicyRules): string =>
  JSON.stringify({ levels, newAccount, successFloor }, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
