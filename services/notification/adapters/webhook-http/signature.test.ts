import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { it } from 'node:test';
import fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { signatureHeaders } from './signature.ts';

const secret = (): string => `whsec_${randomBytes(32).toString('base64')}`;
const bodies = fc.object({ maxDepth: 1 }).map((value) => JSON.stringify(value));

it('the library of Standard Webhooks accepts every message, and none that was changed', () => {
  fc.assert(
    fc.property(bodies, (body) => {
      const key = secret();
      const headers = { ...signatureHeaders({ url: '', id: 'wdl_1', at: new Date(), body, secrets: [key] }) };
      assert.deepEqual(new Webhook(key).verify(body, headers), JSON.parse(body));
      assert.throws(() => new Webhook(secret()).verify(body, headers));
      assert.throws(() => new Webhook(key).verify(`${body} `, headers));
      assert.throws(() => new Webhook(key).verify(body, { ...headers, 'webhook-id': 'wdl_2' }));
    }),
  );
});

it('during a rotation either secret verifies, in both headers', () => {
  const [newer, older] = [secret(), secret()];
  const at = new Date();
  const headers = { ...signatureHeaders({ url: '', id: 'wdl_1', at, body: '{}', secrets: [newer, older] }) };
  const simple = headers['x-webhook-signature'] ?? '';
  for (const key of [newer, older]) {
    new Webhook(key).verify('{}', headers);
    const expected = createHmac('sha256', key)
      .update(`${Math.floor(at.getTime() / 1_000)}.{}`)
      .digest('hex');
    assert.ok(simple.split(',').includes(`v1=${expected}`));
  }
  assert.match(simple, /^t=\d{10},v1=[0-9a-f]{64},v1=[0-9a-f]{64}$/);
});

it('a message of five minutes ago is refused by the library: a recorded request cannot be played again', () => {
  const key = secret();
  const at = new Date(Date.now() - 301_000);
  assert.throws(() => new Webhook(key).verify('{}', { ...signatureHeaders({ url: '', id: 'a', at, body: '{}', secrets: [key] }) }), /old/);
});
