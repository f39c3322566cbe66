import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startSimulator, type TestSimulator } from '../../testing/start-simulator.ts';

interface MailJson {
  id: string;
  to: string;
  subject: string;
  text: string;
  html: string | null;
}

const mail = (key: string, to = 'ann@example.org'): object => ({
  idempotencyKey: key,
  to,
  subject: `Subject ${key}`,
  text: `Open https://app.example/verify?token=${key}&x=1 now`,
});
const list = async (simulator: TestSimulator, to?: string): Promise<MailJson[]> =>
  (await simulator.get<{ data: MailJson[] }>(`/mailbox/messages${to === undefined ? '' : `?to=${encodeURIComponent(to)}`}`)).data;

test('a mail arrives once whatever is repeated; newest first; by recipient', async (t) => {
  const simulator = await startSimulator(t);
  const first = await simulator.post('/mailbox/messages', mail('a'));
  assert.equal(first.status, 202);
  const { id } = (await first.json()) as { id: string };
  const repeated = await simulator.post('/mailbox/messages', mail('a'));
  assert.deepEqual([repeated.status, ((await repeated.json()) as { id: string }).id], [202, id]);
  await simulator.post('/mailbox/messages', { ...mail('b', 'Bob@Example.org'), html: '<p>hello</p>' });
  assert.deepEqual(
    (await list(simulator)).map(({ subject }) => subject),
    ['Subject b', 'Subject a'],
  );
  const [bobs, ...others] = await list(simulator, 'bob@example.org');
  assert.deepEqual([bobs?.to, bobs?.html, others.length], ['Bob@Example.org', '<p>hello</p>', 0]);
  const wrong = await simulator.post('/mailbox/messages', { ...mail('c'), cc: 'x', to: undefined });
  const problem = (await wrong.json()) as { errors: { field: string }[] };
  assert.deepEqual([wrong.status, problem.errors.map(({ field }) => field).toSorted()], [422, ['cc', 'to']]);
});

test('a person can read the mail: links work, markup of a sender does not', async (t) => {
  const simulator = await startSimulator(t);
  assert.match(await (await fetch(`${simulator.url}/mailbox`)).text(), /No mail has arrived yet/);
  await simulator.post('/mailbox/messages', {
    ...mail('tok'),
    subject: '<img src=x onerror=alert(1)>',
    html: '<script>alert("2")</script>',
  });
  const html = await (await fetch(`${simulator.url}/mailbox`)).text();
  assert.match(html, /<a href="https:\/\/app\.example\/verify\?token=tok&amp;x=1" rel="noreferrer">/);
  assert.doesNotMatch(html, /<img|<script/);
  assert.match(html, /<iframe sandbox /);
});

test('mail faults: what the sender sees, and whether the mail arrived', async (t) => {
  const simulator = await startSimulator(t);
  const rows = [
    ['http_429', 429, false],
    ['http_500', 500, false],
    ['http_503', 503, false],
    ['timeout', 'cut', false],
    ['reset', 'cut', false],
    ['timeout_after_accept', 'cut', true],
    ['reset_after_accept', 'cut', true],
  ] as const;
  for (const [fault, seen, arrived] of rows) {
    await simulator.settings({ mailbox: { hangMs: 30, nextFaults: [fault] } });
    const to = `${fault}@example.org`;
    const attempt = simulator.post('/mailbox/messages', mail(fault, to));
    if (seen === 'cut') await assert.rejects(attempt, Error, fault);
    else assert.equal((await attempt).status, seen, fault);
    assert.equal((await list(simulator, to)).length, arrived ? 1 : 0, fault);
    assert.equal((await simulator.post('/mailbox/messages', mail(fault, to))).status, 202);
    assert.equal((await list(simulator, to)).length, 1, fault);
  }
  await simulator.settings({ mailbox: { failRatio: 1 } });
  assert.equal((await simulator.post('/mailbox/messages', mail('r'))).status, 503);
  await simulator.settings({ mailbox: { failRatio: 0, lostReplyRatio: 1 } });
  await assert.rejects(simulator.post('/mailbox/messages', mail('lost', 'lost@example.org')));
  assert.equal((await list(simulator, 'lost@example.org')).length, 1);
  await simulator.settings({ mailbox: { outage: '503', lostReplyRatio: null } });
  assert.equal((await simulator.post('/mailbox/messages', mail('o'))).status, 503);
  await simulator.settings({ mailbox: { outage: 'reset' } });
  await assert.rejects(simulator.post('/mailbox/messages', mail('o')));
});
