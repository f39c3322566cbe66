/** Customers of the gateway, for whole-system tests. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { changeOperator } from '../../services/auth/operators.ts';
import { restClient } from '../../tools/rest.ts';

export interface Answer {
  readonly status: number;
  readonly body: any;
  readonly headers: Headers;
}

export interface Api {
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  get(path: string): Promise<Answer>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** The same API with another credential; none: anonymous. */
  as(credential: string | undefined): Api;
}

export const api = (baseUrl: string, credential?: string): Api => {
  const client = restClient(baseUrl, credential);
  const call: Api['call'] = (method, path, body, headers = {}) =>
    client.send(method, path, { ...(body === undefined ? {} : { body }), headers });
  return {
    call,
    get: (path) => call('GET', path),
    post: (path, body, headers) => call('POST', path, body, headers),
    as: (other) => api(baseUrl, other),
  };
};

/** @throws with the answer in the message, so that a failing test says why */
export const expectStatus = (answer: Answer, status: number): any => {
  assert.equal(answer.status, status, `expected ${status}, got ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
};

export interface Customer {
  readonly api: Api;
  readonly email: string;
  readonly password: string;
  readonly userId: string;
  readonly tenantId: string;
  readonly tokens: { readonly accessToken: string; readonly refreshToken: string };
}

/** Registers an organization and signs its owner in. */
export const newCustomer = async (baseUrl: string, name = 'Test Works'): Promise<Customer> => {
  const anonymous = api(baseUrl);
  const email = `owner-${randomBytes(6).toString('hex')}@example.com`;
  const password = `pw-${randomBytes(12).toString('base64url')}`;
  // A machine that has other work sheds load now and then: 503 says that nothing was done.
  const served = (path: string, body: unknown): Promise<Answer> =>
    until(
      path,
      () => anonymous.post(path, body),
      ({ status }) => status !== 503,
    );
  const registered = expectStatus(await served('/v2/auth/register', { email, password, organization: name }), 201);
  const tokens = expectStatus(await served('/v2/auth/login', { email, password }), 200);
  return { api: anonymous.as(tokens.accessToken), email, password, userId: registered.user.id, tenantId: registered.tenant.id, tokens };
};

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks again until `done` says yes; fails with the last answer. */
export const until = async <T>(what: string, ask: () => Promise<T>, done: (value: T) => boolean, timeoutMs = 15_000): Promise<T> => {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await ask();
    if (done(value)) return value;
    if (Date.now() > deadline)
      assert.fail(
        `${what}: not within ${timeoutMs} ms, last: ${JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? String(part) : part))?.slice(0, 2_000)}`,
      );
    await sleep(50);
  }
};

/** Pays at the simulator's hosted page as a person would. */
export const pay = async (
  customer: Api,
  amount: string,
  outcome: 'success' | 'failure' = 'success',
  gateway = 'simulator',
  more: object = {},
): Promise<any> => {
  const payment = expectStatus(await customer.post('/v2/payments', { amount, currency: 'USD', gateway, ...more }), 201);
  const page = await fetch(payment.checkoutUrl, { method: 'POST', body: new URLSearchParams({ outcome }), redirect: 'manual' });
  assert.ok(page.status < 400, `the checkout page answered ${page.status}`);
  return until(
    'payment settled',
    async () => (await customer.get(`/v2/payments/${payment.id}`)).body,
    ({ status }) => status !== 'pending',
  );
};

/** Mails that reached an address, newest first. */
export const mailsTo = async (simulatorUrl: string, address: string): Promise<{ subject: string; text: string }[]> => {
  const response = await fetch(`${simulatorUrl}/mailbox/messages?to=${encodeURIComponent(address)}`);
  return ((await response.json()) as { data: { subject: string; text: string }[] }).data;
};

/** Invites somebody, follows the mail, and signs in as the new member. */
export const newMember = async (
  owner: Customer,
  baseUrl: string,
  simulatorUrl: string,
  role: 'admin' | 'staff' | 'viewer',
): Promise<Api> => {
  const email = `${role}-${randomBytes(6).toString('hex')}@example.com`;
  const password = `pw-${randomBytes(12).toString('base64url')}`;
  expectStatus(await owner.api.post('/v2/invitations', { email, role }), 201);
  const [mail] = await until(
    `invitation mail to ${role}`,
    () => mailsTo(simulatorUrl, email),
    (mails) => mails.length > 0,
  );
  const token = /"token":\s*"([^"]+)"|token[=:\s]+([\w.~-]{16,})/i.exec(mail?.text ?? '');
  assert.ok(token, `no token in the mail: ${mail?.text}`);
  expectStatus(await api(baseUrl).post('/v2/invitations/accept', { token: token[1] ?? token[2], password }), 201);
  const tokens = expectStatus(await api(baseUrl).post('/v2/auth/login', { email, password }), 200);
  return api(baseUrl, tokens.accessToken);
};

/** Somebody who runs the platform: registers, follows the mail, is granted the right on the machine, and signs in again. */
export const newOperator = async (platform: {
  readonly gatewayUrl: string;
  readonly simulatorUrl: string;
  databaseUrl(name: string): string;
}): Promise<Customer> => {
  const person = await newCustomer(platform.gatewayUrl, 'Namaskah');
  const [mail] = await until(
    'verification mail',
    () => mailsTo(platform.simulatorUrl, person.email),
    (mails) => mails.length > 0,
  );
  const token = /token[=:\s"]+([\w.~-]{16,})/i.exec(mail?.text ?? '')?.[1];
  assert.ok(token, `no token in the mail: ${mail?.text}`);
  expectStatus(await person.api.post('/v2/auth/verify-email', { token }), 204);
  await changeOperator(platform.databaseUrl('auth'), { email: person.email, isOperator: true, by: 'test' });
  const { email, password } = person;
  const tokens = expectStatus(await person.api.as(undefined).post('/v2/auth/login', { email, password }), 200);
  return { ...person, api: person.api.as(tokens.accessToken), tokens };
};
