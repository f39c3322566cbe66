import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ProcessRow } from '#topology';
import { isRunning, pidFiles } from './pids.ts';
import { PortTakenError, startPlatform, StartError, type PlatformOptions } from './platform.ts';
import { freePorts } from './ports.ts';
import { until } from './rest.ts';
import { stopLeftovers } from './runner.ts';
import { loadSecrets } from './secrets.ts';

/** The smallest process that the runner can look after: it says who it is, serves its health and exits on SIGTERM. */
const fixture = `
import { createServer } from 'node:http';
if (process.env.FAIL) { console.error('no configuration, no life'); process.exit(3); }
console.log(JSON.stringify({ level: 30, msg: 'started', pid: process.pid, name: process.env.OTEL_SERVICE_NAME }));
createServer((_request, response) => response.end('{}')).listen(Number(process.env.ADMIN_PORT), '127.0.0.1');
process.on('SIGTERM', () => { console.log(JSON.stringify({ level: 30, msg: 'drained' })); process.exit(0); });
`;

let dir: string;
let rows: readonly ProcessRow[];

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'namaskah-runner-'));
  const entry = join(dir, 'fixture.mjs');
  await writeFile(entry, fixture);
  rows = [
    { name: 'simulator', entry, ports: { http: 70, smpp: 71, admin: 72 }, dependsOn: [], calls: [] },
    { name: 'notification', entry, ports: { admin: 61 }, dependsOn: ['simulator'], calls: [] },
  ];
});
after(() => rm(dir, { recursive: true, force: true }));

const options = (name: string, more: Partial<PlatformOptions> = {}): PlatformOptions => ({
  dataDir: join(dir, name),
  rows,
  quiet: true,
  ...more,
});

describe('startPlatform', () => {
  it('starts in order, captures the output, brings back what was killed, stops dependents first and leaves nothing', async () => {
    const lines: string[] = [];
    const platform = await startPlatform(options('whole', { autoRestart: true, onLine: (part, line) => lines.push(`${part} ${line}`) }));
    const pids = pidFiles(join(dir, 'whole'));
    assert.deepEqual(platform.parts(), ['nats', 'simulator', 'notification']);
    assert.deepEqual(
      pids
        .allRunning()
        .map(({ name }) => name)
        .sort(),
      ['nats', 'notification', 'simulator'],
    );

    const first = platform.pid('notification');
    await platform.kill('notification');
    await platform.waitReady('notification');
    assert.notEqual(platform.pid('notification'), first);
    assert.equal(platform.restarts('notification'), 1);
    await platform.restart('simulator');

    const second = await platform.replica('notification');
    assert.equal(second.name, 'notification.2');
    assert.equal((await fetch(`${second.adminUrl}/health/ready`)).status, 200);

    const noted = pids.allRunning();
    assert.equal(noted.length, 4);
    lines.length = 0;
    await platform.stop();
    assert.deepEqual(noted.filter(isRunning), []);
    assert.deepEqual(
      lines.filter((line) => line.includes('drained')).map((line) => line.split(' ')[0]),
      ['notification.2', 'notification', 'simulator'],
    );
    assert.match(await readFile(join(dir, 'whole/logs/simulator.log'), 'utf8'), /"msg":"drained"/);
    await assert.rejects(stat(join(dir, 'whole/platform.json')), { code: 'ENOENT' });
  });

  it('pauses and goes on, and can stop what is paused', async () => {
    const platform = await startPlatform(options('paused', { only: ['simulator'] }));
    const ask = (): Promise<number> =>
      fetch(`${platform.adminUrl('simulator')}/health/ready`, { signal: AbortSignal.timeout(300) }).then(
        ({ status }) => status,
        () => 0,
      );
    await platform.kill('simulator', 'SIGSTOP');
    assert.equal(await ask(), 0);
    await platform.kill('simulator', 'SIGCONT');
    assert.equal(await ask(), 200);
    await platform.kill('simulator', 'SIGSTOP');
    await platform.stop();
    assert.equal(platform.pid('simulator'), undefined);
  });

  it('tells why a process did not start, with its last lines, and stops the others', async () => {
    const start = startPlatform(options('failing', { env: { notification: { FAIL: 'yes' } } }));
    await assert.rejects(start, (error) => {
      assert.ok(error instanceof StartError);
      assert.equal(error.message, 'notification exited with code 3');
      assert.deepEqual(error.lines, ['no configuration, no life']);
      return true;
    });
    assert.deepEqual(pidFiles(join(dir, 'failing')).allRunning(), []);
  });

  it('gives up a start when it is told to, and leaves nothing', async () => {
    const abort = new AbortController();
    const start = startPlatform(
      options('aborted', {
        signal: abort.signal,
        env: { notification: { ADMIN_PORT: '1' } },
        onLine: () => abort.abort(new Error('enough')),
      }),
    );
    await assert.rejects(start, /enough/);
    assert.deepEqual(pidFiles(join(dir, 'aborted')).allRunning(), []);
  });

  it('says which two parts want one port, and starts neither', async () => {
    const row = (name: 'simulator' | 'notification'): ProcessRow => ({
      name,
      entry: 'none.ts',
      ports: { admin: 72 },
      dependsOn: [],
      calls: [],
    });
    const [free = 0] = await freePorts(1);
    const start = startPlatform(options('twice', { portBase: free - 72, rows: [row('simulator'), row('notification')] }));
    await assert.rejects(start, (error) => {
      assert.ok(error instanceof PortTakenError);
      assert.match(error.message, new RegExp(`^port ${free} is wanted twice: simulator, admin and notification, admin$`, 'm'));
      return true;
    });
    assert.deepEqual(pidFiles(join(dir, 'twice')).allRunning(), []);
  });

  it('names the port that is taken, its part and the way out before it starts anything', async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve));
    const { port } = squatter.address() as AddressInfo;
    try {
      await assert.rejects(startPlatform(options('taken', { portBase: port - 72 })), (error) => {
        assert.ok(error instanceof PortTakenError);
        // Neighbours of a random port may be taken by others: they are named too.
        const lines = error.message.split('\n');
        assert.ok(
          lines.some((line) => line.startsWith(`port ${port} (simulator`) && /admin.* is in use$/.test(line)),
          error.message,
        );
        assert.equal(lines.at(-1), `Choose other ports: make up PORT_BASE=${port - 72 + 1_000}`);
        return true;
      });
      assert.deepEqual(pidFiles(join(dir, 'taken')).allRunning(), []);
    } finally {
      squatter.close();
    }
  });

  it('leaves nothing behind for long when its own process is killed with -9', async () => {
    const dataDir = join(dir, 'orphans');
    const script = join(dir, 'runner.mjs');
    await writeFile(
      script,
      `import { startPlatform } from ${JSON.stringify(join(import.meta.dirname, 'platform.ts'))};
       await startPlatform(${JSON.stringify({ dataDir, rows, quiet: true })});
       console.log('up');
       setInterval(() => {}, 1000);`,
    );
    const runner = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise<void>((resolve, reject) => {
      runner.stdout.once('data', () => resolve());
      runner.once('exit', () => reject(new Error('the runner ended')));
    });
    const noted = pidFiles(dataDir).allRunning();
    assert.equal(noted.length, 3);
    runner.kill('SIGKILL');
    if (process.platform !== 'linux') await stopLeftovers(dataDir);
    await until(
      'the children are gone',
      async () => noted.filter(isRunning).length,
      (count) => count === 0,
      10_000,
    );
    assert.deepEqual(await stopLeftovers(dataDir), []);
  });
});

