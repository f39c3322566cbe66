import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials, makeGenericClientConstructor, Server, ServerCredentials } from '@grpc/grpc-js';
import fc from 'fast-check';
import { appError, isAppError } from '#platform/errors/index.ts';
import { createMetrics, metricTable } from '#platform/telemetry/index.ts';
import { eventually, startFaultProxy } from '#platform/testing/index.ts';
import { GetHoldRequest, GetHoldResponse } from '#proto/namaskah/billing/v1/billing.ts';
import { LaneServiceService } from '#proto/namaskah/transport/v1/lanes.ts';
import { type ClientClass, grpcClient, grpcService, method, principalSigner, publicMethod, startGrpcServer } from '../index.ts';
import { collectingLogger, hold, key, laneCalls, ledgerClient, openLane, principal, type Running, startLedger } from '../testing/ledger.ts';
import { rawLane } from '../testing/raw-lane.ts';
import { clientLanes } from './client-lanes.ts';

const getHold = '/namaskah.billing.v1.LedgerService/GetHold';
const metric = async ({ metrics }: Running, name: string): Promise<number> =>
  Number(new RegExp(`^${name} (\\d+)$`, 'm').exec((await metrics.expose()).body)?.[1] ?? Number.NaN);

test('calls of one turn share messages, and each gets its own answer, whatever happens to the others', async () => {
  const ledger = await startLedger({
    getHold: async (id, { signal }) => {
      const [kind, ms] = id.split(' ');
      await delay(Number(ms), undefined, { signal });
      if (kind === 'refused') throw appError('billing.insufficient_credit', { meta: { id } });
      return hold(id);
    },
  });
  const call = async (id: string): Promise<void> => {
    if (id.startsWith('cancelled')) {
      const options = { principal: principal(), signal: AbortSignal.timeout(5) };
      await assert.rejects(ledger.client.getHold({ holdId: id }, options), (error) => isAppError(error, 'request.cancelled'));
    } else if (id.startsWith('refused')) {
      await assert.rejects(
        ledger.client.getHold({ holdId: id }, { principal: principal() }),
        (error) => isAppError(error, 'billing.insufficient_credit') && error.meta['id'] === id,
      );
    } else assert.equal((await ledger.client.getHold({ holdId: id }, { principal: principal() })).hold?.id, id);
  };
  try {
    await openLane(ledger);
    const [callsBefore, messagesBefore] = [await laneCalls(ledger), await metric(ledger, 'rpc_server_lane_messages_total')];
    const kinds = fc.constantFrom('good', 'good', 'refused', 'cancelled');
    // What is to be cancelled takes longer than its caller waits.
    const ids = fc.tuple(kinds, fc.nat(30)).map(([kind, ms]) => `${kind} ${kind === 'cancelled' ? 60_000 : ms}`);
    await fc.assert(
      fc.asyncProperty(fc.array(ids, { minLength: 10, maxLength: 100 }), async (all) => {
        await Promise.all(all.map((id, index) => call(`${id} ${index}`)));
      }),
      { numRuns: 20 },
    );
    const calls = (await laneCalls(ledger)) - callsBefore;
    const messages = (await metric(ledger, 'rpc_server_lane_messages_total')) - messagesBefore;
    assert.ok(calls > 100 && calls > 2 * messages, `${calls} calls in ${messages} messages`);
    await eventually(async () => assert.equal(await metric(ledger, 'rpc_server_in_flight'), 0));
  } finally {
    await ledger.close();
  }
});

test('a server that leaves answers what is under way; new calls find the next server, and the lane ends', async () => {
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const first = await startLedger({
    getHold: async (id) => {
      begun.resolve();
      await gate.promise;
      return hold(id);
    },
  });
  await openLane(first);
  const slow = first.client.getHold({ holdId: 'slow' }, { principal: principal() });
  await begun.promise;
  const closed = first.server.close();
  gate.resolve();
  assert.equal((await slow).hold?.id, 'slow');
  await closed;
  assert.equal(await metric(first, 'rpc_server_lanes'), 0);
  const second = await startLedger({ getHold: (id) => hold(id, 'second') }, { port: first.server.port });
  try {
    await eventually(async () => {
      const { hold: answer } = await first.client.getHold({ holdId: 'next' }, { principal: principal() });
      assert.equal(answer?.reference, 'second');
    });
    await openLane(second, first.client);
  } finally {
    await first.client.close();
    await second.close();
  }
});

