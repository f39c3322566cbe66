import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { isAppError } from '#platform/errors/index.ts';
import { key, ledgerClient, principal } from '#platform/grpc/testing/ledger.ts';
import { type Child, startChild } from './testing/child.ts';

const children: Child[] = [];
after(() => children.forEach((child) => child.kill()));

const start = (environment: Record<string, string> = {}): Child => {
  const child = startChild(new URL('./testing/ledger-main.ts', import.meta.url), { PRINCIPAL_KEY: key, ...environment });
  children.push(child);
  return child;
};
const portOf = async (child: Child): Promise<number> => Number((await child.waitFor(/serving (\d+)/))[1]);

test('SIGTERM with 200 calls in flight: every reply arrives, parts close in reverse, exit 0', async () => {
  const child = start({ WORK_MS: '600' });
  const client = ledgerClient(await portOf(child), { defaultDeadlineMs: 10_000 });
  const calls = Array.from({ length: 200 }, (_, index) => client.getHold({ holdId: String(index) }, { principal: principal() }));
  const settled = Promise.allSettled(calls);
  await child.waitFor(/begun 200/);
  child.kill('SIGTERM');
  const results = await settled;
  const lost = results.filter((result) => result.status === 'rejected');
  assert.deepEqual(lost, [], 'no reply is lost');
  results.forEach((result, index) => assert.equal(result.status === 'fulfilled' && result.value.hold?.id, String(index)));
  assert.equal(await child.exit(), 0);
  assert.ok(child.output().indexOf('closing last') < child.output().indexOf('closing first'), 'reverse order');
  await client.close();
});

test('calls that keep coming while the process goes either succeed or are refused as unavailable', async () => {
  const child = start({ WORK_MS: '20' });
  const client = ledgerClient(await portOf(child), { defaultDeadlineMs: 5_000 });
  let stopped = false;
  const outcomes: Record<string, number> = {};
  const caller = async (): Promise<void> => {
    while (!stopped) {
      const outcome = await client.getHold({ holdId: 'h' }, { principal: principal() }).then(
        () => 'OK',
        (error: unknown) => (isAppError(error) ? error.code : String(error)),
      );
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
  };
  const callers = Array.from({ length: 10 }, caller);
  await child.waitFor(/begun 100\b/);
  child.kill('SIGTERM');
  assert.equal(await child.exit(), 0);
  stopped = true;
  await Promise.all(callers);
  const { OK = 0, 'platform.unavailable': refused = 0, ...others } = outcomes;
  assert.ok(OK >= 100);
  assert.ok(refused > 0, 'the end was seen');
  assert.deepEqual(others, {});
  await client.close();
});

test('readiness is off while the process still serves', async () => {
  const child = start({ READINESS_DELAY_MS: '1500' });
  const port = await portOf(child);
  const admin = Number((await child.waitFor(/"admin":(\d+)/))[1]);
  const ready = async (): Promise<[number, unknown]> => {
    const response = await fetch(`http://127.0.0.1:${admin}/health/ready`);
    return [response.status, ((await response.json()) as { state: unknown }).state];
  };
  assert.deepEqual(await ready(), [200, 'serving']);
  child.kill('SIGTERM');
  await child.waitFor(/"msg":"stopping"/);
  assert.deepEqual(await ready(), [503, 'stopping']);
  assert.equal((await fetch(`http://127.0.0.1:${admin}/health/live`)).status, 200);
  const client = ledgerClient(port);
  await client.getHold({ holdId: 'h' }, { principal: principal() });
  await client.close();
  assert.equal(await child.exit(), 0);
});

test('a part that hangs is left behind: the others close and the process exits with 1', async () => {
  const child = start({ FAULT: 'hanging-close', SHUTDOWN_TIMEOUT_MS: '1000' });
  await portOf(child);
  child.kill('SIGTERM');
  assert.equal(await child.exit(5_000), 1);
  assert.match(child.output(), /closing hanging[\s\S]*not closed within[\s\S]*closing first/);
});

test('a part that fails to close does not stop the others', async () => {
  const child = start({ FAULT: 'failing-close' });
  await portOf(child);
  child.kill('SIGTERM');
  assert.equal(await child.exit(), 1);
  assert.match(child.output(), /closing failing[\s\S]*closing first/);
});

test('a second signal ends the process at once', async () => {
  const child = start({ FAULT: 'hanging-close', SHUTDOWN_TIMEOUT_MS: '60000' });
  await portOf(child);
  child.kill('SIGTERM');
  await child.waitFor(/closing hanging/);
  const startedAt = performance.now();
  child.kill('SIGINT');
  assert.equal(await child.exit(), 1);
  assert.ok(performance.now() - startedAt < 5_000);
  assert.match(child.output(), /second signal/);
});

for (const fault of ['uncaught', 'unhandled']) {
  test(`an ${fault} error is logged and ends the process with 1`, async () => {
    const child = start({ FAULT: fault });
    const client = ledgerClient(await portOf(child), { defaultDeadlineMs: 2_000 });
    await client.getHold({ holdId: 'h' }, { principal: principal() }).catch(() => undefined);
    assert.equal(await child.exit(), 1);
    assert.match(child.output(), /"level":"fatal".*by (anybody|nobody)/);
    await client.close();
  });
}

test('what was open is closed when a later part cannot be opened; exit 1', async () => {
  const child = start({ FAULT: 'failing-open' });
  assert.equal(await child.exit(), 1);
  assert.match(child.output(), /closing first[\s\S]*cannot open/);
});

test('a wrong configuration names every key, prints no secret and exits with 1', async () => {
  const child = start({ PRINCIPAL_KEY: 'hunter2', GRPC_PORT: '99999', FAULT: 'maybe' });
  assert.equal(await child.exit(), 1);
  for (const name of ['PRINCIPAL_KEY', 'GRPC_PORT', 'FAULT']) assert.match(child.output(), new RegExp(name));
  assert.doesNotMatch(child.output(), /hunter2/);
});
