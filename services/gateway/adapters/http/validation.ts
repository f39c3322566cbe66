/**
 * Schema validation, stricter than Fastify's defaults: bodies are never coerced or stripped (an amount given as a number
 * is an error, an unknown field is an error); query strings are text, so numbers in them are converted.
 */
import { Ajv, type ErrorObject } from 'ajv';
import addFormats from 'ajv-formats';
import type { FastifySchemaCompiler, FastifySchemaValidationError } from 'fastify';
import { appError, type AppError, type FieldViolation } from '#platform/errors/index.ts';

const rfc3339 = addFormats.default.get('date-time') as { readonly validate: (text: string) => boolean };
/** Also a time that a Date holds: no leap second, no offset without minutes. */
const isDateTime = (text: string): boolean => rfc3339.validate(text) && !Number.isNaN(Date.parse(text));

const make = (coerceTypes: boolean): Ajv => {
  // allErrors is bounded by the body limit; schemas cap lengths before patterns run.
  const ajv = new Ajv({ coerceTypes, removeAdditional: false, useDefaults: true, allErrors: true, strict: false });
  addFormats.default(ajv);
  ajv.addFormat('date-time', isDateTime);
  return ajv;
};

export const validatorCompiler = (): FastifySchemaCompiler<object> => {
  const strict = make(false);
  const coercing = make(true);
  return ({ schema, httpPart }) => (httpPart === 'body' ? strict : coercing).compile(schema);
};

const maxReported = 20;

const pathOf = (error: Partial<ErrorObject>): string => {
  const parts = (error.instancePath ?? '')
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const params = (error.params ?? {}) as { missingProperty?: string; additionalProperty?: string };
  const own = params.missingProperty ?? params.additionalProperty;
  if (own !== undefined) parts.push(own);
  return parts.map((part, index) => (/^\d+$/.test(part) ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');
};

const reasonOf = (error: Partial<ErrorObject>): string => {
  const params = (error.params ?? {}) as { allowedValues?: unknown[]; format?: string; pattern?: string };
  switch (error.keyword) {
    case 'required':
      return 'is required';
    case 'additionalProperties':
      return 'is not a known field';
    case 'enum':
      return `must be one of ${(params.allowedValues ?? []).map(String).join(', ')}`;
    case 'format':
      return `is not a valid ${params.format ?? 'value'}`;
    case 'pattern':
      return 'does not have the required form';
    default:
      return error.message ?? 'is not valid';
  }
};

/** A refused request as `request.invalid`, naming every field once. */
export const toValidationError = (errors: readonly FastifySchemaValidationError[], part: string | undefined): AppError => {
  const fields: FieldViolation[] = [];
  for (const error of errors as readonly Partial<ErrorObject>[]) {
    const field = pathOf(error) || (part ?? 'body');
    // anyOf adds one error for the whole beside those of each branch; the first for a field says enough.
    if (!fields.some((known) => known.field === field)) fields.push({ field, reason: reasonOf(error) });
    if (fields.length === maxReported) break;
  }
  return appError('request.invalid', {
    fields,
    message: `${fields.map(({ field, reason }) => `${field} ${reason}`).join('; ')}.`.slice(0, 500),
  });
};
