/**
 * Whatever one service sends another, the answer is never "something went wrong on our side": every method of every proto,
 * by a valid principal, with a request that is right but for one place. Nothing that was taken breaks a worker later, and the
 * platform goes on working. Seed: FUZZ_SEED, printed.
 */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import {
  create,
  createFileRegistry,
  type DescField,
  type DescMessage,
  type DescMethod,
  fromBinary,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { makeGenericClientConstructor } from '@grpc/grpc-js';
import fc from 'fast-check';
import { isAppError } from '#platform/errors/index.ts';
import { type ClientClass, grpcClient, type GrpcCallOptions, type Principal, systemPrincipal } from '#platform/grpc/index.ts';
import { descriptorSet } from '#platform/grpc/descriptors.ts';
import { newId } from '#platform/ids/index.ts';
import { decodeUuid } from '#platform/ids/typeid.ts';
import { LaneServiceClient } from '#proto/namaskah/transport/v1/lanes.ts';
import type { ServiceName } from '../../topology.ts';
import { expectStatus, newCustomer, until, type Customer } from '../support/client.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
const calls = 2_500;

/** Fields as @bufbuild/protobuf takes them: bigint for 64 bits, `{ case, value }` for a oneof. */
type Fields = Record<string, unknown>;
type Call = (request: Buffer, options: GrpcCallOptions) => Promise<unknown>;

type Stream = (request: Buffer, options: GrpcCallOptions) => AsyncIterable<unknown>;

/** A stream read to its end, as a call. */
const drained =
  (stream: Stream): Call =>
  async (request, options) => {
    for await (const _message of stream(request, options));
  };

interface Target {
  readonly method: DescMethod;
  readonly call: Call;
}

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet()));
const uuidOf = (typeId: string): string => decodeUuid(typeId.slice(typeId.lastIndexOf('_') + 1)) ?? assert.fail(typeId);

let platform: TestPlatform;
let customer: Customer;
let targets: Target[];
/** What really exists, so that an id can be right. */
let known: readonly string[];
const closers: (() => Promise<void>)[] = [];

const connect = (): Target[] =>
  [...registry].flatMap((entry) => {
    const owner = /^namaskah\.(\w+)\.v1\./.exec(entry.typeName)?.[1] as ServiceName | undefined;
    // Lanes carry these calls, once they are open; what they make of nonsense stands in platform/grpc/lanes.
    if (entry.kind !== 'service' || owner === undefined || entry.typeName === LaneServiceClient.serviceName) return [];
    const definition = Object.fromEntries(
      entry.methods.map((method) => [
        method.localName,
        {
          path: `/${entry.typeName}/${method.name}`,
          requestStream: false as const,
          responseStream: method.methodKind === 'server_streaming',
          requestSerialize: (bytes: Buffer) => bytes,
          requestDeserialize: (bytes: Buffer) => bytes,
          responseSerialize: (bytes: Buffer) => bytes,
          responseDeserialize: (bytes: Buffer) => bytes,
        },
      ]),
    );
    const client = grpcClient(makeGenericClientConstructor(definition, entry.typeName) as unknown as ClientClass<typeof definition>, {
      address: platform.grpcAddress(owner),
      principalKey: platform.secrets.principalKey,
      caller: 'fuzz',
    }) as Record<string, Call> & { close(): Promise<void> };
    closers.push(client.close);
    return entry.methods.map((method) => ({
      method,
      call:
        method.methodKind === 'server_streaming'
          ? drained(client[method.localName] as unknown as Stream)
          : (client[method.localName] as Call),
    }));
  });

before(async () => {
  platform = await startTestPlatform();
  customer = await newCustomer(platform.gatewayUrl, 'Fuzz Ltd');
  await platform.grantCredit(customer.tenantId, '100.00');
  const contact = expectStatus(await customer.api.post('/v2/contacts', { phone: '+447700900123' }), 201);
  const campaign = expectStatus(await customer.api.post('/v2/campaigns', { name: 'n', body: 'b', audience: { all: true } }), 201);
  const payment = expectStatus(await customer.api.post('/v2/payments', { amount: '5.00', currency: 'USD', gateway: 'simulator' }), 201);
  const rented = expectStatus(await customer.api.post('/v2/verifications', { service: 'telegram', country: 'ID' }), 201);
  known = [customer.userId, customer.tenantId, contact.id, campaign.id, payment.id, rented.id].map(uuidOf);
  targets = connect();
});
after(async () => {
  for (const close of closers) await close();
  await platform?.stop();
});

