import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { status } from '@grpc/grpc-js';
import { isAppError } from '#platform/errors/index.ts';
import { eventually } from '#platform/testing/index.ts';
import { hold, ledgerClient, openLane, principal, startLedger } from './testing/ledger.ts';
import { rawLane } from './testing/raw-lane.ts';
import { grpcTls, type TlsFiles } from './tls.ts';

const directory = mkdtempSync(join(tmpdir(), 'namaskah-tls-'));
after(() => rmSync(directory, { recursive: true }));
const path = (name: string): string => join(directory, name);
const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });

const authority = (name: string): void =>
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '1',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.crt`,
  );

const certificate = (name: string, ca = 'ca'): TlsFiles => {
  writeFileSync(path(`${name}.ext`), `subjectAltName=DNS:${name}\nextendedKeyUsage=clientAuth,serverAuth\n`);
  openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.csr`,
  );
  openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    '-CA',
    `${ca}.crt`,
    '-CAkey',
    `${ca}.key`,
    '-CAcreateserial',
    '-days',
    '1',
    '-extfile',
    `${name}.ext`,
    '-out',
    `${name}.crt`,
  );
  return { caPath: path('ca.crt'), certPath: path(`${name}.crt`), keyPath: path(`${name}.key`) };
};

authority('ca');
authority('foreign-ca');
const server = certificate('billing');
const friend = certificate('verification');
const stranger = certificate('analytics');
const foreigner = certificate('campaign', 'foreign-ca');
const ledgerName = 'namaskah.billing.v1.LedgerService';

const callAs = async (port: number, files: TlsFiles | undefined): Promise<string> => {
  const client = ledgerClient(port, {
    defaultDeadlineMs: 3_000,
    ...(files === undefined ? {} : { tls: { ...files, serverName: 'billing' } }),
  });
  try {
    const { hold: answer } = await client.getHold({ holdId: 'h' }, { principal: principal() });
    return answer?.id === 'h' ? 'OK' : 'wrong answer';
  } catch (error) {
    return isAppError(error) ? error.code : String(error);
  } finally {
    await client.close();
  }
};

test('over TLS a listed caller is served; another one, a foreign certificate and a plain connection are not', async () => {
  const ledger = await startLedger({ getHold: (id) => hold(id) }, { tls: { ...server, callers: { [ledgerName]: ['verification'] } } });
  try {
    const { port } = ledger.server;
    assert.equal(await callAs(port, friend), 'OK');
    assert.equal(await callAs(port, stranger), 'auth.forbidden');
    assert.equal(await callAs(port, foreigner), 'platform.unavailable');
    assert.equal(await callAs(port, undefined), 'platform.unavailable');
  } finally {
    await ledger.close();
  }
});

test('over a lane each call is asked about by its own service', async () => {
  const ledger = await startLedger(
    { getHold: (id) => hold(id) },
    { tls: { ...server, callers: { [ledgerName]: ['verification'], '*': ['analytics'] } } },
  );
  const lane = rawLane(ledger.server.port, stranger);
  try {
    lane.send([{ id: 1, path: `/${ledgerName}/GetHold`, timeoutMs: 5_000, metadata: {}, request: Buffer.alloc(0) }]);
    await eventually(() => assert.equal(lane.failure(1), status.PERMISSION_DENIED));
    const client = ledgerClient(ledger.server.port, { tls: { ...friend, serverName: 'billing' } });
    await openLane(ledger, client);
    await client.close();
  } finally {
    lane.close();
    await ledger.close();
  }
});

test('"*" stands for services that are not listed; without a list every certificate of the CA is served', async () => {
  const any = await startLedger({ getHold: (id) => hold(id) }, { tls: { ...server, callers: { '*': ['analytics'] } } });
  const open = await startLedger({ getHold: (id) => hold(id) }, { tls: server });
  try {
    assert.equal(await callAs(any.server.port, stranger), 'OK');
    assert.equal(await callAs(any.server.port, friend), 'auth.forbidden');
    assert.equal(await callAs(open.server.port, friend), 'OK');
  } finally {
    await any.close();
    await open.close();
  }
});

test('the client refuses a server whose certificate has another name', async () => {
  const impostor = await startLedger({ getHold: (id) => hold(id) }, { tls: stranger });
  try {
    assert.equal(await callAs(impostor.server.port, friend), 'platform.unavailable');
  } finally {
    await impostor.close();
  }
});

test('callers for a service that is not served stop the start', async () => {
  await assert.rejects(
    startLedger({ getHold: (id) => hold(id) }, { tls: { ...server, callers: { 'namaskah.billing.v1.LegderService': ['verification'] } } }),
    /does not have/,
  );
});

test('the environment gives all of TLS or nothing', () => {
  const none = { grpcTlsCa: undefined, grpcTlsCert: undefined, grpcTlsKey: undefined };
  assert.equal(grpcTls(none), undefined);
  assert.throws(() => grpcTls({ ...none, grpcTlsCa: '/ca' }), /belong together/);
  const full = { grpcTlsCa: '/ca', grpcTlsCert: '/crt', grpcTlsKey: '/key' };
  assert.deepEqual(grpcTls({ ...full, grpcTlsCallers: 'a.v1.A=gateway, verification;*=gateway' }), {
    caPath: '/ca',
    certPath: '/crt',
    keyPath: '/key',
    callers: { 'a.v1.A': ['gateway', 'verification'], '*': ['gateway'] },
  });
  assert.throws(() => grpcTls({ ...full, grpcTlsCallers: 'gateway' }), /cannot read/);
});
