/**
 * Whatever level the logs have: no line of any process and no row of any outbox holds what only its owner may know. One short
 * life of a customer, with everything in it that is secret, and with the failures that make processes talk.
 */
import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { topology } from '../../topology.ts';
import { api, expectStatus, mailsTo, newCustomer, pay, until } from '../support/client.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

/** A text that occurs nowhere by chance. */
const marker = (name: string): string => `${name}-${randomBytes(9).toString('hex')}`;
const telegram = { service: 'telegram', country: 'ID', capability: 'sms' };

let dataDir: string;
let platform: TestPlatform;
/** What must not be found, by what it is. */
const secrets = new Map<string, string>();

const control = async (path: string, body: unknown): Promise<void> => {
  const response = await fetch(`${platform.simulatorUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  assert.ok(response.ok, `${path}: ${response.status} ${await response.text()}`);
};
const listOf = async (path: string): Promise<any[]> =>
  ((await (await fetch(`${platform.simulatorUrl}${path}`)).json()) as { data: any[] }).data;
const tokenIn = (text: string | undefined): string =>
  /token["=:\s]+([\w.~%-]{16,})/.exec(text ?? '')?.[1] ?? assert.fail(`no token in: ${text}`);
const firstMail = async (address: string) => {
  const [mail] = await until(
    'a mail',
    () => mailsTo(platform.simulatorUrl, address),
    (mails) => mails.length > 0,
  );
  return mail?.text;
};

const live = async (): Promise<void> => {
  const customer = await newCustomer(platform.gatewayUrl, 'Discreet Ltd');
  secrets.set('e-mail address', customer.email).set('password', customer.password);
  secrets.set('token of the verification mail', tokenIn(await firstMail(customer.email)));
  const anonymous = api(platform.gatewayUrl);
  const wrongPassword = marker('wrong');
  secrets.set('password that was refused', wrongPassword);
  expectStatus(await anonymous.post('/v2/auth/login', { email: customer.email, password: wrongPassword }), 401);
  const refreshed = expectStatus(await anonymous.post('/v2/auth/refresh', { refreshToken: customer.tokens.refreshToken }), 200);
  secrets.set('access token', customer.tokens.accessToken).set('refresh token', customer.tokens.refreshToken);
  secrets.set('second access token', refreshed.accessToken).set('second refresh token', refreshed.refreshToken);

  await pay(customer.api, '80.00');
  expectStatus(await customer.api.post('/v2/subscription', { plan: 'pro', interval: 'month' }), 200);
  // Before the rest, so that codes go through it.
  await webhook(customer.api);
  await rent(customer.api);
  await campaign(customer.api);

  const { key } = expectStatus(await customer.api.post('/v2/api-keys', { name: 'k', scopes: ['wallet:read'] }), 201);
  secrets.set('API key', key);
  expectStatus(await api(platform.gatewayUrl, key).get('/v2/wallet'), 200);
  expectStatus(await api(platform.gatewayUrl, `${key}x`).get('/v2/wallet'), 401);
  const guest = `${marker('guest')}@example.com`;
  const guestPassword = marker('guest-password');
  secrets.set('invited address', guest).set('password of the invited', guestPassword);
  expectStatus(await customer.api.post('/v2/invitations', { email: guest, role: 'viewer' }), 201);
  const invitation = tokenIn(await firstMail(guest));
  secrets.set('token of the invitation', invitation);
  expectStatus(await anonymous.post('/v2/invitations/accept', { token: invitation, password: guestPassword }), 201);
};

/** An endpoint that nobody answers at, whose address holds a token, and that is tested and rotated. */
const webhook = async (customer: ReturnType<typeof api>): Promise<void> => {
  const token = marker('hook');
  const created = await until(
    'an endpoint',
    () => customer.post('/v2/webhooks', { url: `http://127.0.0.1:1/${token}`, eventTypes: ['*'] }),
    ({ status }) => status === 201,
  );
  const { id, secret } = created.body;
  const rotated = expectStatus(await customer.post(`/v2/webhooks/${id}/rotate-secret`, {}), 200);
  secrets.set('token in the address of a webhook', token).set('secret of a webhook', secret).set('its next secret', rotated.secret);
  expectStatus(await customer.post(`/v2/webhooks/${id}/test`), 202);
  await until(
    'a failed attempt',
    async () => expectStatus(await customer.get(`/v2/webhooks/${id}/deliveries`), 200).data,
    (deliveries) => deliveries.some(({ lastError }: { lastError: string | null }) => lastError !== null),
  );
};