/** Right, or nearly, by the name of the field: a request gets past the first check and into the database. */
const rightText = (name: string, pick: number): string => {
  const id = known[pick % known.length] ?? newId();
  const texts: Readonly<Record<string, () => string>> = {
    idempotencyKey: () => newId(),
    currency: () => 'USD',
    email: () => `fuzz-${pick}@example.com`,
    password: () => 'plum-otter-candle-91',
    phone: () => `+4477009${String(pick % 100_000).padStart(5, '0')}`,
    gateway: () => 'simulator',
    provider: () => 'handler-api',
    secret: () => platform.secrets.providerPushSecret,
    service: () => 'telegram',
    country: () => 'ID',
    capability: () => 'sms',
    product: () => 'verification',
    plan: () => 'free',
    scopes: () => 'wallet:read',
    tenantId: () => uuidOf(customer.tenantId),
    refreshToken: () => 'x',
    body: () => 'Hello {{ firstName }}',
    cursor: () => '',
    search: () => '',
    tag: () => '',
    type: () => '',
    status: () => '',
  };
  const known_ = texts[name];
  if (known_) return known_();
  return /^(id|ids|reference)$|Id$/.test(name) ? id : 'fuzz';
};

const rightScalar = (field: DescField, scalar: ScalarType, pick: number): unknown => {
  switch (scalar) {
    case ScalarType.STRING:
      return rightText(field.localName, pick);
    case ScalarType.BYTES:
      return Buffer.from(JSON.stringify({ activationId: String(pick), service: 'tg', text: 'x', code: '1', country: 6 }));
    case ScalarType.BOOL:
      return pick % 2 === 0;
    case ScalarType.INT64:
      return field.localName === 'seconds' ? BigInt(Math.floor(Date.now() / 1_000) + 3_600) : 250_000n;
    case ScalarType.UINT64:
      return 10n;
    default:
      return field.localName === 'nanos' ? 0 : 10;
  }
};

const rightMessage = (desc: DescMessage, pick: number): Fields => {
  const fields: Fields = {};
  for (const member of desc.members) {
    if (member.kind === 'oneof') {
      const field = member.fields[pick % member.fields.length] as DescField;
      fields[member.localName] = { case: field.localName, value: right(field, pick) };
    } else fields[member.localName] = right(member, pick);
  }
  return fields;
};

const right = (field: DescField, pick: number): unknown => {
  switch (field.fieldKind) {
    case 'scalar':
      return rightScalar(field, field.scalar, pick);
    case 'enum':
      return 3;
    case 'message':
      return rightMessage(field.message, pick);
    case 'map':
      return { city: 'Rome' };
    case 'list':
      return [field.listKind === 'scalar' ? rightScalar(field, field.scalar, pick) : rightMessage(field.message as DescMessage, pick)];
  }
};

/** Right in form, of another list or of none. */
const foreignCursors = [
  [],
  {},
  [1],
  ['x'],
  [newId()],
  ['x', 'y'],
  [1, 'x'],
  [1.5, 'x'],
  [1e300, 'x'],
  ['\u0000', '\u0000'],
  [{ d: '2026-01-01T00:00:00Z' }, 'x'],
  [{ d: '2026-01-01T00:00:00Z' }, newId()],
  [{ d: '2026-01-01T00:00:00Z' }, { n: '1' }],
  [{ d: '2026-01-01T00:00:00Z' }, { n: '9'.repeat(30) }],
  [{ d: '+275000-01-01T00:00:00Z' }, newId()],
].map((values) => Buffer.from(JSON.stringify(values)).toString('base64url'));
const oddTexts: readonly string[] = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '+44770090\u00000123',
  'USD\u0000',
  'a\u0000@example.com',
  '\ud800',
  '\u202e',
  'x'.repeat(100_000),
  '{{ x',
  '{% for a in (1..9999999) %}x{% endfor %}',
  "'; drop table outbox; --",
  '00000000-0000-0000-0000-000000000000',
  '00000000-0000-0000-0000-00000000000g',
  '-1',
  'NaN',
  '99999999999999999999',
  ...foreignCursors,
  'constructor',
  '__proto__',
];
const oddInts = [0, -1, 1, 2 ** 31 - 1, -(2 ** 31)] as const;
const oddLongs = [
  0n,
  -1n,
  1n,
  2n ** 63n - 1n,
  -(2n ** 63n),
  2n ** 53n + 1n,
  // Seconds: the years 10000, -1 and the ends of what a Date and a timestamptz can hold.
  253_402_300_800n,
  -62_167_219_201n,
  8_640_000_000_000n,
  8_640_000_000_001n,
  -8_640_000_000_001n,
  9_224_318_016_000n,
  -210_866_803_201n,
] as const;
const at = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;

