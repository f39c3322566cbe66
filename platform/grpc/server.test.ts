import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer } from 'node:net';
import test from 'node:test';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';
import { service as health } from 'grpc-health-check';
import { isAppError } from '#platform/errors/index.ts';
import { eventually } from '#platform/testing/index.ts';
import { repeatableMethods, serviceConfigFor } from './descriptors.ts';
import { hold, ledgerClient, principal, startLedger } from './testing/ledger.ts';

const ledgerName = 'namaskah.billing.v1.LedgerService';
const plainClient = (port: number): Client => new Client(`127.0.0.1:${port}`, credentials.createInsecure());

const checkHealth = (client: Client, service: string): Promise<string> => {
  const { path, requestSerialize, responseDeserialize } = health['Check'] as unknown as MethodDefinition<
    { service: string },
    { status: string }
  >;
  return new Promise((resolve, reject) =>
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { service }, (error: ServiceError | null, response) =>
      error === null ? resolve(response?.status ?? '') : reject(error),
    ),
  );
};

test('health is served per service and for the whole; an unknown name is not found', async () => {
  const ledger = await startLedger({ getHold: (id) => hold(id) });
  const client = plainClient(ledger.server.port);
  try {
    assert.equal(await checkHealth(client, ''), 'SERVING');
    assert.equal(await checkHealth(client, ledgerName), 'SERVING');
    await assert.rejects(checkHealth(client, 'no.such.Service'), { code: 5 });
    ledger.server.stopping();
    assert.equal(await checkHealth(client, ''), 'NOT_SERVING');
    assert.equal(await checkHealth(client, ledgerName), 'NOT_SERVING');
    await ledger.client.getHold({ holdId: 'still served' }, { principal: principal() });
  } finally {
    client.close();
    await ledger.close();
  }
});

interface ReflectionAnswer {
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] };
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] };
}

for (const version of ['v1', 'v1alpha'])
  test(`reflection ${version} lists the services and shows their files`, async () => {
    const ledger = await startLedger({ getHold: (id) => hold(id) });
    const client = plainClient(ledger.server.port);
    const protoRoot = new URL('../proto/', import.meta.resolve('@grpc/reflection')).pathname;
    const loaded = loadSync(`grpc/reflection/${version}/reflection.proto`, {
      includeDirs: [protoRoot],
      keepCase: true,
    });
    const info = (
      loaded[`grpc.reflection.${version}.ServerReflection`] as unknown as Record<string, MethodDefinition<object, ReflectionAnswer>>
    )['ServerReflectionInfo'];
    assert.ok(info !== undefined);
    const ask = (request: object): Promise<ReflectionAnswer> =>
      new Promise((resolve, reject) => {
        const stream = client.makeBidiStreamRequest(info.path, info.requestSerialize, info.responseDeserialize);
        stream.once('data', resolve);
        stream.once('error', reject);
        stream.write(request);
        stream.end();
      });
    try {
      const { list_services_response: list } = await ask({ list_services: '' });
      assert.ok(list?.service.some(({ name }) => name === ledgerName));
      const { file_descriptor_response: files } = await ask({ file_containing_symbol: ledgerName });
      assert.ok(Buffer.concat([...(files?.file_descriptor_proto ?? [])]).includes('PlaceHold'));
    } finally {
      client.close();
      await ledger.close();
    }
  });

test('retries are configured for what the proto marks repeatable, and for nothing else', () => {
  assert.deepEqual(repeatableMethods(ledgerName), ['PlaceHold', 'PlaceHolds', 'CaptureHold', 'ReleaseHold', 'GetHold', 'GrantCredit']);
  assert.deepEqual(repeatableMethods('no.such.Service'), []);
  const config = JSON.parse(serviceConfigFor('no.such.Service')) as { methodConfig: unknown[] };
  assert.deepEqual(config.methodConfig, []);
  const auth = repeatableMethods('namaskah.auth.v1.AuthService');
  assert.ok(auth.includes('GetMe'));
  assert.ok(!auth.includes('Register') && !auth.includes('Refresh'), 'a method that is not marked is not repeated');
});

