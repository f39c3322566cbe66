/** Further codes on a number that has had one, as its event stream tells them: asked for and paid, or simply sent. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openSse, type StreamClient } from '../../services/gateway/testing/stream-client.ts';
import { expectStatus, newCustomer, until, type Customer } from '../support/client.ts';
import { startTestPlatform, type TestPlatform } from '../support/platform.ts';

describe('further codes', () => {
  let platform: TestPlatform;
  let customer: Customer;
  let rented: any;
  let stream: StreamClient;
  before(async () => {
    // So long a number with a code stays open for another one: longer than all of this takes.
    platform = await startTestPlatform({ env: { verification: { FINISH_DELAY_MS: '120000' } } });
    customer = await newCustomer(platform.gatewayUrl);
    await platform.grantCredit(customer.tenantId, '20.00');
    rented = expectStatus(await customer.api.post('/v2/verifications', { service: 'telegram', country: 'ID', capability: 'sms' }), 201);
    const headers = { authorization: `Bearer ${customer.tokens.accessToken}` };
    stream = await openSse(`${platform.gatewayUrl}/v2/verifications/${rented.id}/events`, headers);
  });
  after(async () => {
    stream?.close();
    await platform?.stop();
  });

  const shown = (): any[] => stream.events().map(({ data }) => data);
  const hears = (what: string, fits: (seen: any) => boolean): Promise<any> =>
    until(
      what,
      async () => shown().find(fits),
      (seen) => seen !== undefined,
      30_000,
    );
  const messagesOf = (seen: any): number => seen.messages.length;
  const path = (): string => `/v2/verifications/${rented.id}`;

  it('are told by the open stream when they were asked for', async () => {
    const first = await hears('the first code', ({ code }) => code !== null);
    assert.deepEqual([first.status, first.awaitingAnotherCode, messagesOf(first)], ['received', false, 1]);
    const waiting = expectStatus(await customer.api.post(`${path()}/another-code`), 200);
    assert.deepEqual([waiting.status, waiting.awaitingAnotherCode, waiting.code], ['received', true, first.code]);
    const second = await hears('the second code', (seen) => messagesOf(seen) === 2);
    assert.deepEqual([second.status, second.awaitingAnotherCode], ['received', false]);
    assert.notEqual(second.code, first.code);
    assert.deepEqual(
      second.messages.map(({ code }: { code: string }) => code),
      [first.code, second.code],
    );
    assert.deepEqual(expectStatus(await customer.api.get(path()), 200), second, 'what the stream says is what there is');
  });

  it('are told when nobody asked, too', async () => {
    const { data } = (await (await fetch(`${platform.simulatorUrl}/control/activations`)).json()) as { data: { id: string }[] };
    const sent = await fetch(`${platform.simulatorUrl}/control/activations/${data[0]?.id}/code`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code: '918273' }),
    });
    assert.equal(sent.status, 200, await sent.text());
    const third = await hears('the third code', (seen) => messagesOf(seen) === 3);
    assert.deepEqual([third.status, third.code, third.messages[2].code], ['received', '918273', '918273']);
  });

  it('come once each, in the order of their versions', () => {
    const versions = stream.events().map(({ cursor }) => Number(cursor));
    assert.deepEqual(
      versions,
      [...new Set(versions)].toSorted((a, b) => a - b),
    );
    assert.equal(stream.events().filter(({ data }) => data.code !== null && !data.awaitingAnotherCode).length, 3);
  });

  it('are found by a client that comes back with the last version that it saw', async () => {
    const seen = stream.events();
    const first = seen.find(({ data }) => messagesOf(data) === 1);
    assert.ok(first?.cursor !== undefined);
    const again = await openSse(`${platform.gatewayUrl}${path()}/events`, {
      authorization: `Bearer ${customer.tokens.accessToken}`,
      'last-event-id': first.cursor,
    });
    const [newest] = await until(
      'the newest version',
      async () => again.events(),
      (events) => events.length > 0,
    );
    again.close();
    assert.deepEqual(newest?.data, seen.at(-1)?.data);
  });
});
