/**
 * Whatever a client sends, the answer is never our failure: no 5xx, always a problem with code and request id when it is
 * refused, and the platform goes on working. Seed: FUZZ_SEED, printed.
 */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import fc from 'fast-check';
import { newId, toTypeId } from '#platform/ids/index.ts';
import { routeTable } from '../../services/gateway/testing/route-table.ts';
import { expectStatus, newCustomer, until, type Answer, type Customer } from '../support/client.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const requests = 1_500;

let platform: TestPlatform;
let customer: Customer;
before(async () => {
  platform = await startTestPlatform();
  customer = await newCustomer(platform.gatewayUrl, 'Fuzz Ltd');
  await platform.grantCredit(customer.tenantId, '100.00');
});
after(() => platform?.stop());

/** Bodies that are right, by route: each is spoilt in one place. */
const bodies: Readonly<Record<string, unknown>> = {
  'POST /v2/auth/register': { email: 'fuzz@example.com', password: 'plum-otter-candle-91', organization: 'Fuzz' },
  'POST /v2/auth/login': { email: 'fuzz@example.com', password: 'plum-otter-candle-91' },
  'POST /v2/auth/refresh': { refreshToken: 'x' },
  'POST /v2/auth/verify-email': { token: 'x' },
  'POST /v2/auth/resend-verification': { email: 'fuzz@example.com' },
  'POST /v2/invitations': { email: 'fuzz@example.com', role: 'staff' },
  'POST /v2/invitations/accept': { token: 'x', password: 'plum-otter-candle-91' },
  'POST /v2/api-keys': { name: 'k', scopes: ['wallet:read'], expiresAt: '2030-01-01T00:00:00Z' },
  'POST /v2/payments': { amount: '5.00', currency: 'USD', gateway: 'simulator' },
  'POST /v2/verifications': { service: 'telegram', country: 'ID', capability: 'sms', maxPrice: '1.00' },
  'POST /v2/verifications/bulk': { items: [{ service: 'telegram', country: 'ID', capability: 'sms', count: 2, maxPrice: '1.00' }] },
  'POST /v2/contacts': {
    phone: '+447700900123',
    firstName: 'Ada',
    lastName: 'L',
    email: 'a@example.com',
    tags: ['t'],
    fields: { city: 'Rome' },
  },
  'POST /v2/campaigns': { name: 'n', body: 'Hello {{ firstName }}', audience: { contactIds: [toTypeId('contact', newId())] } },
};

