import assert from 'node:assert/strict';
import test from 'node:test';
import { Metadata, status as grpcStatus } from '@grpc/grpc-js';
import fc from 'fast-check';
import { fromGrpcError } from './from-grpc.ts';
import { detailsKey } from './grpc-details.ts';
import { appError, catalogue, type ErrorCode, isErrorCode, toAppError, toProblem } from './index.ts';
import { toGrpcError } from './to-grpc.ts';

const codes = Object.keys(catalogue) as ErrorCode[];
const context = { instance: '/v2/verifications', requestId: 'req-1' };

test('every code of the catalogue survives the way over gRPC with all it carries', () => {
  assert.ok(codes.length > 30);
  for (const code of codes) {
    const sent = appError(code, {
      message: `ünïcode ${code}`,
      fields: [{ field: 'audience.contactIds[3]', reason: 'is unknown' }],
      retryAfterMs: 1_250,
      meta: { available: '0.10' },
    });
    const wire = toGrpcError(sent);
    assert.equal(wire.code, grpcStatus[catalogue[code].grpc], code);
    const received = fromGrpcError({ code: wire.code, details: wire.details, metadata: wire.metadata });
    assert.equal(received.code, code);
    assert.equal(received.message, sent.message);
    assert.deepEqual(
      received.fields.map((field) => ({ ...field })),
      sent.fields,
    );
    assert.equal(received.retryAfterMs, 1_250);
    assert.deepEqual({ ...received.meta }, { available: '0.10' });
  }
});

test('every code becomes a problem with its row of the catalogue', () => {
  for (const code of codes) {
    const problem = toProblem(appError(code), context);
    assert.equal(problem.status, catalogue[code].http);
    assert.equal(problem.title, catalogue[code].title);
    assert.equal(problem.type, `/errors/${code}`);
    assert.equal(problem.code, code);
    assert.deepEqual(problem.errors, []);
    assert.ok(!('retryAfter' in problem) && !('traceId' in problem));
  }
});

test('a problem names its fields, request, trace and whole seconds to wait; extras replace nothing', () => {
  const error = appError('request.invalid', {
    message: 'Two fields are wrong.',
    fields: [{ field: 'to', reason: 'is not a phone number' }],
    retryAfterMs: 1_001,
    meta: { available: '0.10', status: '200', code: 'forged', requestId: 'forged' },
  });
  assert.deepEqual(toProblem(error, { ...context, traceId: 'abc' }), {
    available: '0.10',
    type: '/errors/request.invalid',
    title: 'Some fields are not valid.',
    status: 422,
    detail: 'Two fields are wrong.',
    instance: '/v2/verifications',
    code: 'request.invalid',
    errors: [{ field: 'to', reason: 'is not a phone number' }],
    requestId: 'req-1',
    traceId: 'abc',
    retryAfter: 2,
  });
});

test('the cause is in no projection', () => {
  const error = toAppError(new Error('password of the database'));
  const wire = toGrpcError(error);
  assert.doesNotMatch(
    JSON.stringify(toProblem(error, context)) + wire.details + wire.metadata.get(detailsKey).map(String).join(),
    /database/,
  );
});

test("grpc-js's own statuses become codes of the platform", () => {
  const expected: Partial<Record<keyof typeof grpcStatus, ErrorCode>> = {
    UNAVAILABLE: 'platform.unavailable',
    DEADLINE_EXCEEDED: 'platform.deadline_exceeded',
    CANCELLED: 'request.cancelled',
    UNIMPLEMENTED: 'platform.unimplemented',
    RESOURCE_EXHAUSTED: 'platform.overloaded',
    UNAUTHENTICATED: 'auth.unauthenticated',
    PERMISSION_DENIED: 'auth.forbidden',
    INTERNAL: 'platform.internal',
    UNKNOWN: 'platform.internal',
    DATA_LOSS: 'platform.internal',
  };
  for (const [name, code] of Object.entries(expected)) {
    const error = fromGrpcError({
      code: grpcStatus[name as keyof typeof grpcStatus],
      details: 'from the transport',
      metadata: new Metadata(),
    });
    assert.equal(error.code, code, name);
    assert.equal(error.message, catalogue[code].title, "the transport's text is internal");
    assert.ok(error.cause !== undefined);
  }
});

test('details that are damaged, foreign or of a newer catalogue fall back to the status', () => {
  const received = (bytes: Buffer): ErrorCode => {
    const metadata = new Metadata();
    metadata.set(detailsKey, bytes);
    return fromGrpcError({ code: grpcStatus.UNAVAILABLE, details: '', metadata }).code;
  };
  const [good] = toGrpcError(appError('billing.insufficient_credit')).metadata.get(detailsKey) as [Buffer];
  const newer = Buffer.from(good.toString('latin1').replaceAll('billing.insufficient_credit', 'billing.insufficient_debit!'), 'latin1');
  assert.equal(received(newer), 'platform.unavailable');
  assert.equal(received(Buffer.alloc(0)), 'platform.unavailable');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => isErrorCode(received(Buffer.from(bytes)))),
    { verbose: 1 },
  );
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
      const damaged = Buffer.from(good);
      damaged[at] = value;
      return isErrorCode(received(damaged));
    }),
  );
});

test('a very long list of wrong fields stays within what trailers can carry', () => {
  const fields = Array.from({ length: 5_000 }, (_, index) => ({ field: `contacts[${index}].phone`, reason: 'is not a phone number' }));
  const [bytes] = toGrpcError(appError('request.invalid', { fields })).metadata.get(detailsKey) as [Buffer];
  assert.ok(bytes.length < 8_000, `${bytes.length} bytes`);
});
