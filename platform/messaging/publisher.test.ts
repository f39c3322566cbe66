import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { JetStreamApiError } from '@nats-io/jetstream';
import { TimeoutError, type Msg } from '@nats-io/transport-node';
import { newId } from '#platform/ids/index.ts';
import { createTestNats, eventually, type TestNats } from '#platform/testing/index.ts';
import { openBus, type Bus } from './bus.ts';
import { isRowFault } from './failures.ts';
import { messageHeaders } from './headers.ts';
import { createPublisher } from './publisher.ts';

const row = (aggregateId: string) => ({
  id: newId(),
  subject: 'namaskah.auth.v1.tenant.registered',
  aggregate_id: aggregateId,
  aggregate_version: 7n,
  headers: { 'namaskah-tenant': newId(), 'ce-time': '2026-11-21T10:00:00.000Z', traceparent: '00-1-2-00' },
});

describe('publisher', () => {
  let nats: TestNats;
  let bus: Bus;
  before(async () => {
    nats = await createTestNats();
    bus = await openBus({ url: nats.url, name: 'publisher-test' });
  });
  after(async () => {
    await bus?.close();
    await nats?.close();
  });

  it('tells each message its own answer, whatever order the answers come in', async () => {
    const subject = 'answers.in.reverse';
    const asked: Msg[] = [];
    const server = bus.connection.subscribe(subject, { callback: (_error, message) => void asked.push(message) });
    const publisher = createPublisher(bus.connection, { timeoutMs: 60_000 });
    const settled = new Map<string, unknown>();
    for (const name of ['stored', 'refused', 'strange', 'nobody'])
      publisher.publish({ subject, payload: Buffer.from(name), headers: messageHeaders(row(newId())) }, (error) =>
        settled.set(name, error),
      );
    await eventually(() => assert.equal(asked.length, 4));
    const answers: Record<string, string> = {
      stored: '{"stream":"AUTH","seq":1}',
      refused: '{"error":{"code":400,"err_code":10054,"description":"message size exceeds maximum allowed"}}',
      strange: '{"hello":"world"}',
      nobody: '',
    };
    for (const message of asked.toReversed()) message.respond(answers[message.string()]);
    await eventually(() => assert.equal(settled.size, 4));
    assert.equal(settled.get('stored'), undefined);
    assert.ok(settled.get('refused') instanceof JetStreamApiError && isRowFault(settled.get('refused')));
    for (const name of ['strange', 'nobody']) assert.ok(settled.get(name) instanceof Error && !isRowFault(settled.get(name)), name);
    publisher.close();
    server.unsubscribe();
  });

  it('gives up what is not answered in time, once, and takes no notice of a later answer', async () => {
    const subject = 'answers.too.late';
    const asked: Msg[] = [];
    const server = bus.connection.subscribe(subject, { callback: (_error, message) => void asked.push(message) });
    const publisher = createPublisher(bus.connection, { timeoutMs: 50 });
    const settled: unknown[] = [];
    const publish = () =>
      publisher.publish({ subject, payload: Buffer.from('x'), headers: messageHeaders(row(newId())) }, (error) => settled.push(error));
    publish();
    await eventually(() => assert.ok(settled[0] instanceof TimeoutError));
    await eventually(() => assert.equal(asked.length, 1));
    asked[0]!.respond('{"stream":"AUTH","seq":1}');
    publish();
    await eventually(() => assert.ok(settled[1] instanceof TimeoutError));
    assert.equal(settled.length, 2);
    publisher.close();
    server.unsubscribe();
  });

  it('writes every header of the contract, and none that would break out of its line', () => {
    const one = row('aggregate');
    const written = messageHeaders(one);
    assert.deepEqual(Object.fromEntries([...written.keys()].map((name) => [name, written.get(name)])), {
      'Nats-Msg-Id': one.id,
      'ce-id': one.id,
      'ce-type': one.subject,
      'ce-source': 'namaskah/auth',
      'ce-specversion': '1.0',
      'content-type': 'application/json',
      'ce-subject': 'aggregate',
      'namaskah-version': '7',
      ...one.headers,
    });
    const breaking = { ...one, headers: { ...one.headers, tracestate: 'a=b\r\nnamaskah-tenant: other' } };
    for (const bad of [breaking, row('a\nb')]) assert.throws(() => messageHeaders(bad), isRowFault);
  });
});
