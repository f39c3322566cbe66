import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestServer } from '#platform/testing/index.ts';
import type { MailOutcome } from '../../app/ports.ts';
import { fakeMailer } from '../../testing/fake-mailer.ts';
import { mailerContract, type MailFault } from '../../testing/mailer.contract.ts';
import { type RunningSimulator, startSimulator } from '../../testing/simulator.ts';
import { mailboxMailer } from './mailer.ts';

const from = 'Namaskah <no-reply@sms.example>';
const mail = { idempotencyKey: 'k', to: 'ann@example.com', subject: 's', text: 't', html: '<p>h</p>' };
const settings = {
  refused: 'http_503',
  silent: 'timeout',
  lost: 'reset_after_accept',
  slow: 'timeout_after_accept',
} as const satisfies Record<MailFault, string>;
let simulator: RunningSimulator;
const seen: MailOutcome['outcome'][] = [];
let mailer: ReturnType<typeof mailboxMailer>;
before(async () => {
  simulator = await startSimulator();
  // The simulator holds a connection far longer than the mailer waits.
  await simulator.configure({ hangMs: 5_000 });
  mailer = mailboxMailer({ url: simulator.mailboxUrl, from, timeoutMs: 1_000, observe: (_, outcome) => seen.push(outcome) });
});
after(async () => {
  await mailer?.close();
  await simulator?.close();
});

mailerContract('in memory', async () => fakeMailer());
mailerContract('the mailbox of the simulator', async () => ({
  mailer,
  next: (...faults) => simulator.configure({ nextFaults: faults.map((fault) => settings[fault]) }),
  away: (on) => simulator.configure({ outage: on ? 'reset' : 'off' }),
  received: simulator.received,
}));

test('every answer but 202 is a refusal only if it promises that nothing was taken', async () => {
  const expected = { http_429: 'refused', http_503: 'refused', http_500: 'unknown' } as const;
  for (const [fault, outcome] of Object.entries(expected)) {
    await simulator.configure({ nextFaults: [fault] });
    assert.equal((await mailer.send({ ...mail, idempotencyKey: fault })).outcome, outcome, fault);
    assert.equal(seen.at(-1), outcome);
  }
  assert.deepEqual(await mailer.send({ ...mail, idempotencyKey: 'no-address', to: '' }), { outcome: 'refused', reason: 'status 422' });
});
test('a server that does not listen has certainly not taken the mail', async () => {
  const gone = await startTestServer();
  await gone.close();
  const alone = mailboxMailer({ url: `${gone.url}/mailbox`, from, timeoutMs: 2_000 });
  assert.deepEqual(await alone.send(mail), { outcome: 'refused', reason: 'ECONNREFUSED' });
  await alone.close();
});
