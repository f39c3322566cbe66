import { appError, isAppError, type ErrorCode } from '#platform/errors/index.ts';

interface DatabaseErrorFields {
  readonly code?: unknown;
  readonly constraint?: unknown;
  readonly message?: unknown;
}

const fieldsOf = (error: unknown): DatabaseErrorFields =>
  typeof error === 'object' && error !== null ? (error as DatabaseErrorFields) : {};

/** SQLSTATE of a database error, however often it has been wrapped. */
export const sqlState = (error: unknown): string | undefined => {
  const { code } = fieldsOf(error);
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
};

/**
 * @param constraint name of the constraint or unique index; any when left out
 * @returns whether `error` says that a unique constraint refused a row
 */
export const isUniqueViolation = (error: unknown, constraint?: string): boolean =>
  sqlState(error) === '23505' && (constraint === undefined || fieldsOf(error).constraint === constraint);

/** Serialization failure or deadlock: the whole transaction may simply run again. */
export const isTransactionConflict = (error: unknown): boolean => ['40001', '40P01'].includes(sqlState(error) ?? '');

const socketCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
]);
const connectionTexts =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout|timeout expired|Cannot use a pool after calling end)/;
const poolWaitText = 'timeout exceeded when trying to connect';
export const readTimeoutText = 'Query read timeout';

const bySqlState: Readonly<Record<string, ErrorCode>> = {
  '57014': 'platform.deadline_exceeded', // statement_timeout or a cancel request
  '55P03': 'platform.deadline_exceeded', // lock_timeout
  '53300': 'platform.overloaded', // too many connections
  '57P01': 'platform.unavailable', // terminated by an administrator
  '57P02': 'platform.unavailable', // crash of another backend
  '57P03': 'platform.unavailable', // starting up or shutting down
  '25P03': 'platform.unavailable', // idle in transaction for too long
  '25P04': 'platform.unavailable', // transaction_timeout
};

const codeFor = (error: unknown): ErrorCode | undefined => {
  const state = sqlState(error);
  if (state !== undefined) return bySqlState[state] ?? (state.startsWith('08') ? 'platform.unavailable' : undefined);
  const { code, message } = fieldsOf(error);
  if (typeof code === 'string' && socketCodes.has(code)) return 'platform.unavailable';
  if (typeof message !== 'string') return undefined;
  if (message === poolWaitText) return 'platform.overloaded';
  return connectionTexts.test(message) ? 'platform.unavailable' : undefined;
};

/**
 * Translates what says nothing about the statement itself (no connection, no time, no capacity) into an AppError.
 * Everything else (constraint violations, syntax) is returned as it is: only the caller knows what it means.
 */
export const toDatabaseError = (error: unknown): unknown => {
  if (isAppError(error)) return error;
  if (error instanceof AggregateError && error.errors.length > 0) return toDatabaseError(error.errors[0]);
  const code = codeFor(error);
  return code === undefined ? error : appError(code, { cause: error });
};

/**
 * A statement that the database refused (a constraint, bad data, a deadlock) changed nothing: its items can be tried one by one, so
 * that one bad item spoils no other. After any other failure nobody knows what was done: every caller gets the error.
 */
export const refusedByDatabase = (error: unknown): boolean => /^(22|23|40|P0)/.test(sqlState(error) ?? '');
