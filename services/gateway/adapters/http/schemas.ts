/** Shapes shared by several routes. Every object is closed: unknown fields are refused, in both directions. */
import { Type, type Static, type TSchema, type TSchemaOptions, type TString, type TUnsafe } from 'typebox';

export const closed = { additionalProperties: false } as const;

export const Amount = Type.String({
  pattern: String.raw`^(0|[1-9]\d{0,9})(\.\d{1,6})?$`,
  description: 'Decimal amount as a string, at most six decimals',
  examples: ['12.50'],
});
export const SignedAmount = Type.String({ description: 'Decimal amount; negative leaves the wallet', examples: ['-0.45'] });
export const Currency = Type.String({ pattern: '^[A-Z]{3}$', description: 'ISO 4217', examples: ['USD'] });
export const Capability = Type.Enum(['sms', 'voice'], {
  description: 'voice: the number answers a call, and the code is heard',
  examples: ['sms'],
});
/** What a purchase may insist on. */
export const Operator = Type.String({
  pattern: '^[A-Za-z0-9-]{1,40}$',
  description: 'Insist on a network of GET /v2/operators; refused where it cannot be chosen',
  examples: ['telkomsel'],
});
export const AreaCode = Type.String({
  pattern: String.raw`^\d{1,5}$`,
  description: 'Insist on a place of GET /v2/area-codes; refused where it cannot be chosen',
  examples: ['212'],
});
const RouteCode = Type.String({ pattern: '^route_[0-9a-f]{10}$', examples: ['route_3f9a1c07be'] });
/** Wishes of a purchase, beside its other fields. */
export const Routes = {
  excludeRoutes: Type.Optional(
    Type.Array(RouteCode, {
      maxItems: 10,
      uniqueItems: true,
      description: 'Routes not to be asked, by the codes of GET /v2/verifications/{id}/route; refused when nobody else sells it',
      examples: [['route_3f9a1c07be']],
    }),
  ),
  preferRoutes: Type.Optional(
    Type.Array(RouteCode, {
      maxItems: 10,
      uniqueItems: true,
      description: 'Routes to be asked first, where they can be',
      examples: [['route_81d20c6e4f']],
    }),
  ),
};
export const Timestamp = Type.String({ format: 'date-time', description: 'RFC 3339, UTC', examples: ['2026-11-21T08:30:00.000Z'] });
export const id = (prefix: string) =>
  Type.String({ description: `TypeID with prefix ${prefix}_`, examples: [`${prefix}_01kaj4p1ncf5sv5nh2e4t2x9wd`] });

export const PageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: 'Rows wanted; 25 by default' })),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 512, description: 'nextCursor of the page before' })),
};

export const pageOf = <T extends TSchema>(item: T) =>
  Type.Object(
    { data: Type.Array(item), nextCursor: Type.Union([Type.String(), Type.Null()], { description: 'null on the last page' }) },
    closed,
  );

const Problem = Type.Object(
  {
    type: Type.String({ format: 'uri-reference' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    instance: Type.Optional(Type.String()),
    code: Type.String({ description: 'Stable machine-readable code', examples: ['billing.insufficient_credit'] }),
    errors: Type.Optional(Type.Array(Type.Object({ field: Type.String(), reason: Type.String() }, closed))),
    requestId: Type.Optional(Type.String()),
    traceId: Type.Optional(Type.String()),
  },
  { additionalProperties: true, description: 'RFC 9457 problem details', title: 'Problem' },
);

export const IdempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      pattern: String.raw`^[\x21-\x7e]+$`,
      description: 'Repeat a request safely: the same key and body give the first answer, another body gives 409',
    }),
  ),
});

/**
 * A text that may be null, as a list of types instead of `anyOf`: for that, the serialiser would run a validator of each branch at every
 * answer to find the right one.
 */
export const textOrNull = (text: TString, options: TSchemaOptions = {}): TUnsafe<string | null> =>
  Type.Unsafe<string | null>({ ...text, ...options, type: ['string', 'null'] });

export type PageQueryOf = { limit?: number; cursor?: string };
export type { Static };

const problemResponse = (description: string) => ({ description, content: { 'application/problem+json': { schema: Problem } } });

const byStatus = {
  400: problemResponse('The request cannot be read'),
  401: problemResponse('No valid credentials'),
  402: problemResponse('The available balance is too low'),
  403: problemResponse('Role, scope or policy does not allow this'),
  404: problemResponse('No such resource in this tenant'),
  409: problemResponse('Idempotency conflict or wrong state'),
  413: problemResponse('The body is too large'),
  415: problemResponse('Not application/json'),
  422: problemResponse('Some fields are not valid: see errors'),
  429: problemResponse('Too many requests: see Retry-After'),
  500: problemResponse('Our failure. Whether a change was made is not known: repeat it with the same Idempotency-Key only'),
  503: problemResponse('A part of the platform is not available: see Retry-After. Repeat a change with the same Idempotency-Key only'),
  504: problemResponse('No answer in time. Whether a change was made is not known: repeat it with the same Idempotency-Key only'),
} as const;

/** Problem responses for the OpenAPI document: those that any route can give, plus the listed ones. */
export const problems = (...statuses: (keyof typeof byStatus)[]) =>
  Object.fromEntries(
    [400, 401, 429, 500, 503, 504, ...statuses]
      .toSorted((a, b) => a - b)
      .map((status) => [status, byStatus[status as keyof typeof byStatus]]),
  );
