import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type ErrorCode, isAppError, toAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { addMs, hourMs, minuteMs, secondMs } from '#platform/time/index.ts';
import { reportReasons } from '../../domain/verification.ts';
import { type Harness, openHarness } from '../../testing/harness.ts';
import { cancelVerification } from '../cancel-verification.ts';
import { createVerification } from '../create-verification.ts';
import { getVerification } from '../get-verification.ts';
import { exportVerifications } from '../history/export-verifications.ts';
import { listChanges } from '../history/list-changes.ts';
import { listMessages } from '../history/list-messages.ts';
import { listVerifications } from '../list-verifications.ts';
import type { NumberProvider, Ports } from '../ports.ts';
import { receivePush } from '../receive-push.ts';
import { reportNumber } from '../report/report-number.ts';
import { retryVerification } from '../retry/retry-verification.ts';
import type { VerificationView } from '../view.ts';
import { requestAnother } from './request-another.ts';

const refusedWith = (code: ErrorCode) => (error: unknown) =>
  isAppError(error, code) || assert.fail(`expected ${code}, got ${String(error)}`);

describe('what follows a purchase', () => {
  let h: Harness;
  let ports: Ports;
  let tenantId: string;
  before(async () => {
    h = await openHarness();
    // Time for a further code.
    ports = { ...h.ports, timing: { ...h.ports.timing, finishDelayMs: minuteMs } };
    ({ tenantId } = h.request());
  });
  after(() => h.close());
  beforeEach(() => {
    h.clock.advance(hourMs);
    h.provider.earlyCancelMs = 0;
    h.provider.cancelAfterMs = 0;
    h.provider.heal();
    h.ledger.givenBack.length = 0;
  });

  const create = (over = {}) => createVerification(ports)(h.request(over));
  const read = (id: string) => getVerification(ports)({ tenantId, id });
  const another = (id: string, over: Partial<Ports> = {}) => requestAnother({ ...ports, ...over })({ tenantId, id });
  const report = (id: string) => reportNumber(ports)({ tenantId, id, reason: 'number_already_used' });
  const rentedFor = (id: string) => h.provider.rented.find((row) => row.orderId === id) ?? assert.fail('not rented');
  const text = async (id: string, code: string) => {
    const activationId = rentedFor(id).id;
    h.provider.deliver(activationId, `Your code is ${code}`, code);
    await receivePush(ports)(h.push(activationId, `Your code is ${code}`, code));
  };
  const withCode = async (over = {}) => {
    const bought = await create(over);
    await text(bought.id, '111111');
    return bought;
  };

  describe('another code', () => {
    it('comes on the same number, is shown beside the first, and is free where the rule says so', async () => {
      const { id } = await withCode();
      const asked = await another(id);
      assert.deepEqual([asked.status, asked.awaitsAnother, asked.code], ['received', true, '111111']);
      assert.equal((await another(id)).awaitsAnother, true, 'asking twice is asking once');
      assert.equal(rentedFor(id).state, 'retry');
      await h.pass(2 * minuteMs);
      assert.equal((await read(id)).status, 'received', 'it is not given back while it is waited for');
      await text(id, '222222');
      const received = await read(id);
      assert.deepEqual([received.code, received.awaitsAnother], ['222222', false]);
      assert.deepEqual(
        received.messages.map(({ code }) => code),
        ['111111', '222222'],
      );
      await h.pass(2 * minuteMs);
      assert.deepEqual(await h.events(id), ['purchased', 'code-received', 'code-received', 'completed']);
      const versions = await h.db.query<{ aggregate_version: bigint }>(
        'select aggregate_version from outbox where aggregate_id = $1 order by seq',
        [id],
      );
      const rising = versions.map((row) => Number(row.aggregate_version));
      assert.deepEqual(
        rising,
        [...new Set(rising)].toSorted((a, b) => a - b),
        'every event has a version of its own',
      );
      await assert.rejects(another(id), refusedWith('verification.another_code_unavailable'));
    });

    it('costs its share where the rule says so: held before the provider is asked, charged with the code', async () => {
      const { id, price } = await withCode({ service: 'whatsapp' });
      await another(id);
      const hold = h.ledger.holds.get(`${id}:2:3`) ?? assert.fail('nothing was held');
      assert.equal(hold.amountMicros, (price.micros + 1n) / 2n);
      await text(id, '333333');
      const [, , second] = await h.payloads(id);
      assert.deepEqual([second?.['holdId'], second?.['position']], [hold.holdId, 2]);
      assert.deepEqual(second?.['price'], { currency: 'USD', micros: String(hold.amountMicros) });
    });

    it('that never comes costs nothing: what was held goes back, the first code stays paid', async () => {
      const { id } = await withCode({ service: 'whatsapp' });
      await another(id);
      await h.pass(30 * minuteMs);
      assert.equal((await read(id)).status, 'completed');
      assert.deepEqual(await h.events(id), ['purchased', 'code-received', 'another-code-ended', 'completed']);
      assert.equal((await h.payloads(id))[2]?.['holdId'], h.ledger.holds.get(`${id}:2:3`)?.holdId);
    });

    it('asked for again after the provider has refused it, is paid from a hold of its own: the one before has gone back', async () => {
      const { id } = await withCode({ service: 'whatsapp' });
      rentedFor(id).state = 'finished';
      await assert.rejects(another(id), refusedWith('verification.another_code_unavailable'));
      rentedFor(id).state = 'received';
      const balance = h.ledger.balanceMicros;
      h.ledger.balanceMicros = 0n;
      await assert.rejects(another(id), refusedWith('billing.insufficient_credit'));
      h.ledger.balanceMicros = balance;
      assert.equal((await another(id)).awaitsAnother, true);
      await text(id, '555555');
      const told = await h.payloads(id);
      assert.deepEqual(await h.events(id), ['purchased', 'code-received', 'another-code-ended', 'code-received']);
      assert.notEqual(told[3]?.['holdId'], told[2]?.['holdId']);
    });

    it('is fetched when its push is lost, and the message before, told once more, is not taken for it', async () => {
      const { id } = await withCode();
      await another(id);
      await receivePush(ports)(h.push(rentedFor(id).id, 'Your code is 111111', '111111'));
      assert.equal((await read(id)).awaitsAnother, true);
      h.provider.deliver(rentedFor(id).id, 'Your code is 444444', '444444');
      await h.pass(2 * minuteMs);
      assert.equal((await read(id)).code, '444444');
    });

    it('may be the same code once more, when the provider proves that it was sent later', async () => {
      const { id } = await withCode();
      h.clock.advance(5 * secondMs);
      await another(id);
      h.clock.advance(5 * secondMs);
      await text(id, '111111');
      const received = await read(id);
      assert.deepEqual([received.awaitsAnother, received.messages.length], [false, 2]);
      await text(id, '111111');
      assert.equal((await read(id)).messages.length, 2);
    });

    it('a lost answer is asked for again, by the scheduler', async () => {
      const { id } = await withCode();
      h.provider.spoil('requestAnother', 'before');
      assert.equal((await another(id)).awaitsAnother, true);
      assert.equal(rentedFor(id).state, 'received');
      await h.pass(minuteMs);
      assert.equal(rentedFor(id).state, 'retry');
    });

    it('is refused before the first code, without credit, by the provider, and beyond the limit', async () => {
      const fresh = await create();
      await assert.rejects(another(fresh.id), refusedWith('verification.another_code_unavailable'));
      await assert.rejects(requestAnother(ports)({ tenantId: newId(), id: fresh.id }), refusedWith('request.not_found'));

      const poor = await withCode({ service: 'whatsapp' });
      const balance = h.ledger.balanceMicros;
      h.ledger.balanceMicros = 0n;
      await assert.rejects(another(poor.id), refusedWith('billing.insufficient_credit'));
      h.ledger.balanceMicros = balance;
      assert.equal((await read(poor.id)).awaitsAnother, false);

      const ended = await withCode({ service: 'whatsapp' });
      rentedFor(ended.id).state = 'finished';
      await assert.rejects(another(ended.id), refusedWith('verification.another_code_unavailable'));
      assert.ok((await h.events(ended.id)).includes('another-code-ended'), 'what was held goes back');

      const often = await withCode();
      const policies = { ...ports.policies, anotherCode: { ...ports.policies.anotherCode, maxCodes: 1 } };
      await assert.rejects(another(often.id, { policies }), refusedWith('verification.another_code_unavailable'));
    });
  });

  describe('a message of an earlier lease', () => {
    it('is never shown and charges nobody, by push or by poll; a later code counts', async () => {
      const { id } = await create();
      const activationId = rentedFor(id).id;
      const old = addMs(h.clock.now(), -hourMs);
      const message = h.provider.deliver(activationId, 'Your code is 999999', '999999', old);
      const push = h.push(activationId, message.text, '999999');
      await receivePush(ports)({
        ...push,
        body: Buffer.from(
          Buffer.from(push.body)
            .toString()
            .replace(/"receivedAt":"[^"]+"/, `"receivedAt":"${old.toISOString()}"`),
        ),
      });
      await h.pass(5 * minuteMs);
      const waiting = await read(id);
      assert.deepEqual([waiting.status, waiting.code, waiting.messages], ['waiting', '', []]);
      await text(id, '555555');
      const received = await read(id);
      assert.deepEqual([received.status, received.code, received.messages.length], ['received', '555555', 1]);
    });

    it('does not stand against the money going back at the end', async () => {
      const { id } = await create();
      h.provider.deliver(rentedFor(id).id, 'Your code is 999999', '999999', addMs(h.clock.now(), -hourMs));
      for (let turn = 0; turn < 40; turn++) await h.pass(minuteMs);
      assert.equal((await read(id)).status, 'expired');
    });
  });

  describe('the early-cancel window', () => {
    it('is shown, and refused with the time that is left, without asking the provider', async () => {
      h.provider.cancelAfterMs = 2 * minuteMs;
      const bought = await create();
      assert.deepEqual(bought.cancellableAt, addMs(bought.createdAt, 2 * minuteMs));
      h.clock.advance(30 * secondMs);
      const calls = h.provider.calls.cancel;
      for (const attempt of [() => cancelVerification(ports)({ tenantId, id: bought.id }), () => report(bought.id)])
        await assert.rejects(attempt(), (error) => {
          assert.ok(isAppError(error, 'verification.early_cancel'));
          assert.equal(toAppError(error).retryAfterMs, 90 * secondMs);
          return true;
        });
      assert.equal(h.provider.calls.cancel, calls);
      h.clock.advance(90 * secondMs);
      assert.equal((await cancelVerification(ports)({ tenantId, id: bought.id })).status, 'cancelled');
    });

    it('that only the provider knows is learnt from its refusal', async () => {
      h.provider.earlyCancelMs = minuteMs;
      const { id } = await create();
      await assert.rejects(
        cancelVerification(ports)({ tenantId, id }),
        (error) => isAppError(error, 'verification.early_cancel') && toAppError(error).retryAfterMs !== undefined,
      );
      const { cancellableAt, status } = await read(id);
      assert.equal(status, 'waiting');
      assert.ok(cancellableAt && cancellableAt > h.clock.now());
    });
  });

  describe('a report', () => {
    it('without a code tells the provider and gives the money back, once', async () => {
      const { id } = await create();
      const [first, second] = await Promise.all([report(id), report(id)]);
      for (const view of [first, second, await report(id)])
        assert.deepEqual([view.status, view.reason, view.reportReason], ['cancelled', 'reported_by_customer', 'number_already_used']);
      assert.equal(rentedFor(id).reported, true);
      assert.deepEqual(await h.events(id), ['purchased', 'cancelled']);
    });

    it('whose answer is lost is settled by the scheduler, as a report', async () => {
      const { id } = await create();
      h.provider.spoil('report', 'before');
      assert.equal((await report(id)).status, 'waiting');
      await h.pass(minuteMs);
      assert.deepEqual([(await read(id)).status, rentedFor(id).reported], ['cancelled', true]);
    });

    it('with a code is kept, and gives nothing back', async () => {
      const { id } = await withCode();
      const kept = await report(id);
      assert.deepEqual([kept.status, kept.reportReason, kept.code], ['received', 'number_already_used', '111111']);
      assert.deepEqual(await h.events(id), ['purchased', 'code-received']);
    });

    it('that loses against a code is kept beside it', async () => {
      const { id } = await create();
      h.provider.deliver(rentedFor(id).id, 'Your code is 121212', '121212');
      const kept = await report(id);
      assert.deepEqual([kept.status, kept.reportReason], ['received', 'number_already_used']);
      assert.equal(reportReasons.includes('number_already_used'), true);
    });
  });

  describe('a retry', () => {
    const retry = (id: string, idempotencyKey = newId()) =>
      retryVerification(ports)({ tenantId, id, idempotencyKey, actor: '', maxPrice: undefined });

    it('is a purchase of its own that names the first, cancels it, and is made once per key', async () => {
      const first = await create();
      const key = newId();
      const second = await retry(first.id, key);
      assert.deepEqual([second.retryOf, second.status, second.service], [first.id, 'waiting', 'telegram']);
      assert.ok(h.ledger.holds.has(second.id), 'it is held for like any purchase');
      assert.equal((await read(first.id)).status, 'cancelled');
      assert.equal((await retry(first.id, key)).id, second.id);
      await assert.rejects(create({ idempotencyKey: key }), refusedWith('request.idempotency_conflict'));
      const found = await listVerifications(ports)({
        tenantId,
        statuses: [],
        service: undefined,
        country: undefined,
        retryOf: first.id,
        before: undefined,
        limit: 10,
      });
      assert.deepEqual(
        found.verifications.map(({ id }) => id),
        [second.id],
      );
    });

    it('never takes a number of its own chain again, though others may', async () => {
      const first = await create();
      await cancelVerification(ports)({ tenantId, id: first.id });
      const second = await retry(first.id);
      await cancelVerification(ports)({ tenantId, id: second.id });
      const phones = [first.phoneNumber, second.phoneNumber];
      const again: NumberProvider = {
        ...h.provider,
        acquire: async (order) => {
          const answer = await h.provider.acquire(order);
          const phoneNumber = phones.shift();
          return answer.kind === 'granted' && phoneNumber !== undefined ? { ...answer, phoneNumber } : answer;
        },
      };
      const handing: Ports = { ...ports, providers: { ...ports.providers, named: () => again } };
      const wanted = { tenantId, id: second.id, idempotencyKey: newId(), actor: '', maxPrice: undefined };
      const third = await retryVerification(handing)(wanted);
      assert.equal(phones.length, 0);
      assert.ok(![first.phoneNumber, second.phoneNumber].includes(third.phoneNumber), 'both were offered, and went back');
      assert.deepEqual(
        h.provider.rented.slice(-3).map(({ state }) => state),
        ['cancelled', 'cancelled', 'waiting'],
      );
      phones.push(first.phoneNumber);
      const stranger = await createVerification(handing)(h.request({ tenantId: newId(), idempotencyKey: newId() }));
      assert.equal(stranger.phoneNumber, first.phoneNumber);
    });

    it('asks the route of the first only when no other has a number, by a rule that is data', async () => {
      const first = await create();
      const asked: (readonly string[] | undefined)[] = [];
      const decide: Ports['routes']['decide'] = (wish) => {
        asked.push(wish.avoided);
        return ports.routes.decide(wish);
      };
      const watched = (avoidRoute: boolean): Ports => ({
        ...ports,
        routes: { ...ports.routes, decide },
        policies: { ...ports.policies, retry: { avoidRoute } },
      });
      const again = (of: Ports) =>
        retryVerification(of)({ tenantId, id: first.id, idempotencyKey: newId(), actor: '', maxPrice: undefined });
      assert.equal((await again(watched(true))).status, 'waiting', 'there is no other: it is asked after all');
      await again(watched(false));
      assert.deepEqual(asked, [[h.provider.name], []]);
      assert.equal(ports.policies.retry.avoidRoute, true);
    });

    it('that can buy nothing leaves the first as it was', async () => {
      const first = await create();
      h.provider.refuse('no_numbers');
      await assert.rejects(retry(first.id), refusedWith('verification.no_numbers'));
      assert.equal((await read(first.id)).status, 'waiting');
      await assert.rejects(
        retryVerification(ports)({ tenantId: newId(), id: first.id, idempotencyKey: 'x', actor: '', maxPrice: undefined }),
        refusedWith('request.not_found'),
      );
    });

    it('leaves a first alone that has a code, or cannot be cancelled yet', async () => {
      const paid = await withCode();
      assert.equal((await retry(paid.id)).status, 'waiting');
      assert.equal((await read(paid.id)).code, '111111');
      h.provider.cancelAfterMs = minuteMs;
      const early = await create();
      assert.equal((await retry(early.id)).status, 'waiting');
      assert.equal((await read(early.id)).status, 'waiting');
    });
  });

  describe('history', () => {
    it('tells what happened when, and all messages', async () => {
      const { id } = await withCode();
      h.clock.advance(secondMs);
      await another(id);
      await text(id, '222222');
      await h.pass(2 * minuteMs);
      const changes = await listChanges(ports)({ tenantId, id });
      assert.deepEqual(
        changes.map(({ kind, status }) => [kind, status]),
        [
          ['created', 'waiting'],
          ['purchased', 'waiting'],
          ['code_received', 'received'],
          ['another_code_requested', 'received'],
          ['code_received', 'received'],
          ['completed', 'completed'],
        ],
      );
      assert.deepEqual(
        changes.map(({ version }) => version),
        [1, 2, 3, 4, 5, 6],
      );
      assert.ok(changes.every(({ at }, index) => index === 0 || at >= (changes[index - 1]?.at ?? at)));
      assert.equal((await listMessages(ports)({ tenantId, id })).length, 2);
      for (const stranger of [listChanges(ports), listMessages(ports)])
        await assert.rejects(stranger({ tenantId: newId(), id }), refusedWith('request.not_found'));
    });

    it('is found by number and by several statuses, and exported whole, oldest first', async () => {
      const own = newId();
      const bought = [];
      for (let count = 0; count < 7; count++) bought.push(await create({ tenantId: own }));
      const [first, second] = bought;
      assert.ok(first && second);
      await cancelVerification(ports)({ tenantId: own, id: first.id });
      const filter = { statuses: [], service: undefined, country: undefined };
      const list = async (over: object) =>
        (await listVerifications(ports)({ ...filter, tenantId: own, before: undefined, limit: 100, ...over })).verifications.map(
          ({ id }) => id,
        );
      assert.deepEqual(await list({ phoneNumber: second.phoneNumber }), [second.id]);
      assert.equal((await list({ statuses: ['cancelled', 'waiting'] })).length, 7);
      assert.deepEqual(await list({ statuses: ['cancelled'] }), [first.id]);
      const exported = async (tenant: string, over = {}) => {
        const rows: VerificationView[] = [];
        for await (const batch of exportVerifications(ports)(tenant, { ...filter, ...over })) rows.push(...batch);
        return rows;
      };
      assert.deepEqual(
        (await exported(own)).map(({ id }) => id),
        bought.map(({ id }) => id),
      );
      assert.deepEqual(
        (await exported(own, { statuses: ['cancelled'] })).map(({ id }) => id),
        [first.id],
      );
      assert.deepEqual(await exported(newId()), []);
    });
  });
});