describe('what is left behind', () => {
  it('is stopped only when start time and command line are those noted', async () => {
    const dataDir = join(dir, 'leftovers');
    const files = pidFiles(dataDir);
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', 'marker-of-billing'], { stdio: 'ignore' });
    const exited = new Promise<NodeJS.Signals | null>((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
    await new Promise((resolve) => child.once('spawn', resolve));
    const record = files.write('billing', child.pid ?? 0, 'marker-of-billing');
    assert.ok(record);
    for (const stranger of [
      { ...record, marker: 'services/billing/main.ts' },
      { ...record, startedAt: '1' },
    ]) {
      await writeFile(join(dataDir, 'run/billing.json'), JSON.stringify(stranger));
      assert.deepEqual(await stopLeftovers(dataDir), []);
    }
    assert.equal(child.exitCode, null);
    files.write('billing', child.pid ?? 0, 'marker-of-billing');
    assert.deepEqual(
      (await stopLeftovers(dataDir)).map(({ name, pid }) => [name, pid]),
      [['billing', child.pid]],
    );
    assert.equal(await exited, 'SIGTERM');
  });

  it('gives the lock of a dead runner to the next one, and names a living one', () => {
    const files = pidFiles(join(dir, 'lock'));
    assert.equal(files.claim('runner', process.pid, 'node'), undefined);
    assert.equal(files.claim('runner', process.pid, 'node')?.pid, process.pid);
    files.remove('runner');
    assert.equal(files.claim('runner', process.pid, 'a command line that nobody has'), undefined);
    assert.equal(files.claim('runner', process.pid, 'node'), undefined, 'its holder is not that process');
  });
});

describe('secrets', () => {
  it('are made once, kept for this user only, and completed when a new one is needed', async () => {
    const dataDir = join(dir, 'secrets');
    const first = await loadSecrets(dataDir, ['billing']);
    assert.equal((await stat(join(dataDir, 'secrets.json'))).mode & 0o777, 0o600);
    assert.deepEqual(await loadSecrets(dataDir, ['billing']), first);
    const more = await loadSecrets(dataDir, ['billing', 'auth']);
    assert.equal(more.databasePasswords['billing'], first.databasePasswords['billing']);
    assert.ok((more.databasePasswords['auth'] ?? '').length >= 24);
    assert.equal(more.principalKey, first.principalKey);
    assert.equal(Buffer.from(first.authEncryptionKey, 'base64').length, 32);
    assert.ok(first.smppPassword.length <= 8);
  });

  it('are not guessed when the file is damaged', async () => {
    const dataDir = join(dir, 'damaged');
    await loadSecrets(dataDir, []);
    await writeFile(join(dataDir, 'secrets.json'), '{"principalKey":');
    await assert.rejects(loadSecrets(dataDir, []), /secrets\.json is damaged/);
  });
});
