import assert from 'node:assert/strict';
import test from 'node:test';
import { context, trace } from '@opentelemetry/api';
import { installPropagation } from './index.ts';
import { metricTable } from './metrics.ts';
import { createMetrics } from './registry.ts';

installPropagation();
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const inSpan = (traceFlags: number, run: () => void): void =>
  context.with(trace.setSpanContext(context.active(), { traceId, spanId: '00f067aa0ba902b7', traceFlags }), run);

test('the table keeps the house rules: base units, totals, few and harmless labels, rising buckets', () => {
  for (const [name, row] of Object.entries(metricTable)) {
    assert.match(name, /^[a-z][a-z0-9_]*$/);
    assert.ok(row.help.endsWith('.'), `${name}: help is a sentence`);
    assert.equal(row.kind === 'counter', name.endsWith('_total'), `${name}: counters end in _total, others do not`);
    assert.doesNotMatch(name, /_(ms|milliseconds|minutes|kb)$/, `${name}: base units`);
    for (const label of row.labels) assert.doesNotMatch(label, /tenant|phone|user|email|(^|_)id$|url|path/, `${name}: label ${label}`);
    if (row.kind === 'histogram')
      assert.deepEqual(
        [...row.buckets],
        [...row.buckets].toSorted((a, b) => a - b),
        name,
      );
  }
});

test('metrics keep the usual signatures and are exposed as OpenMetrics', async () => {
  const metrics = createMetrics(metricTable);
  metrics.counter('registrations_total').inc();
  metrics.counter('registrations_total').inc(2);
  metrics.counter('verifications_total').inc({ service: 'telegram', status: 'completed' });
  metrics.counter('verifications_total').inc({ service: 'telegram', status: 'completed' }, 4);
  metrics.gauge('outbox_pending').set(7);
  metrics.histogram('outbox_delay_seconds').observe(0.2);
  metrics.histogram('rpc_client_duration_seconds').observe({ service: 's', method: 'm', code: 'OK' }, 0.2);
  const end = metrics.histogram('http_server_duration_seconds').startTimer({ method: 'GET', route: '/v2/x' });
  assert.ok(end({ status: '200' }) >= 0);
  const { contentType, body } = await metrics.expose();
  assert.match(contentType, /^application\/openmetrics-text/);
  assert.match(body, /^registrations_total 3$/m);
  assert.match(body, /^verifications_total\{service="telegram",status="completed"\} 5$/m);
  assert.match(body, /^outbox_pending 7$/m);
  assert.match(body, /^outbox_delay_seconds_count 1$/m);
  assert.match(body, /http_server_duration_seconds_count\{[^}]*status="200"[^}]*\} 1/);
  assert.match(body, /# EOF\s*$/);
  assert.doesNotMatch(body, /payments_total/, 'only what is used is exposed');
});

test('exemplars lead to sampled traces, and only to those', async () => {
  const metrics = createMetrics(metricTable);
  const observe = (): void => metrics.histogram('outbox_delay_seconds').observe(0.2);
  inSpan(0, observe);
  assert.doesNotMatch((await metrics.expose()).body, /trace_id/);
  inSpan(1, observe);
  inSpan(1, () => metrics.counter('registrations_total').inc());
  const { body } = await metrics.expose();
  assert.match(
    body,
    new RegExp(`outbox_delay_seconds_bucket\\{le="0.25"\\} 2 # \\{trace_id="${traceId}",span_id="00f067aa0ba902b7"\\} 0.2`),
  );
  assert.match(body, new RegExp(`registrations_total 1 # \\{trace_id="${traceId}"`));
});

test('a name or label that is not in the table is an error, also where types do not look', () => {
  const metrics = createMetrics(metricTable);
  // @ts-expect-error not in the table
  assert.throws(() => metrics.counter('surprises_total'), /no such metric/);
  // @ts-expect-error not a label
  assert.throws(() => metrics.counter('verifications_total').inc({ tenant: 'x' }), /label/);
});

test("Node's own metrics are there when asked for", async () => {
  const { body } = await createMetrics(metricTable, { defaults: true }).expose();
  assert.match(body, /nodejs_eventloop_lag_seconds/);
  assert.match(body, /process_cpu_seconds_total/);
});
