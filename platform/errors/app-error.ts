import { catalogue, type ErrorCode, type ErrorRow } from './catalogue.ts';

/** One refused field: `field` is a JSON path of the request (`audience.contactIds[3]`), `reason` a short sentence. */
export interface FieldViolation {
  readonly field: string;
  readonly reason: string;
}

export interface AppErrorOptions {
  /** Public text; defaults to the catalogue's title. Never holds internal detail. */
  readonly message?: string;
  readonly fields?: readonly FieldViolation[];
  /** When a repetition makes sense, in milliseconds from now. */
  readonly retryAfterMs?: number;
  /** Internal: logged, never sent. */
  readonly cause?: unknown;
  /** Public machine-readable extras, for example `{ available: '0.10' }`. */
  readonly meta?: Readonly<Record<string, string>>;
}

/** The one error type that crosses layers, processes and the API. Anything else that is thrown becomes `platform.internal`. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly fields: readonly FieldViolation[];
  readonly retryAfterMs: number | undefined;
  readonly meta: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, options: AppErrorOptions = {}) {
    super(options.message ?? catalogue[code].title, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.fields = options.fields ?? [];
    this.retryAfterMs = options.retryAfterMs;
    this.meta = options.meta ?? {};
  }

  get row(): ErrorRow {
    return catalogue[this.code];
  }
}

export const appError = (code: ErrorCode, options: AppErrorOptions = {}): AppError => new AppError(code, options);

export const isAppError = (error: unknown, code?: ErrorCode): error is AppError =>
  error instanceof AppError && (code === undefined || error.code === code);

/** Anything thrown, as an AppError; unknown errors keep their text as internal cause only. */
export const toAppError = (error: unknown): AppError =>
  error instanceof AppError ? error : new AppError('platform.internal', { cause: error });