const oddScalar = (scalar: ScalarType, odd: number): unknown => {
  switch (scalar) {
    case ScalarType.STRING:
      return at(oddTexts, odd);
    case ScalarType.BYTES:
      return Buffer.from(at(['', '{', '[]', 'null', '{"activationId":"\\u0000","text":"\\u0000"}', '\u0000', '"x"', '{"id":{}}'], odd));
    case ScalarType.BOOL:
      return odd % 2 === 0;
    case ScalarType.INT64:
      return at(oddLongs, odd);
    case ScalarType.UINT64:
      return BigInt.asUintN(64, at(oddLongs, odd));
    case ScalarType.UINT32:
      return at(oddInts, odd) >>> 0;
    default:
      return at(oddInts, odd);
  }
};

const oddOf = (field: DescField, odd: number): unknown => {
  switch (field.fieldKind) {
    case 'scalar':
      return field.localName === 'cursor' ? at(foreignCursors, odd) : oddScalar(field.scalar, odd);
    case 'enum':
      return at([0, 4, 99, -1, 2 ** 31 - 1], odd);
    case 'message':
      return undefined;
    case 'map':
      return at(
        [
          {},
          { [at(oddTexts, odd)]: 'x' },
          { x: at(oddTexts, odd) },
          Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i}`, 'v'])),
        ],
        odd,
      );
    case 'list':
      return field.listKind === 'scalar'
        ? at([[], [oddScalar(field.scalar, odd)], Array<unknown>(2_000).fill(oddScalar(field.scalar, odd))], odd)
        : [];
  }
};

interface Place {
  readonly holder: Fields;
  readonly key: string;
  readonly field: DescField;
}

/** Every field of a request, also those inside its messages. */
const places = (desc: DescMessage, fields: Fields): Place[] =>
  desc.fields.flatMap((field) => {
    const { oneof } = field;
    const chosen = oneof === undefined ? undefined : (fields[oneof.localName] as { case?: string; value?: unknown } | undefined);
    if (oneof !== undefined && chosen?.case !== field.localName) return [];
    const holder = chosen === undefined ? fields : (chosen as Fields);
    const key = chosen === undefined ? field.localName : 'value';
    const own = field.fieldKind === 'message' && oneof !== undefined ? [] : [{ holder, key, field }];
    return field.fieldKind === 'message' ? [...own, ...places(field.message, holder[key] as Fields)] : own;
  });

const printed = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'bigint' ? `${part}n` : typeof part === 'string' ? part.slice(0, 60) : part,
  )?.slice(0, 800);

it(`refuses everything that is odd by a code that is not ours (seed ${seed})`, { timeout: 180_000 }, async () => {
  assert.ok(targets.length >= 40, `only ${targets.length} methods found`);
  const tenantId = uuidOf(customer.tenantId);
  const owner: Principal = { tenantId, subject: `user:${uuidOf(customer.userId)}`, roles: ['owner'], scopes: [], plan: 'free' };
  const principals = [owner, owner, systemPrincipal('fuzz', tenantId)];
  const reached = new Set<string>();
  const breaches = new Map<string, string>();
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(), fc.nat(), fc.nat(), fc.nat(2), async (which, pick, where, odd, who) => {
      const { method, call } = at(targets, which);
      const request = rightMessage(method.input, pick);
      const spoilt = places(method.input, request);
      const place = spoilt[where % (spoilt.length + 1)];
      if (place) place.holder[place.key] = oddOf(place.field, odd);
      const bytes = Buffer.from(toBinary(method.input, create(method.input, request)));
      const what = `${method.parent.typeName}/${method.name} ${printed(request)}`;
      const path = `${method.parent.name}/${method.name}`;
      reached.add(path);
      try {
        await call(bytes, { principal: at(principals, who) });
      } catch (error) {
        assert.ok(isAppError(error), what);
        // One of each is enough to read; the run goes on, so that it names all of them.
        if (error.row.owner === 'platform') breaches.set(`${path} ${place?.field.name ?? '-'} ${error.code}`, what);
      }
    }),
    { seed, numRuns: calls },
  );
  assert.deepEqual([...breaches.values()], []);
  const untouched = targets.map(({ method }) => `${method.parent.name}/${method.name}`).filter((path) => !reached.has(path));
  assert.deepEqual(untouched, [], 'methods that no request reached');
});

it('goes on working after that, and nothing failed behind the answers', async () => {
  const other = await newCustomer(platform.gatewayUrl, 'After Ltd');
  await platform.grantCredit(other.tenantId, '5.00');
  const rented = expectStatus(await other.api.post('/v2/verifications', { service: 'telegram', country: 'ID' }), 201);
  await until(
    'completed',
    async () => (await other.api.get(`/v2/verifications/${rented.id}`)).body,
    ({ status }) => status === 'completed',
  );
  for (const name of platform.parts()) {
    const failures = platform.logs(name).filter((line) => /"level":"(error|fatal)"/.test(line));
    assert.deepEqual(failures, [], name);
  }
});
