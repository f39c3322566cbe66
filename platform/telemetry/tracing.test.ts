import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { activeTraceHeaders, activeTraceId, continueTrace, installPropagation, withSpan } from './index.ts';

installPropagation();
const parent = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', tracestate: 'vendor=1' };

test('a span is active during its function, over awaits, and not afterwards', async () => {
  assert.equal(activeTraceId(), undefined);
  const seen = await withSpan('outer', {}, async (outer) => {
    await delay(1);
    const inner = await withSpan('inner', {}, () => Promise.resolve(activeTraceId()));
    assert.equal(inner, outer.spanContext().traceId);
    return activeTraceId();
  });
  assert.match(seen ?? '', /^[0-9a-f]{32}$/);
  assert.equal(activeTraceId(), undefined);
});

test('a span continues the trace of a carrier; headers carry it on with its state and a new parent', async () => {
  await withSpan('process', { kind: 'consumer', parent, links: [parent] }, () => {
    const { traceparent = '', tracestate } = activeTraceHeaders();
    assert.match(traceparent, /^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/);
    assert.notEqual(traceparent, parent.traceparent);
    assert.equal(tracestate, 'vendor=1');
  });
});

test('simultaneous traces do not mix', async () => {
  const ids = await Promise.all(
    Array.from({ length: 50 }, () =>
      withSpan('one', {}, async (span) => {
        await delay(Math.random() * 5);
        return [span.spanContext().traceId, activeTraceId()];
      }),
    ),
  );
  for (const [own, active] of ids) assert.equal(active, own);
  assert.equal(new Set(ids.map(([own]) => own)).size, 50);
});

test('a broken traceparent begins a new trace; an active one is kept', () => {
  for (const traceparent of ['', 'nonsense', '00-00000000000000000000000000000000-00f067aa0ba902b7-01']) {
    const id = continueTrace({ traceparent }, activeTraceId);
    assert.match(id ?? '', /^(?!0{32})[0-9a-f]{32}$/);
  }
  const outer = continueTrace(parent, () => [activeTraceId(), continueTrace({}, activeTraceId)]);
  assert.equal(outer[0], '4bf92f3577b34da6a3ce929d0e0e4736');
  assert.equal(outer[1], outer[0]);
});

test('what the function throws is thrown', async () => {
  await assert.rejects(
    withSpan('fails', {}, () => Promise.reject(new Error('as it was'))),
    /as it was/,
  );
});
