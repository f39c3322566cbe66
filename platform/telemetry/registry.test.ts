import assert from 'node:assert/strict';
import test from 'node:test';
import { context, trace } from '@opentelemetry/api';
import fc from 'fast-check';
import { Counter, Histogram, openMetricsContentType, Registry } from 'prom-client';
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
  metrics.histogram('http_server_duration_seconds').observe({ method: 'GET', route: '/v2/x', status: '200' }, 0.2);
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

test("what is told is shown as prom-client's own metrics would show it", async () => {
  const table = {
    things_total: { kind: 'counter', help: 'Things.', labels: ['kind', 'status'] },
    all_total: { kind: 'counter', help: 'All.', labels: [] },
    waiting_seconds: { kind: 'histogram', help: 'Waiting.', labels: ['kind', 'status'], buckets: [0.1, 1, 2.5] },
    idle_seconds: { kind: 'histogram', help: 'Idle.', labels: [], buckets: [1] },
  } as const;
  const kind = fc.constantFrom('a', 'b', 'with "quotes"');
  const status = fc.constantFrom<string | number>(200, '200', 'OK');
  const told = fc.array(fc.record({ kind, status, value: fc.constantFrom(0, 0.05, 0.1, 1, 2, 2.5, 2.6, 1e6) }), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(told, async (all) => {
      const metrics = createMetrics(table);
      const registry = new Registry<typeof openMetricsContentType>();
      registry.setContentType(openMetricsContentType);
      const registers = [registry] as unknown as [Registry];
      const labelNames = ['kind', 'status'];
      const things = new Counter({ name: 'things_total', help: 'Things.', labelNames, registers });
      const total = new Counter({ name: 'all_total', help: 'All.', registers });
      const waiting = new Histogram({ name: 'waiting_seconds', help: 'Waiting.', labelNames, buckets: [0.1, 1, 2.5], registers });
      const idle = new Histogram({ name: 'idle_seconds', help: 'Idle.', buckets: [1], registers });
      for (const name of ['things_total', 'all_total'] as const) metrics.counter(name);
      for (const name of ['waiting_seconds', 'idle_seconds'] as const) metrics.histogram(name);
      for (const { value, ...labels } of all) {
        for (const counter of [things, metrics.counter('things_total')]) counter.inc(labels, value);
        for (const counter of [total, metrics.counter('all_total')]) counter.inc(value);
        for (const histogram of [waiting, metrics.histogram('waiting_seconds')]) histogram.observe(labels, value);
        for (const histogram of [idle, metrics.histogram('idle_seconds')]) histogram.observe(value);
      }
      assert.equal((await metrics.expose()).body, await registry.metrics());
      assert.equal((await metrics.expose()).body, await registry.metrics(), 'asked again');
    }),
  );
});

test('what is no number, or less than nothing, is refused and changes nothing', async () => {
  const metrics = createMetrics(metricTable);
  assert.throws(() => metrics.histogram('outbox_delay_seconds').observe(Number.NaN), /no number/);
  assert.throws(() => metrics.counter('registrations_total').inc(-1), /cannot be increased/);
  const { body } = await metrics.expose();
  assert.match(body, /^outbox_delay_seconds_count 0$/m);
  assert.match(body, /^registrations_total 0$/m);
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
