import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { minuteMs } from '#platform/time/index.ts';
import { createVerification } from '../../app/create-verification.ts';
import { receivePush } from '../../app/receive-push.ts';
import { laxRules } from '../../testing/policy/rules.ts';
import { type Harness, openHarness } from '../../testing/harness.ts';
import { outboxRowOf } from '../nats/events.ts';
import { createVerificationStore } from '../postgres/store.ts';
import { rememberAwaited } from './awaited.ts';

let h: Harness;
before(async () => {
  h = await openHarness();
});
after(() => h?.close());

const replica = () =>
  createVerificationStore({ db: h.db, rules: laxRules, outboxRowOf: outboxRowOf(() => h.clock.now()), now: () => h.clock.now() });

/** A store that remembers, and counts what it has to look up. */
const counting = () => {
  const store = replica();
  let lookUps = 0;
  const findByActivation: typeof store.findByActivation = (...key) => {
    lookUps += 1;
    return store.findByActivation(...key);
  };
  return { store: rememberAwaited({ ...store, findByActivation }), lookUps: () => lookUps };
};

const bought = async (store: ReturnType<typeof counting>['store']) => {
  const { id } = await createVerification({ ...h.ports, store })(h.request());
  const { tenantId } = h.request();
  const verification = await store.find(tenantId, id);
  assert.ok(verification?.activationId);
  return { ...verification, activationId: verification.activationId };
};

test('the first message for a number bought here needs no look-up, a second one does', async () => {
  const { store, lookUps } = counting();
  const ports = { ...h.ports, store };
  const { id, tenantId, activationId } = await bought(store);
  const before = lookUps();
  await receivePush(ports)(h.push(activationId, 'Telegram code: 48151'));
  assert.equal(lookUps() - before, 0);
  assert.equal((await store.find(tenantId, id))?.state, 'received');
  await receivePush(ports)(h.push(activationId, 'Telegram code: 48151'));
  assert.equal(lookUps() - before, 1);
  assert.equal((await store.find(tenantId, id))?.codes, 1);
});

test('what another process has changed meanwhile is found out by whoever changes it', async () => {
  const { store } = counting();
  const ports = { ...h.ports, store };
  const elsewhere = { ...h.ports, store: replica() };
  const { id, tenantId, activationId } = await bought(store);
  await receivePush(elsewhere)(h.push(activationId, 'Telegram code: 10001'));
  await receivePush(ports)(h.push(activationId, 'Telegram code: 10001'));
  assert.equal((await store.find(tenantId, id))?.codes, 1, 'told once');
  await receivePush(ports)(h.push(activationId, 'Telegram code: 20002'));
  assert.equal((await store.find(tenantId, id))?.codes, 2, 'and a further message on top of what the other has written');
});

test('a number that was frozen by another process shows nothing, although it is remembered as it was', async () => {
  const { store } = counting();
  const { id, tenantId, activationId } = await bought(store);
  await h.db.query('update verifications set version = version + 1, frozen_at = $2 where id = $1', [id, h.clock.now()]);
  await receivePush({ ...h.ports, store })(h.push(activationId, 'Telegram code: 30003'));
  const after = await store.find(tenantId, id);
  assert.equal(after?.state, 'waiting');
  assert.deepEqual(await store.messages(tenantId, id), []);
});

test('a number whose time was over elsewhere gets its message late', async () => {
  const { store } = counting();
  const { id, tenantId, activationId } = await bought(store);
  h.clock.advance(21 * minuteMs);
  const other = replica();
  const present = await other.find(tenantId, id);
  assert.ok(present);
  const to = {
    ...present,
    state: 'expired',
    version: present.version + 1,
    endedAt: h.clock.now(),
    reason: 'no_code_in_time',
    dueAt: undefined,
  } as const;
  assert.equal(await other.save(present, to, { event: { kind: 'expired', verification: to } }), 'saved');
  const late = h.lateCodes.length;
  await receivePush({ ...h.ports, store })(h.push(activationId, 'Telegram code: 40004'));
  assert.deepEqual(h.lateCodes.slice(late), [id]);
  assert.equal((await store.find(tenantId, id))?.state, 'expired');
});
