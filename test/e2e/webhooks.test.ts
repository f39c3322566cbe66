/** A customer's server is told: from a purchase at the gateway to a signed request with the code, with every service real. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Received, type Receiver, startReceiver, status, verified } from '../../services/notification/testing/webhooks/receiver.ts';
import { expectStatus, newCustomer, pay, until, type Answer, type Customer } from '../support/client.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

const telegram = { service: 'telegram', country: 'ID', capability: 'sms' };

describe('webhooks of a customer', () => {
  let platform: TestPlatform;
  let customer: Customer;
  let receiver: Receiver;
  let webhook: any;
  before(async () => {
    [platform, receiver] = await Promise.all([startTestPlatform(), startReceiver()]);
    customer = await newCustomer(platform.gatewayUrl);
    await pay(customer.api, '80.00');
  });
  after(async () => {
    await receiver?.close();
    await platform?.stop();
  });

  const create = (path: string, eventTypes = ['*'], headers: Record<string, string> = {}) =>
    customer.api.post('/v2/webhooks', { url: receiver.url(path), eventTypes }, headers);
  const bodiesAt = (path: string): any[] => receiver.at(path).map(({ body }) => JSON.parse(body));
  const arrival = async (path: string, type: string): Promise<Received> => {
    const found = await until(
      `${type} at ${path}`,
      async () => receiver.at(path).find(({ body }) => JSON.parse(body).type === type),
      (received) => received !== undefined,
      30_000,
    );
    return found ?? assert.fail();
  };
  const deliveriesOf = async (query = ''): Promise<any> =>
    expectStatus(await customer.api.get(`/v2/webhooks/${webhook.id}/deliveries${query}`), 200);
  const fieldsOf = (answer: Answer): string[] => expectStatus(answer, 422).errors.map(({ field }: { field: string }) => field);

  it('come with the plan: none at first, then as many as GET /v2/plans says', async () => {
    assert.equal(expectStatus(await create('/hook'), 409).code, 'webhook.limit_reached');
    expectStatus(await customer.api.post('/v2/subscription', { plan: 'pro', interval: 'month' }), 200);
    webhook = expectStatus(
      await until(
        'an endpoint of the new plan',
        () => create('/hook', ['verification.*', 'payment.succeeded']),
        ({ status: code }) => code !== 409,
      ),
      201,
    );
    assert.match(webhook.secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
    const plan = expectStatus(await customer.api.get('/v2/plans'), 200).data.find(({ id }: { id: string }) => id === 'pro');
    const others: string[] = [];
    for (let count = 1; count < plan.webhooks; count++) others.push(expectStatus(await create(`/other-${count}`, ['contact.*']), 201).id);
    assert.equal(expectStatus(await create('/too-many'), 409).code, 'webhook.limit_reached');
    for (const id of others) expectStatus(await customer.api.call('DELETE', `/v2/webhooks/${id}`), 204);
    const { data } = expectStatus(await customer.api.get('/v2/webhooks'), 200);
    assert.deepEqual(
      data.map(({ id, secret }: { id: string; secret?: string }) => [id, secret]),
      [[webhook.id, undefined]],
    );
  });

  it('a rented number and its code arrive, in words that agree with the API', async () => {
    const rented = expectStatus(await customer.api.post('/v2/verifications', telegram), 201);
    const created = verified(await arrival('/hook', 'verification.created'), webhook.secret);
    assert.deepEqual([created.data.verificationId, created.data.phoneNumber], [rented.id, rented.phoneNumber]);
    const received = verified(await arrival('/hook', 'verification.code_received'), webhook.secret);
    const completed = verified(await arrival('/hook', 'verification.completed'), webhook.secret);
    const now = expectStatus(await customer.api.get(`/v2/verifications/${rented.id}`), 200);
    assert.equal(received.data.code, now.code);
    assert.deepEqual([received.data.text, received.data.sender], [now.messages[0].text, now.messages[0].sender]);
    assert.deepEqual([received.data.price, received.data.phoneNumber], [now.price, now.phoneNumber]);
    assert.ok(created.sequence < received.sequence && received.sequence <= completed.sequence);
    const second = expectStatus(await customer.api.post('/v2/verifications', telegram), 201);
    // Its code may be quicker than the cancellation.
    const { status: answer } = await customer.api.post(`/v2/verifications/${second.id}/cancel`, {});
    const outcome = answer === 200 ? 'verification.cancelled' : 'verification.code_received';
    await until(
      outcome,
      async () => bodiesAt('/hook').filter(({ type }) => type === outcome),
      (bodies) => bodies.some(({ data }) => data.verificationId === second.id),
    );
    await pay(customer.api, '5.00');
    assert.equal(JSON.parse((await arrival('/hook', 'payment.succeeded')).body).data.amount, '5.00');
    assert.equal(bodiesAt('/hook').filter(({ type }) => type.startsWith('subscription.')).length, 0, 'nobody asked for those');
  });

  it('the log shows what was sent and answered, without the code; it can be sent again', async () => {
    const { data } = await until(
      'delivered',
      () => deliveriesOf('?eventType=verification.code_received&limit=1'),
      (answer) => answer.data[0]?.status === 'delivered',
    );
    const [delivery] = data;
    assert.match(delivery.id, /^wdl_/);
    const whole = expectStatus(await customer.api.get(`/v2/webhooks/${webhook.id}/deliveries/${delivery.id}`), 200);
    assert.deepEqual([whole.body.data.code, whole.body.data.text, whole.body.data.phoneNumber], ['***', '***', '***']);
    assert.deepEqual(
      whole.attemptLog.map((attempt: any) => [attempt.number, attempt.status, attempt.error]),
      [[1, 204, null]],
    );
    const before = receiver.at('/hook').length;
    expectStatus(await customer.api.post(`/v2/webhooks/${webhook.id}/deliveries/${delivery.id}/redeliver`, {}), 202);
    await until(
      'sent again',
      async () => receiver.at('/hook').length,
      (count) => count === before + 1,
    );
    const same = receiver.at('/hook').filter(({ headers }) => headers['webhook-id'] === delivery.id);
    assert.deepEqual([same.length, same[0]?.body], [2, same[1]?.body]);
    const pages = await deliveriesOf('?limit=1');
    assert.notEqual((await deliveriesOf(`?limit=1&cursor=${pages.nextCursor}`)).data[0].id, pages.data[0].id);
  });

  it('an endpoint can be tested, turned off, rotated, and told again what it missed', async () => {
    receiver.answer('/hook', status(500, 'boom'));
    const test = expectStatus(await customer.api.post(`/v2/webhooks/${webhook.id}/test`), 202);
    const failed = await until(
      'a failed attempt',
      async () => expectStatus(await customer.api.get(`/v2/webhooks/${webhook.id}/deliveries/${test.id}`), 200),
      ({ attemptLog }) => attemptLog.length > 0,
    );
    assert.deepEqual([failed.lastStatus, failed.lastError, failed.attemptLog[0].answer], [500, 'answered 500', 'boom']);
    receiver.answer('/hook', status(204));
    const rotated = expectStatus(await customer.api.post(`/v2/webhooks/${webhook.id}/rotate-secret`, {}), 200);
    expectStatus(await customer.api.post(`/v2/webhooks/${webhook.id}/deliveries/${test.id}/redeliver`, {}), 202);
    const arrived = await until(
      'the test',
      async () => receiver.at('/hook').filter(({ headers }) => headers['webhook-id'] === test.id),
      (received) => received.length > 1,
    );
    for (const secret of [webhook.secret, rotated.secret])
      assert.equal(verified(arrived.at(-1) ?? assert.fail(), secret).type, 'webhook.test');
    const off = expectStatus(await customer.api.call('PATCH', `/v2/webhooks/${webhook.id}`, { enabled: false }), 200);
    assert.deepEqual([off.enabled, off.disabledReason], [false, 'user']);
    assert.equal(expectStatus(await customer.api.post(`/v2/webhooks/${webhook.id}/test`), 409).code, 'webhook.endpoint_disabled');
    expectStatus(await customer.api.call('PATCH', `/v2/webhooks/${webhook.id}`, { enabled: true }), 200);
    const range = { from: new Date(Date.now() - 3_600_000).toISOString(), to: new Date(Date.now() + 60_000).toISOString() };
    const { replayed } = expectStatus(
      await customer.api.post(`/v2/webhooks/${webhook.id}/replay`, { ...range, eventTypes: ['payment.*'] }),
      202,
    );
    assert.equal(replayed, 1);
  });

  it('refuses what is wrong, and says which field', async () => {
    const good = { url: 'https://example.com/hook', eventTypes: ['*'] };
    const post = (body: unknown) => customer.api.post('/v2/webhooks', body);
    for (const url of [
      'http://example.com/',
      'https://user:pass@example.com/',
      'https://example.com:22/',
      'x',
      `https://example.com/${'y'.repeat(2_048)}`,
    ])
      assert.deepEqual(fieldsOf(await post({ ...good, url })), ['url'], url);
    assert.deepEqual(fieldsOf(await post({ ...good, eventTypes: ['verification.nope'] })), ['eventTypes[0]']);
    for (const body of [{}, { ...good, eventTypes: [] }, { ...good, unknown: 1 }, { ...good, description: 'd'.repeat(201) }])
      assert.ok(fieldsOf(await post(body)).length > 0);
    expectStatus(await customer.api.call('PATCH', `/v2/webhooks/${webhook.id}`, {}), 422);
    expectStatus(await customer.api.post(`/v2/webhooks/${webhook.id}/rotate-secret`, { overlapHours: 169 }), 422);
    assert.equal(
      expectStatus(await customer.api.post(`/v2/webhooks/${webhook.id}/rotate-secret`, { overlapHours: 1 }), 409).code,
      'webhook.rotation_in_progress',
    );
    const replay = (body: unknown) => customer.api.post(`/v2/webhooks/${webhook.id}/replay`, body);
    assert.deepEqual(fieldsOf(await replay({ from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z' })), ['to']);
    assert.deepEqual(fieldsOf(await replay({ from: '2026-01-01T00:00:00Z', to: '2026-03-01T00:00:00Z' })), ['from']);
    for (const query of ['?status=lost', '?limit=0', '?from=yesterday', '?cursor=x'])
      assert.ok(fieldsOf(await customer.api.get(`/v2/webhooks/${webhook.id}/deliveries${query}`)).length > 0, query);
    expectStatus(await customer.api.get('/v2/webhooks/whk_nonsense'), 404);
  });

  it('a repeated creation with its key is one endpoint, with the same secret', async () => {
    const key = { 'idempotency-key': 'once' };
    const [first, again] = [await create('/once', ['*'], key), await create('/once', ['*'], key)];
    assert.deepEqual(expectStatus(again, 201), expectStatus(first, 201));
    assert.equal(expectStatus(await create('/twice', ['*'], key), 409).code, 'request.idempotency_conflict');
  });

  it('what can be subscribed to is listed, each with a body like those that arrive', async () => {
    const { data } = expectStatus(await customer.api.get('/v2/webhook-event-types'), 200);
    for (const sent of bodiesAt('/hook')) {
      const described = data.find(({ type }: { type: string }) => type === sent.type);
      assert.deepEqual(Object.keys(sent).toSorted(), Object.keys(described.example).toSorted());
      assert.deepEqual(Object.keys(sent.data).toSorted(), Object.keys(described.example.data).toSorted(), sent.type);
    }
  });
});