/** A server in whose methods nothing is said to be repeatable, behind a wire that can be cut. */
const oddService = async (handle: (text: string) => string | Promise<string>) => {
  const bytes = { requestSerialize: Buffer.from, requestDeserialize: String, responseSerialize: Buffer.from, responseDeserialize: String };
  const definition = {
    once: { path: '/test.OddService/Once', requestStream: false as const, responseStream: false as const, ...bytes },
  };
  const { logger } = collectingLogger();
  const metrics = createMetrics(metricTable);
  const services = [grpcService(definition as never, { once: method(publicMethod(), handle as never) } as never)];
  const server = await startGrpcServer({ host: '127.0.0.1', port: 0, principalKey: key, logger, metrics, services });
  const wire = await startFaultProxy({ target: `127.0.0.1:${server.port}` });
  const clientClass = makeGenericClientConstructor(definition as never, 'test.OddService') as unknown as ClientClass<never>;
  const client = grpcClient(clientClass, {
    address: `${wire.host}:${wire.port}`,
    principalKey: key,
    caller: 'verification',
  }) as unknown as {
    once(text: string): Promise<string>;
    close(): Promise<void>;
  };
  return {
    client,
    metrics,
    cut: wire.reset,
    close: async () => {
      await client.close();
      await wire.close();
      await server.close();
    },
  };
};

test('what breaks with its lane is not sent again unless its method says so', async () => {
  const handled: string[] = [];
  const odd = await oddService((text) => {
    handled.push(text);
    if (text === 'cut') odd.cut();
    return text;
  });
  try {
    await eventually(async () => {
      assert.equal(await odd.client.once('warm'), 'warm');
      assert.match((await odd.metrics.expose()).body, /^rpc_server_lane_calls_total [1-9]/m);
    });
    await assert.rejects(odd.client.once('cut'), (error) => isAppError(error, 'platform.unavailable'));
    assert.equal(handled.filter((text) => text === 'cut').length, 1);
    await eventually(async () => assert.equal(await odd.client.once('after'), 'after'));
  } finally {
    await odd.close();
  }
});

test('large requests and answers pass, beside a lane or over it', async () => {
  const odd = await oddService((text) => 'x'.repeat(Number(text.trim())));
  const sizes = [10, 70_000, 1_000_000, 3_500_000];
  try {
    const all = async (): Promise<void> => {
      const answers = await Promise.allSettled(sizes.map((size) => odd.client.once(String(size).padEnd(size / 10))));
      const lengths = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.length : answer.reason));
      assert.deepEqual(lengths, sizes);
      assert.match((await odd.metrics.expose()).body, /^rpc_server_lane_calls_total [1-9]/m);
    };
    await eventually(all);
  } finally {
    await odd.close();
  }
});

