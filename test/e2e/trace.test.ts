/**
 * The trace of one purchase is one tree, from the customer's request to the last consumer, and no span of it holds what a
 * collector has no business with.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '#platform/testing/index.ts';
import { expectStatus, newCustomer, until, type Customer } from '../support/client.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

const purchased = 'namaskah.verification.v1.activation.purchased';

/** One link of the chain: a span of this service whose name or attributes match. */
interface Step {
  readonly service: string;
  readonly kind?: ReceivedSpan['kind'];
  readonly is: (span: ReceivedSpan) => boolean;
}

const named = (name: string) => (span: ReceivedSpan) => span.name === name;
const sql = (span: ReceivedSpan): boolean => span.attributes['db.system.name'] !== undefined || span.attributes['db.system'] !== undefined;

const chains: Readonly<Record<string, readonly Step[]>> = {
  'to the row of the purchase': [
    { service: 'gateway', kind: 'server', is: (span) => !/namaskah/.test(span.name) },
    { service: 'gateway', kind: 'client', is: named('namaskah.verification.v1.VerificationService/CreateVerification') },
    { service: 'verification', kind: 'server', is: named('namaskah.verification.v1.VerificationService/CreateVerification') },
    { service: 'verification', kind: 'client', is: sql },
  ],
  'to the hold': [
    { service: 'verification', kind: 'server', is: named('namaskah.verification.v1.VerificationService/CreateVerification') },
    { service: 'verification', kind: 'client', is: named('namaskah.billing.v1.LedgerService/PlaceHolds') },
    { service: 'billing', kind: 'server', is: named('namaskah.billing.v1.LedgerService/PlaceHolds') },
    { service: 'billing', kind: 'client', is: sql },
  ],
  'to the provider': [
    { service: 'verification', kind: 'server', is: named('namaskah.verification.v1.VerificationService/CreateVerification') },
    {
      service: 'verification',
      kind: 'client',
      is: (span) => /handler_api/.test(String(span.attributes['url.full'] ?? span.attributes['url.path'])),
    },
  ],
  'to the broker': [
    { service: 'verification', kind: 'server', is: named('namaskah.verification.v1.VerificationService/CreateVerification') },
    { service: 'verification', kind: 'producer', is: named(`send ${purchased}`) },
  ],
  'to the consumer in billing': [{ service: 'billing', kind: 'consumer', is: named(`process ${purchased}`) }],
  'to the consumer in analytics': [{ service: 'analytics', kind: 'consumer', is: named(`process ${purchased}`) }],
};

describe('the trace of one purchase', () => {
  let otlp: OtlpReceiver;
  let platform: TestPlatform;
  let customer: Customer;
  const traceId = randomBytes(16).toString('hex');
  const rootId = randomBytes(8).toString('hex');
  let rented: { id: string; phoneNumber: string };
  let answeredTraceId: string | null;
  let spans: readonly ReceivedSpan[];

  before(async () => {
    otlp = await startOtlpReceiver();
    platform = await startTestPlatform({
      env: {
        all: { OTEL_EXPORTER_OTLP_ENDPOINT: otlp.endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', OTEL_BSP_SCHEDULE_DELAY: '100' },
      },
    });
    customer = await newCustomer(platform.gatewayUrl, 'Trace Ltd');
    await platform.grantCredit(customer.tenantId, '10.00');
    const answer = await customer.api.post(
      '/v2/verifications',
      { service: 'telegram', country: 'ID' },
      { traceparent: `00-${traceId}-${rootId}-01`, 'x-request-id': 'traced-request' },
    );
    rented = expectStatus(answer, 201);
    answeredTraceId = answer.headers.get('x-trace-id');
    const complete = (all: readonly ReceivedSpan[]): boolean => {
      const own = all.filter((span) => span.traceId === traceId);
      return Object.values(chains).every((chain) => chain.every((step) => own.some((span) => matches(step, span))));
    };
    spans = (await otlp.waitForSpans(complete, { timeoutMs: 20_000 })).filter((span) => span.traceId === traceId);
  });
  after(async () => {
    await platform?.stop();
    await otlp?.close();
  });

  const matches = ({ service, kind, is }: Step, span: ReceivedSpan): boolean =>
    span.service === service && (kind === undefined || span.kind === kind) && is(span);
  const ancestors = (span: ReceivedSpan): ReceivedSpan[] => {
    const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
    return parent ? [parent, ...ancestors(parent)] : [];
  };

  it('is one tree: every span hangs below the request that the customer sent', () => {
    const ids = new Set(spans.map(({ spanId }) => spanId));
    const roots = spans.filter(({ parentSpanId }) => !ids.has(parentSpanId));
    assert.deepEqual(
      roots.map(({ service, parentSpanId }) => [service, parentSpanId]),
      [['gateway', rootId]],
      describeSpans(roots),
    );
    assert.equal(answeredTraceId, traceId);
  });
  for (const [what, chain] of Object.entries(chains)) {
    it(`leads ${what}`, () => {
      const ends = spans.filter((span) => matches(chain.at(-1) as Step, span));
      const found = ends.some((end) => {
        const path = [end, ...ancestors(end)].toReversed();
        let from = 0;
        return chain.every((step) => {
          const at = path.findIndex((span, index) => index >= from && matches(step, span));
          from = at + 1;
          return at >= 0;
        });
      });
      assert.ok(found, `no such path in:\n${describeSpans(spans)}`);
    });
  }
  it('is the one that the logs name', async () => {
    await until(
      'a line of verification',
      async () => platform.logs('verification').filter((line) => line.includes(traceId)),
      () => true,
      1_000,
    );
    for (const line of [...platform.logs('verification'), ...platform.logs('billing')].filter((text) => text.includes('traced-request')))
      assert.ok(line.includes(traceId), line);
  });
  it('shows up as an exemplar in the metrics of the service that did the work', async () => {
    const response = await fetch(`${platform.adminUrl('verification')}/metrics`, { headers: { accept: 'application/openmetrics-text' } });
    assert.match(await response.text(), new RegExp(`trace_id="${traceId}"`));
  });
  it('holds no number, code, text or credential, also after the code came', async () => {
    const done = await until(
      'the code',
      async () => expectStatus(await customer.api.get(`/v2/verifications/${rented.id}`), 200),
      ({ status }) => status === 'completed',
    );
    await otlp.waitForSpans((all) => all.some((span) => span.name === 'process namaskah.verification.v1.activation.completed'), {
      timeoutMs: 10_000,
    });
    const digits = rented.phoneNumber.slice(1);
    const secrets = [
      digits,
      done.messages[0].text,
      customer.password,
      customer.email,
      customer.tokens.accessToken,
      customer.tokens.refreshToken,
      platform.secrets.providerPushSecret,
      platform.secrets.providerHandlerApiKey,
    ];
    for (const span of otlp.spans()) {
      const text = JSON.stringify([span.name, span.attributes]);
      for (const secret of secrets) assert.ok(!text.includes(secret), `${span.service}: ${text}`);
      for (const value of Object.values(span.attributes)) assert.notEqual(value, done.code, `${span.service}: ${text}`);
    }
  });
});

const describeSpans = (spans: readonly ReceivedSpan[]): string =>
  spans.map(({ service, kind, name, spanId, parentSpanId }) => `  ${parentSpanId} > ${spanId} ${service} ${kind} ${name}`).join('\n');
