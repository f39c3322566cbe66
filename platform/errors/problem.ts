import type { AppError, FieldViolation } from './app-error.ts';

/** RFC 9457 problem details, as `application/problem+json`. */
export interface Problem {
  /** Stable address of the error's description. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: string;
  readonly errors: readonly FieldViolation[];
  readonly requestId: string;
  readonly traceId?: string;
  /** Whole seconds, as in the Retry-After header. */
  readonly retryAfter?: number;
  readonly [extra: string]: unknown;
}

export interface ProblemContext {
  /** The request's path. */
  readonly instance: string;
  readonly requestId: string;
  readonly traceId?: string | undefined;
  /** Where the errors are described; a path of the documentation unless told otherwise. */
  readonly typeBase?: string;
}

export const problemContentType = 'application/problem+json; charset=utf-8';

/** Extras come first, so none of them can replace a member of the standard. */
export const toProblem = (error: AppError, { instance, requestId, traceId, typeBase = '/errors/' }: ProblemContext): Problem => ({
  ...error.meta,
  type: `${typeBase}${error.code}`,
  title: error.row.title,
  status: error.row.http,
  detail: error.message,
  instance,
  code: error.code,
  errors: error.fields,
  requestId,
  ...(traceId === undefined ? {} : { traceId }),
  ...(error.retryAfterMs === undefined ? {} : { retryAfter: Math.max(1, Math.ceil(error.retryAfterMs / 1_000)) }),
});
