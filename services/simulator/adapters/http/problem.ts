import type { FastifyReply } from 'fastify';
import { appError, catalogue, toAppError, type AppError, type FieldViolation } from '#platform/errors/index.ts';

/** RFC 9457, with the platform's own codes, so that a person who reads one service's errors can read all of them. */
export const sendProblem = (reply: FastifyReply, error: AppError): FastifyReply => {
  const status = catalogue[error.code].http;
  return reply
    .code(status)
    .type('application/problem+json; charset=utf-8')
    .send({ type: `urn:namaskah:error:${error.code}`, title: error.message, status, code: error.code, errors: error.fields });
};

export const invalid = (fields: readonly FieldViolation[]): AppError => appError('request.invalid', { fields });

interface FastifyProblem {
  readonly validation?: readonly { instancePath: string; message?: string }[];
  readonly statusCode?: number;
}

/** What Fastify throws (schema, JSON, size) in the same form. */
export const problemOf = (error: unknown): AppError => {
  const { statusCode } = error as FastifyProblem;
  if (statusCode === 413) return appError('request.too_large');
  if (statusCode === 415) return appError('request.unsupported_media_type');
  if (statusCode === 400) return appError('request.malformed');
  return toAppError(error);
};