test('a server that knows no lanes is served by calls that go by themselves', async () => {
  const server = new Server();
  const path = getHold;
  const definition = {
    path,
    requestStream: false as const,
    responseStream: false as const,
    requestSerialize: (value: GetHoldRequest) => Buffer.from(GetHoldRequest.encode(value).finish()),
    requestDeserialize: (value: Buffer) => GetHoldRequest.decode(value),
    responseSerialize: (value: GetHoldResponse) => Buffer.from(GetHoldResponse.encode(value).finish()),
    responseDeserialize: (value: Buffer) => GetHoldResponse.decode(value),
  };
  server.addService(
    { getHold: definition },
    {
      getHold: (call: { request: GetHoldRequest }, callback: (error: null, value: GetHoldResponse) => void) =>
        callback(null, { hold: hold(call.request.holdId) }),
    },
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  const client = ledgerClient(port);
  try {
    for (const id of ['a', 'b', 'c']) {
      assert.equal((await client.getHold({ holdId: id }, { principal: principal() })).hold?.id, id);
      await delay(50);
    }
  } finally {
    await client.close();
    server.forceShutdown();
  }
});

test('what makes no sense is answered by an error, and the lane goes on', async () => {
  const ledger = await startLedger({ getHold: (id) => hold(id) });
  const lane = rawLane(ledger.server.port);
  const metadata = { 'namaskah-principal': principalSigner(key, 'verification').sign(principal()) };
  const request = GetHoldRequest.encode({ holdId: 'h' }).finish();
  const call = { path: getHold, timeoutMs: 5_000, metadata, request };
  try {
    lane.send(
      [
        { ...call, id: 1, path: '/namaskah.billing.v1.LedgerService/NoSuchMethod' },
        { ...call, id: 2, path: '' },
        { ...call, id: 3, path: LaneServiceService.carry.path },
        { ...call, id: 4, request: Buffer.from([0xff, 0xff, 0xff]) },
        { ...call, id: 5, metadata: {} },
        { ...call, id: 6, timeoutMs: 0 },
        { ...call, id: 7, metadata: { ...metadata, traceparent: 'nonsense', 'namaskah-request-id': ' '.repeat(1_000) } },
        { ...call, id: 8 },
        { ...call, id: 8 },
      ],
      [8_888],
    );
    await eventually(() => assert.equal(lane.answers.size, 8));
    assert.deepEqual([1, 2, 3, 4, 5, 6].map(lane.failure), [12, 12, 12, 13, 16, 4]);
    assert.equal(lane.answers.get(7)?.$case, 'response');
    assert.equal(lane.answers.get(8)?.$case, 'response');
    lane.send([{ ...call, id: 9 }]);
    await eventually(() => assert.equal(lane.answers.get(9)?.$case, 'response'));
  } finally {
    lane.close();
    await ledger.close();
  }
});

test('a lane that its client cancels takes its calls with it; one that is closed waits for their answers', async () => {
  const gate = Promise.withResolvers<void>();
  let aborted = 0;
  const ledger = await startLedger({
    getHold: async (id, { signal }) => {
      signal.addEventListener('abort', () => (aborted += 1));
      await gate.promise;
      return hold(id);
    },
  });
  const metadata = { 'namaskah-principal': principalSigner(key, 'verification').sign(principal()) };
  const request = GetHoldRequest.encode({ holdId: 'h' }).finish();
  const calls = [1, 2, 3].map((id) => ({ id, path: getHold, timeoutMs: 60_000, metadata, request }));
  const [cancelled, closed] = [rawLane(ledger.server.port), rawLane(ledger.server.port)];
  try {
    cancelled.send(calls);
    closed.send(calls);
    closed.end();
    await eventually(async () => assert.equal(await metric(ledger, 'rpc_server_in_flight'), 6));
    cancelled.cancel();
    await eventually(() => assert.equal(aborted, 3));
    gate.resolve();
    await eventually(() => assert.equal(closed.answers.size, 3));
    await eventually(async () => assert.equal(await metric(ledger, 'rpc_server_lanes'), 0));
    assert.equal(aborted, 3);
  } finally {
    cancelled.close();
    closed.close();
    await ledger.close();
  }
});

test('lanes are renewed in use and given up in idleness', async () => {
  const ledger = await startLedger({ getHold: (id) => hold(id) });
  const client = new Client(`127.0.0.1:${ledger.server.port}`, credentials.createInsecure());
  const lanes = clientLanes(client, { renewMs: 50, idleMs: 300, reopenMs: 10, unknownMs: 1_000 });
  try {
    const used = new Set<unknown>();
    await eventually(() => {
      const lane = lanes.ready(0);
      if (lane !== undefined) used.add(lane);
      assert.ok(used.size >= 3, `${used.size} lanes were used`);
    });
    assert.equal(lanes.ready(1_000_000), undefined, 'a large request goes by itself');
    await eventually(async () => assert.equal(await metric(ledger, 'rpc_server_lanes'), 0));
  } finally {
    lanes.close();
    client.close();
    await ledger.close();
  }
});
