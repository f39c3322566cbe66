/** Fields that a service refuses, by the names that a client has sent. */
import { type AppError, appError } from '#platform/errors/index.ts';

/** Messages that hold what stands on the first level of a body or a query. */
const wrappers = /^(ask|content|details|filter|promotion|refund)\./;
const camelCase = (text: string): string => text.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());

/** Amounts are texts beside one currency here, rates are not in millionths, a rule's price is an object, the idempotency key is a header. */
const edgeField = (field: string): string => {
  // A contact's own fields are named by the client himself, as he likes.
  if (field.startsWith('fields.')) return field;
  const name = camelCase(field.replace(wrappers, ''))
    .replace(/\.micros$/, '')
    .replace(/^\w+\.currency$/, 'currency')
    .replace(/Ppm$/, '')
    .replace(/^(rules\[\d+\])\.(fixed|multiple|plus)$/, '$1.price.$2');
  return name === 'idempotencyKey' ? 'idempotency-key' : name;
};

/** @param error of a service: it has the status that came as its cause. The gateway's own name their fields as they came */
export const withEdgeFields = (error: AppError): AppError =>
  error.fields.length === 0 || error.cause === undefined
    ? error
    : appError(error.code, {
        ...{ message: error.message, meta: error.meta, cause: error.cause },
        fields: error.fields.map(({ field, reason }) => ({ field: edgeField(field), reason })),
        ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
      });