const oddText = fc.constantFrom(
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\u202e',
  '💥'.repeat(50),
  'x'.repeat(5_000),
  '{{ x',
  '{% for a in (1..9999999) %}x{% endfor %}',
  "'; drop table events; --",
  '../../etc/passwd',
  '-1',
  '1e9',
  'NaN',
  '99999999999999999999',
  '2026-13-45T99:99:99Z',
  '+0',
  '[object Object]',
);
const nested = (levels: number): unknown => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`) as unknown;
const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  oddText,
  fc.constantFrom(
    null,
    true,
    0,
    -1,
    1e308,
    2 ** 53,
    [],
    {},
    [[[[[]]]]],
    { a: { b: { c: {} } } },
    Array<string>(3_000).fill('x'),
    nested(3_000),
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

/** One value somewhere inside, replaced; or one key added; or one removed. */
const spoil = (value: unknown, odd: unknown, pick: number): unknown => {
  if (typeof value !== 'object' || value === null) return odd;
  const keys = Object.keys(value);
  const choice = pick % (keys.length + 3);
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [...(value as unknown[])] : { ...value };
  const key = keys[choice];
  if (key !== undefined) (copy as Record<string, unknown>)[key] = spoil((copy as Record<string, unknown>)[key], odd, Math.floor(pick / 7));
  else if (choice === keys.length) return odd;
  else if (choice === keys.length + 1) (copy as Record<string, unknown>)['__proto_x'] = odd;
  else delete (copy as Record<string, unknown>)[keys[pick % Math.max(1, keys.length)] ?? ''];
  return copy;
};

const lawful = (what: string, { status, body, headers }: Answer): void => {
  assert.ok(status < 500, `${what}: ${status} ${JSON.stringify(body)}`);
  if (status < 400) return;
  // Pages for people, outside /v2, refuse in HTML.
  const contentType = headers.get('content-type') ?? '';
  if (!what.includes(' /v2/') && contentType.startsWith('text/html')) return;
  assert.match(contentType, /^application\/problem\+json/, what);
  assert.equal(typeof body.code, 'string', what);
  assert.equal(body.requestId, headers.get('x-request-id'), what);
  assert.doesNotMatch(JSON.stringify(body), /node_modules|\.ts:\d|at \w+ \(/, what);
};

it(`answers everything that is odd by an ordinary refusal (seed ${seed})`, { timeout: 180_000 }, async () => {
  const routes = (await routeTable()).filter(
    ({ method, url }) => ['GET', 'POST', 'DELETE'].includes(method) && !/^\/docs|\*$|\/(events|stream)$|callbacks|logout/.test(url),
  );
  const kinds = {
    verifications: 'verification',
    payments: 'payment',
    contacts: 'contact',
    campaigns: 'campaign',
    'api-keys': 'apiKey',
  } as const;
  await fc.assert(
    fc.asyncProperty(fc.nat(), oddValue, fc.nat(), oddText, fc.nat(7), async (which, odd, pick, text, extra) => {
      const route = routes[which % routes.length];
      assert.ok(route);
      const { method, url } = route;
      const kind = kinds[(url.split('/')[2] ?? '') as keyof typeof kinds];
      const id = extra % 2 === 0 && kind ? toTypeId(kind, newId()) : encodeURIComponent(text.isWellFormed() ? text : 'x');
      const path = url.replace(/:\w+/, pick % 40 === 0 ? 'x%zz' : id || 'x');
      const query =
        extra === 3
          ? `?limit=${encodeURIComponent(String(pick))}&cursor=${encodeURIComponent(text.isWellFormed() ? text : '')}`
          : extra === 5
            ? `?cursor=W10&cursor=e30&limit=1&limit=2&search=%00&type=%F0%9F&status=x&nonsense=${pick}`
            : '';
      const template = bodies[`${method} ${url}`] ?? {};
      const body = method === 'POST' ? spoil(template, odd, pick) : undefined;
      const headers: Record<string, string> =
        extra === 4 ? { 'content-type': 'text/plain' } : extra === 6 ? { 'idempotency-key': 'x'.repeat(pick % 400) || 'k' } : {};
      lawful(
        `${method} ${path}${query} ${JSON.stringify(body)?.slice(0, 300)}`,
        await customer.api.call(method, `${path}${query}`, body, headers),
      );
    }),
    { seed, numRuns: requests },
  );
});

it('names the field that holds what no database keeps: a NUL', async () => {
  const wrong: readonly (readonly [string, Record<string, unknown>, string])[] = [
    ['/v2/contacts', { phone: '+447700900124', firstName: 'a\u0000b' }, 'firstName'],
    ['/v2/contacts', { phone: '+447700900125', fields: { city: '\u0000' } }, 'fields.city'],
    ['/v2/campaigns', { name: '\u0000', body: 'b', audience: { all: true } }, 'name'],
    ['/v2/api-keys', { name: 'k\u0000' }, 'name'],
    ['/v2/auth/register', { email: 'a@example.com', password: 'plum-otter-candle-91', organization: 'x\u0000' }, 'organization'],
    ['/v2/verifications', { service: 'tele\u0000gram', country: 'ID' }, 'service'],
  ];
  for (const [path, body, field] of wrong) {
    const refused = expectStatus(await customer.api.post(path, body), 422);
    assert.equal(refused.errors[0].field, field, path);
  }
  expectStatus(await customer.api.get('/v2/contacts?search=%00'), 422);
});

it('goes on working after that', async () => {
  // Another customer: by now this one may have paused its spending, or set itself a budget of nothing.
  const other = await newCustomer(platform.gatewayUrl, 'After Ltd');
  await platform.grantCredit(other.tenantId, '5.00');
  const rented = expectStatus(await other.api.post('/v2/verifications', { service: 'telegram', country: 'ID' }), 201);
  await until(
    'completed',
    async () => (await other.api.get(`/v2/verifications/${rented.id}`)).body,
    ({ status }) => status === 'completed',
  );
});