test('a repeatable call survives a connection that breaks before its answer', async () => {
  let handled = 0;
  const breaking = { arm: false, cut: (): void => undefined };
  const ledger = await startLedger({
    getHold: (id) => {
      handled += 1;
      if (breaking.arm) {
        breaking.arm = false;
        breaking.cut();
      }
      return hold(id);
    },
  });
  const sockets = new Set<{ destroy(): void }>();
  const proxy = createServer((socket) => {
    const upstream = connect(ledger.server.port, '127.0.0.1');
    for (const end of [socket, upstream]) {
      sockets.add(end);
      end.on('error', () => undefined);
      end.on('close', () => sockets.delete(end));
    }
    socket.pipe(upstream).pipe(socket);
  });
  breaking.cut = () => sockets.forEach((socket) => socket.destroy());
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const client = ledgerClient((proxy.address() as AddressInfo).port, { defaultDeadlineMs: 5_000 });
  try {
    await client.getHold({ holdId: 'warm' }, { principal: principal() });
    breaking.arm = true;
    const { hold: answer } = await client.getHold({ holdId: 'again' }, { principal: principal() });
    assert.equal(answer?.id, 'again');
    assert.equal(handled, 3, 'the lost call was handled and repeated once');
  } finally {
    await client.close();
    breaking.cut();
    await new Promise<void>((resolve) => proxy.close(() => resolve()));
    await ledger.close();
  }
});

test('a server that is not there is platform.unavailable, within the deadline; when it comes, the client finds it', async () => {
  const first = await startLedger({ getHold: (id) => hold(id) });
  const { port } = first.server;
  await first.close();
  const client = ledgerClient(port, { defaultDeadlineMs: 3_000 });
  const startedAt = performance.now();
  await assert.rejects(client.getHold({ holdId: 'h' }, { principal: principal() }), (error) => isAppError(error, 'platform.unavailable'));
  assert.ok(performance.now() - startedAt < 2_900);
  const second = await startLedger({ getHold: (id) => hold(id) }, { port });
  try {
    await eventually(() => client.getHold({ holdId: 'h' }, { principal: principal() }), { timeoutMs: 10_000 });
  } finally {
    await client.close();
    await second.close();
  }
});

test('closing ends calls that do not end by themselves after the time-out, and is done in time', async () => {
  const begun = Promise.withResolvers<void>();
  const ledger = await startLedger(
    { getHold: () => (begun.resolve(), new Promise(() => undefined)) },
    { closeTimeoutMs: 300 },
    { defaultDeadlineMs: 20_000 },
  );
  const call = ledger.client.getHold({ holdId: 'h' }, { principal: principal() });
  const failed = assert.rejects(call, (error) => isAppError(error));
  await begun.promise;
  const startedAt = performance.now();
  await ledger.server.close();
  assert.ok(performance.now() - startedAt < 2_000);
  assert.match(JSON.stringify(ledger.lines), /calls are cut off/);
  // Retries find nobody.
  await ledger.client.close();
  await failed;
});

test('a name in the address is resolved by DNS', async () => {
  const ledger = await startLedger({ getHold: (id) => hold(id) });
  const client = ledgerClient(ledger.server.port, { address: `localhost:${ledger.server.port}` });
  try {
    const { hold: answer } = await client.getHold({ holdId: 'by name' }, { principal: principal() });
    assert.equal(answer?.id, 'by name');
  } finally {
    await client.close();
    await ledger.close();
  }
});

test('a port that is taken is an error of the start', async () => {
  const ledger = await startLedger({ getHold: (id) => hold(id) });
  try {
    await assert.rejects(startLedger({ getHold: (id) => hold(id) }, { port: ledger.server.port }), /EADDRINUSE|address/i);
  } finally {
    await ledger.close();
  }
});
