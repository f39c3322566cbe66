import assert from 'node:assert/strict';
import test from 'node:test';
import { type Child, startChild } from '#platform/lifecycle/testing/child.ts';
import { bodyOf, eventually, startTestServer } from '#platform/testing/index.ts';

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly service: string;
}
interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

/** Takes OTLP/HTTP with JSON. */
const receiver = async () => {
  const spans: OtlpSpan[] = [];
  let raw = '';
  const { url: endpoint, close } = await startTestServer((request, response) => {
    void bodyOf(request).then((body) => {
      const text = body.toString();
      raw += text;
      for (const { resource, scopeSpans } of (JSON.parse(text) as Export).resourceSpans) {
        const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
        spans.push(...scopeSpans.flatMap((scope) => scope.spans.map((span) => ({ ...span, service }))));
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  return { endpoint, spans, raw: () => raw, close };
};

const preload = ['--import', new URL('register.ts', import.meta.url).pathname];
const start = (name: string, environment: Record<string, string>): Child =>
  startChild(
    new URL(`testing/${name}-main.ts`, import.meta.url),
    { OTEL_SERVICE_NAME: name, OTEL_BSP_SCHEDULE_DELAY: '50', ...environment },
    preload,
  );

const databaseUrl = (): string => {
  const url = process.env['TEST_POSTGRES_URL'];
  assert.ok(url !== undefined, 'run by tools/test.ts: it starts PostgreSQL');
  return url;
};

const withProcesses = async (environment: Record<string, string>, run: (port: number) => Promise<void>): Promise<void> => {
  const children: Child[] = [];
  const open = async (name: string, more: Record<string, string>): Promise<number> => {
    const child = start(name, { ...environment, ...more });
    children.push(child);
    return Number((await child.waitFor(/listening (\d+)/))[1]);
  };
  try {
    const back = await open('back', { DATABASE_URL: databaseUrl() });
    await run(await open('front', { BACK_PORT: String(back) }));
    children.forEach((child) => child.kill('SIGTERM'));
    for (const child of children) assert.equal(await child.exit(), 0);
  } finally {
    children.forEach((child) => child.kill());
  }
};

interface Answer {
  readonly front: string;
  readonly back: string;
  readonly headers: Record<string, string>;
}
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const ask = async (port: number, flags = '01'): Promise<Answer> => {
  const response = await fetch(`http://127.0.0.1:${port}/v2/callbacks/s3cr3t-0123456789abcdef?api_key=hidden`, {
    headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-${flags}` },
  });
  assert.equal(response.status, 200);
  return (await response.json()) as Answer;
};

const kinds: Readonly<Record<number, string>> = { 1: 'internal', 2: 'server', 3: 'client' };

/** `service kind name` from the root to the leaf; fails when the spans are not one chain. */
const chain = (spans: readonly OtlpSpan[]): string[] => {
  const lines: string[] = [];
  let parent = '00f067aa0ba902b7';
  for (;;) {
    const children = spans.filter((span) => span.parentSpanId === parent);
    const [only] = children;
    if (only === undefined) return lines;
    assert.equal(children.length, 1, `one child of ${lines.at(-1) ?? 'the caller'}, not ${children.map(({ name }) => name).join()}`);
    lines.push(`${only.service} ${kinds[only.kind]} ${only.name}`);
    parent = only.spanId;
  }
};

test('HTTP → gRPC → PostgreSQL is one tree of spans, each hop once, and holds no secret', async () => {
  const otlp = await receiver();
  try {
    await withProcesses({ OTEL_EXPORTER_OTLP_ENDPOINT: otlp.endpoint }, async (port) => {
      await ask(port);
      const rpc = 'namaskah.billing.v1.LedgerService/GetHold';
      await eventually(
        () => {
          const spans = otlp.spans.filter((span) => span.traceId === traceId && !/connect/.test(span.name));
          const lines = chain(spans);
          assert.deepEqual(lines.slice(0, 3), ['front server GET', `front client ${rpc}`, `back server ${rpc}`]);
          assert.match(lines[3] ?? '', /^back client pg.query:SELECT/);
          assert.equal(spans.length, 4, spans.map(({ name }) => name).join());
        },
        { timeoutMs: 15_000 },
      );
    });
    assert.doesNotMatch(otlp.raw(), /hidden|s3cr3t|447700900123/);
  } finally {
    await otlp.close();
  }
});

test('the share of new traces is set by the environment; a sampled caller is followed', async () => {
  const otlp = await receiver();
  try {
    await withProcesses({ OTEL_EXPORTER_OTLP_ENDPOINT: otlp.endpoint, OTEL_TRACES_SAMPLER_ARG: '0' }, async (port) => {
      const response = await fetch(`http://127.0.0.1:${port}/`);
      const own = (await response.json()) as Answer;
      await ask(port);
      await eventually(() => assert.ok(otlp.spans.some((span) => span.traceId === traceId)), { timeoutMs: 15_000 });
      assert.ok(otlp.spans.every((span) => span.traceId !== own.front));
    });
  } finally {
    await otlp.close();
  }
});

test('without an endpoint nothing is sent, and the trace still flows through both processes', async () => {
  await withProcesses({}, async (port) => {
    const answer = await ask(port);
    assert.equal(answer.front, traceId);
    assert.equal(answer.back, traceId);
    assert.match(answer.headers['traceparent'] ?? '', new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
    const response = await fetch(`http://127.0.0.1:${port}/`);
    const own = (await response.json()) as Answer;
    assert.match(own.front, /^[0-9a-f]{32}$/);
    assert.equal(own.back, own.front);
    assert.notEqual(own.front, traceId);
  });
});