/** One number whose code comes, one that is cancelled, and a provider that fails in between. */
const rent = async (customer: ReturnType<typeof api>): Promise<void> => {
  const code = String(randomInt(10_000_000, 99_999_999));
  const text = `Your code is ${code}. ${marker('text')}`;
  const rented = expectStatus(await customer.post('/v2/verifications', telegram), 201);
  secrets.set('rented number', rented.phoneNumber.slice(1)).set('code', code).set('text of a code', text);
  const [activation] = await listOf('/control/activations');
  await control(`/control/activations/${activation.id}/code`, { text, code });
  await until(
    'completed',
    async () => expectStatus(await customer.get(`/v2/verifications/${rented.id}`), 200),
    (verification) => verification.status === 'completed' && verification.code === code,
  );
  const other = expectStatus(await customer.post('/v2/verifications', telegram), 201);
  secrets.set('number given back', other.phoneNumber.slice(1));
  expectStatus(await customer.post(`/v2/verifications/${other.id}/cancel`), 200);
  await platform.simulator({ handlerApi: { nextFaults: ['http_500', 'reset_after_buy', 'garbled'] } });
  for (let attempt = 0; attempt < 3; attempt += 1) await customer.post('/v2/verifications', telegram);
  const forged = await fetch(`${platform.gatewayUrl}/v2/callbacks/providers/handler-api/${platform.secrets.providerPushSecret}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: `{"activationId":"1","text":"${text}","code":"${code}"`,
  });
  assert.ok(forged.status >= 400 && forged.status < 500, String(forged.status));
};

/** Texts to two people, one of whom answers, and STOP of the other. */
const campaign = async (customer: ReturnType<typeof api>): Promise<void> => {
  const people = [0, 1].map((index) => ({
    phone: `+4477009${randomInt(0, 9)}${String(randomInt(0, 1_000)).padStart(3, '0')}${index}`,
    email: `${marker('contact')}@example.com`,
  }));
  for (const [index, person] of people.entries()) {
    expectStatus(await customer.post('/v2/contacts', person), 201);
    secrets.set(`contact ${index}`, person.phone.slice(1)).set(`address of contact ${index}`, person.email);
  }
  expectStatus(await customer.get(`/v2/contacts?search=${encodeURIComponent(people[0]?.phone ?? '')}`), 200);
  const body = marker('campaign-text');
  secrets.set('text of a campaign', body);
  const { id } = expectStatus(await customer.post('/v2/campaigns', { name: 'n', body, audience: { all: true } }), 201);
  await platform.simulator({ smpp: { nextFaults: ['throttled'] } });
  expectStatus(await customer.post(`/v2/campaigns/${id}/launch`), 202);
  await until(
    'campaign done',
    async () => expectStatus(await customer.get(`/v2/campaigns/${id}`), 200),
    ({ status, counts }) => status === 'completed' && counts.delivered === 2,
    20_000,
  );
  const [{ from, to }] = await listOf('/control/submissions');
  const answer = marker('answer-of-a-person');
  secrets.set('text of an answer', answer);
  await control('/control/inbound', { from: to, to: from, text: answer });
  await control('/control/inbound', { from: to, to: from, text: 'STOP' });
  const phone = `+${to.replace('+', '')}`;
  await until(
    'opted out',
    async () => expectStatus(await customer.get(`/v2/contacts?search=${encodeURIComponent(phone)}`), 200).data[0],
    (contact) => contact?.doNotContact === true,
  );
};

const isWord = /[0-9A-Za-z]/;
/** Whether the text stands there by itself: the digits of a code may be part of a trace id. */
const holds = (line: string, secret: string): boolean => {
  for (let at = line.indexOf(secret); at >= 0; at = line.indexOf(secret, at + 1))
    if (!isWord.test(line[at - 1] ?? ' ') && !isWord.test(line[at + secret.length] ?? ' ')) return true;
  return false;
};
/** What the lines give away, as `what: where`, each kind once; the secret itself is not printed. */
const leaks = (lines: readonly { readonly where: string; readonly text: string }[]): string[] => [
  ...new Set(
    lines.flatMap(({ where, text }) =>
      [...secrets]
        .filter(([, secret]) => holds(text, secret))
        .map(([what, secret]) => `${what}: ${where} ${text.replaceAll(secret, '<LEAK>').slice(0, 600)}`),
    ),
  ),
];

describe('what is secret', () => {
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'namaskah-secrets-'));
    platform = await startTestPlatform({ dataDir, env: { all: { LOG_LEVEL: 'debug' } } });
    await platform.simulator({ handlerApi: { noCodeRatio: 1 } });
    const {
      principalKey,
      authEncryptionKey,
      verificationEncryptionKey,
      paymentSimulatorSecret,
      providerHandlerApiKey,
      providerPushSecret,
      smppPassword,
      databasePasswords,
    } = platform.secrets;
    for (const [what, secret] of Object.entries({
      principalKey,
      authEncryptionKey,
      verificationEncryptionKey,
      paymentSimulatorSecret,
      providerHandlerApiKey,
      providerPushSecret,
      smppPassword,
      ...databasePasswords,
    }))
      secrets.set(what, secret);
    await live();
  });
  after(async () => {
    await platform?.stop();
    if (dataDir !== undefined) await rm(dataDir, { recursive: true, force: true });
  });

  it('is found by this test where it is', () => {
    for (const [what, secret] of secrets) {
      assert.ok(secret.length >= 8, what);
      assert.equal(leaks([{ where: 'here', text: `{"a":"+${secret}"}` }]).length > 0, true, what);
    }
  });
  it('is in no outbox, neither in headers nor in payloads', async () => {
    const subjects = new Set<string>();
    for (const { database } of topology) {
      if (database === undefined) continue;
      const client = new pg.Client({ connectionString: platform.databaseUrl(database) });
      await client.connect();
      try {
        const { rows } = await client.query<{ subject: string; text: string }>(
          `select subject, concat_ws(' ', subject, aggregate_id, headers, convert_from(payload, 'UTF8'), last_error) as text from outbox`,
        );
        for (const { subject } of rows) subjects.add(subject);
        assert.deepEqual(leaks(rows.map(({ subject, text }) => ({ where: subject, text }))), []);
      } finally {
        await client.end();
      }
    }
    for (const service of ['auth', 'billing', 'verification', 'campaign'])
      assert.ok(
        [...subjects].some((subject) => subject.startsWith(`namaskah.${service}.`)),
        `nothing of ${service} was looked at`,
      );
  });
  it('is in no line of any log, written at the most talkative level in use', async () => {
    const files = await readdir(join(dataDir, 'logs'));
    let debugLines = 0;
    for (const { name } of topology) {
      assert.ok(files.includes(`${name}.log`), name);
      const lines = (await readFile(join(dataDir, 'logs', `${name}.log`), 'utf8')).split('\n').filter((line) => line !== '');
      assert.ok(lines.length > 0, `${name} wrote nothing`);
      debugLines += lines.filter((line) => line.includes('"level":"debug"')).length;
      assert.deepEqual(leaks(lines.map((text) => ({ where: name, text }))), []);
    }
    assert.ok(debugLines > 0, 'no process wrote a debug line');
  });
});
