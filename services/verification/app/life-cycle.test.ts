import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type ErrorCode, isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { minuteMs, secondMs } from '#platform/time/index.ts';
import { type Harness, openHarness, pushSecret } from '../testing/harness.ts';
import { cancelVerification } from './cancel-verification.ts';
import { createVerification } from './create-verification.ts';
import { getVerification } from './get-verification.ts';
import { listVerifications } from './list-verifications.ts';
import type { Ports } from './ports.ts';
import { receiveMessage } from './receive-message.ts';
import { receivePush } from './receive-push.ts';
import type { VerificationView } from './view.ts';
import { workDue } from './work-due.ts';

const refusedWith = (code: ErrorCode) => (error: unknown) =>
  isAppError(error, code) || assert.fail(`expected ${code}, got ${String(error)}`);

describe('the life of a number', () => {
  let h: Harness;
  let tenantId: string;
  before(async () => {
    h = await openHarness();
    ({ tenantId } = h.request());
  });
  after(() => h.close());
  beforeEach(() => {
    h.clock.advance(60 * minuteMs);
    h.provider.earlyCancelMs = 0;
    h.leaks.length = 0;
    h.provider.heal();
  });

  const create = (over = {}) => createVerification(h.ports)(h.request(over));
  const read = (id: string) => getVerification(h.ports)({ tenantId, id });
  const cancel = (id: string, ports: Ports = h.ports) => cancelVerification(ports)({ tenantId, id });
  const activationOf = async (view: VerificationView): Promise<string> => {
    const [row] = await h.db.query<{ activation_id: string }>('select activation_id from verifications where id = $1', [view.id]);
    return row?.activation_id ?? assert.fail('no activation');
  };
  const rentedFor = (id: string) => h.provider.rented.find((row) => row.orderId === id) ?? assert.fail('not rented');

  describe('a code', () => {
    it('by push: received at once, captured by its event, completed by the scheduler', async () => {
      const bought = await create();
      const id = await activationOf(bought);
      h.provider.deliver(id, 'Telegram code: 48-29-13');
      await receivePush(h.ports)(h.push(id, 'Telegram code 482-913', '482913'));
      const received = await read(bought.id);
      assert.equal(received.status, 'received');
      assert.equal(received.code, '482913');
      assert.deepEqual(
        received.messages.map((message) => [message.text, message.code]),
        [['Telegram code 482-913', '482913']],
      );
      assert.ok(received.version > bought.version);
      await h.pass(0);
      assert.equal((await read(bought.id)).status, 'completed');
      assert.equal(rentedFor(bought.id).state, 'finished');
      assert.deepEqual(await h.events(bought.id), ['purchased', 'code-received', 'completed']);
    });

    it('that is said in a call: found in what was heard, shown with its recording, and neither is anywhere in clear', async () => {
      const bought = await create({ country: 'US', capability: 'voice' });
      const verification = (await h.ports.store.find(tenantId, bought.id)) ?? assert.fail();
      const audioUrl = 'https://provider.example/calls/geheim-4711/recording';
      const heard = 'Hello. Your Telegram code is four, eight, two, nine, one. Goodbye.';
      await receiveMessage(h.ports)(verification, { text: heard, code: undefined, sender: '22395', audioUrl, receivedAt: undefined });
      const { capability, code, messages } = await read(bought.id);
      assert.deepEqual([capability, code], ['voice', '48291']);
      assert.deepEqual(
        messages.map((message) => [message.text, message.code, message.audioUrl]),
        [[heard, '48291', audioUrl]],
      );
      const rows = await h.db.query<{ dump: string }>(
        `select encode(m.sealed, 'escape') || row_to_json(v)::text || coalesce(string_agg(encode(o.payload, 'escape') || o.headers::text, ''), '') as dump
           from verifications v join messages m on m.verification_id = v.id left join outbox o on o.aggregate_id = v.id::text
          where v.id = $1 group by m.id, v.id`,
        [bought.id],
      );
      assert.equal(rows.length, 1);
      assert.doesNotMatch(rows[0]?.dump ?? '', /geheim|48291|four, eight/);
    });

    it('is nowhere in clear: not in the database, not in events', async () => {
      const bought = await create();
      await receivePush(h.ports)(h.push(await activationOf(bought), 'Dein Geheimnis lautet 739184', '739184'));
      const dump = JSON.stringify(
        await h.db.query(
          `select encode(m.sealed, 'escape') as text, encode(v.sealed_code, 'escape') as code, v.*
        from verifications v join messages m on m.verification_id = v.id where v.id = $1`,
          [bought.id],
        ),
        (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
      );
      assert.ok(!dump.includes('739184') && !dump.includes('Geheimnis'));
      assert.ok(!JSON.stringify(await h.payloads(bought.id)).includes('739184'));
    });

    it('pushed ten times at once, and polled, is one message and one event', async () => {
      const bought = await create();
      const id = await activationOf(bought);
      h.provider.deliver(id, 'Your code is 551177', '551177');
      await Promise.all([
        ...Array.from({ length: 10 }, () => receivePush(h.ports)(h.push(id, 'Your code is 551177', '551177'))),
        h.pass(10 * secondMs),
      ]);
      const view = await read(bought.id);
      assert.equal(view.messages.length, 1);
      assert.equal((await h.events(bought.id)).filter((subject) => subject === 'code-received').length, 1);
    });

    it('without a push is found by polling, at growing intervals', async () => {
      const bought = await create();
      const polls = h.provider.calls.status;
      await h.pass(10 * secondMs);
      await h.pass(10 * secondMs);
      assert.equal(h.provider.calls.status, polls + 1, 'the second look comes later');
      h.provider.deliver(await activationOf(bought), 'code 8812', '8812');
      await h.pass(minuteMs);
      assert.equal((await read(bought.id)).code, '8812');
    });

    it('and another one on the same number: both are shown and told, the newest is the code, nothing is charged twice', async () => {
      const bought = await create();
      const id = await activationOf(bought);
      await receivePush(h.ports)(h.push(id, 'first 111111', '111111'));
      const first = await read(bought.id);
      h.clock.advance(secondMs);
      await receivePush(h.ports)(h.push(id, 'second 222222', '222222'));
      const second = await read(bought.id);
      assert.deepEqual(
        second.messages.map((message) => message.code),
        ['111111', '222222'],
      );
      assert.equal(second.code, '222222');
      assert.equal(second.version, first.version + 1);
      const told = (await h.payloads(bought.id)).slice(1);
      assert.deepEqual(await h.events(bought.id), ['purchased', 'code-received', 'code-received']);
      assert.deepEqual(
        told.map(({ position, holdId = '' }) => [position, holdId !== '']),
        [
          [1, true],
          [2, false],
        ],
      );
    });

    it('is completed even when the provider never confirms the end', async () => {
      const bought = await create();
      await receivePush(h.ports)(h.push(await activationOf(bought), 'code 9090', '9090'));
      for (let count = 0; count < 10; count++) h.provider.spoil('finish', 'before');
      for (let turn = 0; turn < 6; turn++) await h.pass(30 * secondMs);
      assert.equal((await read(bought.id)).status, 'completed');
      assert.equal(h.leaks.filter((leak) => leak.startsWith(bought.id)).length, 1);
    });

    it('too late is kept as evidence and not shown', async () => {
      const bought = await create();
      const id = await activationOf(bought);
      await cancel(bought.id);
      const late = h.lateCodes.length;
      await receivePush(h.ports)(h.push(id, 'late 777777', '777777'));
      const view = await read(bought.id);
      assert.equal(view.status, 'cancelled');
      assert.deepEqual([view.code, view.messages.length], ['', 0]);
      assert.equal(h.lateCodes.length, late + 1);
      assert.equal((await h.db.query('select 1 from messages where verification_id = $1 and hidden', [bought.id])).length, 1);
    });

    it('is accepted only with the secret, from a known provider, in a readable body', async () => {
      const push = h.push('1', 'x 1234');
      await assert.rejects(receivePush(h.ports)({ ...push, secret: `${pushSecret}x` }), refusedWith('auth.unauthenticated'));
      await assert.rejects(receivePush(h.ports)({ ...push, secret: '' }), refusedWith('auth.unauthenticated'));
      await assert.rejects(receivePush(h.ports)({ ...push, provider: 'other' }), refusedWith('request.not_found'));
      for (const body of [
        '',
        '[]',
        '{',
        '{"activationId":{}}',
        '{"activationId":"1"}',
        `{"activationId":"1","text":"${'x'.repeat(70_000)}"}`,
      ])
        await assert.rejects(receivePush(h.ports)({ ...push, body: Buffer.from(body) }), refusedWith('request.malformed'));
    });
  });

  describe('a cancel', () => {
    it('gives the number back, releases by its event, and answers the same again', async () => {
      const bought = await create();
      const cancelled = await cancel(bought.id);
      assert.equal(cancelled.status, 'cancelled');
      assert.equal(cancelled.reason, 'cancelled_by_customer');
      assert.deepEqual(await cancel(bought.id), cancelled);
      assert.equal(rentedFor(bought.id).state, 'cancelled');
      assert.deepEqual(await h.events(bought.id), ['purchased', 'cancelled']);
      assert.equal((await h.payloads(bought.id))[1]?.['holdId'], h.ledger.holds.get(bought.id)?.holdId);
    });

    it('after a code is refused, also when only the provider knows of the code', async () => {
      const bought = await create();
      h.provider.deliver(await activationOf(bought), 'code 31337', '31337');
      await assert.rejects(cancel(bought.id), refusedWith('verification.code_already_received'));
      assert.equal((await read(bought.id)).code, '31337');
      await assert.rejects(cancel(bought.id), refusedWith('verification.code_already_received'));
      await h.pass(0);
      await assert.rejects(cancel(bought.id), refusedWith('verification.code_already_received'));
      assert.deepEqual(await h.events(bought.id), ['purchased', 'code-received', 'completed']);
    });

    it('too early is refused and can be repeated', async () => {
      h.provider.earlyCancelMs = 2 * minuteMs;
      const bought = await create();
      await assert.rejects(cancel(bought.id), refusedWith('verification.early_cancel'));
      assert.equal((await read(bought.id)).status, 'waiting');
      h.clock.advance(2 * minuteMs);
      assert.equal((await cancel(bought.id)).status, 'cancelled');
    });

    for (const how of ['before', 'after'] as const)
      it(`whose answer was lost (${how} it happened) is settled by the scheduler`, async () => {
        const bought = await create();
        h.provider.spoil('cancel', how);
        assert.equal((await cancel(bought.id)).status, 'waiting');
        await h.pass(5 * secondMs);
        assert.equal((await read(bought.id)).status, 'cancelled');
        assert.equal(rentedFor(bought.id).state, 'cancelled');
        assert.deepEqual(await h.events(bought.id), ['purchased', 'cancelled']);
      });

    it('whose process dies is settled by the scheduler', async () => {
      const bought = await create();
      const dying: Ports = {
        ...h.ports,
        providers: { ...h.ports.providers, named: () => ({ ...h.provider, cancel: () => Promise.reject(new Error('killed')) }) },
      };
      await assert.rejects(cancel(bought.id, dying), /killed/);
      await h.pass(11 * secondMs);
      assert.equal((await read(bought.id)).status, 'cancelled');
    });

    it('loses against a push that comes before the provider confirms', async () => {
      const bought = await create();
      const id = await activationOf(bought);
      h.provider.during.cancel = async () => {
        delete h.provider.during.cancel;
        await receivePush(h.ports)(h.push(id, 'code 5150', '5150'));
      };
      await assert.rejects(cancel(bought.id), refusedWith('verification.code_already_received'));
      assert.deepEqual(await h.events(bought.id), ['purchased', 'code-received']);
    });

    it('of nothing, of another tenant, of what has ended or is not settled', async () => {
      await assert.rejects(cancel(newId()), refusedWith('request.not_found'));
      await assert.rejects(cancel('no id'), refusedWith('request.not_found'));
      const bought = await create();
      await assert.rejects(cancelVerification(h.ports)({ tenantId: newId(), id: bought.id }), refusedWith('request.not_found'));
      await h.pass(21 * minuteMs);
      await assert.rejects(cancel(bought.id), refusedWith('verification.not_cancellable'));
      h.provider.spoil('acquire', 'before');
      const lost = await create({ country: 'BO' });
      await assert.rejects(cancel(lost.id), refusedWith('verification.early_cancel'));
    });

    it('and code, 200 times at once: exactly one wins, everywhere', async () => {
      const bought = await Promise.all(Array.from({ length: 200 }, () => create()));
      const ids = await Promise.all(bought.map(activationOf));
      const results: string[] = [];
      // The code comes at a step of the cancellation, not at a time: on a busy machine a head start of milliseconds is none, and one side
      // would always win.
      const steps = ['at once', 'asked', 'answered', 'over'] as const;
      const gates = new Map(ids.map((id) => [id, new Map(steps.map((step) => [step, Promise.withResolvers<void>()]))]));
      const reach = (id: string, step: (typeof steps)[number]): void => gates.get(id)?.get(step)?.resolve();
      const watched: Ports = {
        ...h.ports,
        providers: {
          ...h.ports.providers,
          named: () => ({
            ...h.provider,
            cancel: async (id) => {
              reach(id, 'asked');
              const answer = await h.provider.cancel(id);
              reach(id, 'answered');
              return answer;
            },
          }),
        },
      };
      const race = async (view: (typeof bought)[number], index: number): Promise<void> => {
        const id = ids[index] ?? '';
        const code = async () => {
          await gates.get(id)?.get(steps[index % steps.length] ?? 'at once')?.promise;
          h.provider.deliver(id, `code ${1000 + index}`, String(1000 + index));
          await receivePush(h.ports)(h.push(id, `code ${1000 + index}`, String(1000 + index)));
        };
        const giveUp = async () => {
          reach(id, 'at once');
          try {
            return await cancel(view.id, watched);
          } finally {
            // One that was refused before the provider was asked waits for no step.
            for (const step of steps) reach(id, step);
          }
        };
        results[index] = (await Promise.allSettled([giveUp(), code()]))[0].status;
      };
      for (let from = 0; from < bought.length; from += 20) {
        await Promise.all(bought.slice(from, from + 20).map((view, index) => race(view, from + index)));
      }
      for (let turn = 0; turn < 4; turn++) await h.pass(15 * secondMs);
      let codes = 0;
      for (const [index, view] of bought.entries()) {
        const end = await read(view.id);
        const events = await h.events(view.id);
        const paid = events.includes('code-received');
        assert.notEqual(paid, events.includes('cancelled'), `${view.id} ended as ${events.join()}`);
        assert.equal(end.status, paid ? 'completed' : 'cancelled');
        assert.equal(end.code, paid ? String(1000 + index) : '');
        if (paid) assert.equal(results[index] === 'fulfilled', false, 'who has a code was not told "cancelled"');
        codes += paid ? 1 : 0;
      }
      assert.ok(codes > 0 && codes < 200, `both must win now and then: ${codes} codes`);
    });
  });

  describe('the end of its time', () => {
    it('without a code: given back to the provider, then expired and released', async () => {
      const bought = await create();
      await h.pass(20 * minuteMs - secondMs);
      assert.equal((await read(bought.id)).status, 'waiting');
      await h.pass(secondMs);
      const end = await read(bought.id);
      assert.deepEqual([end.status, end.reason], ['expired', 'no_code_in_time']);
      assert.equal(rentedFor(bought.id).state, 'cancelled');
      assert.deepEqual(await h.events(bought.id), ['purchased', 'expired']);
    });

    it('with a code that only the provider knows: the code wins', async () => {
      const bought = await create();
      await h.pass(19 * minuteMs);
      await h.pass(59 * secondMs);
      h.provider.deliver(await activationOf(bought), 'last second 4242', '4242');
      await h.pass(secondMs);
      assert.equal((await read(bought.id)).code, '4242');
    });

    it('with a silent provider: the customer gets the money back after a while, the leak is reported', async () => {
      const bought = await create();
      for (let count = 0; count < 60; count++) {
        h.provider.spoil('status', 'before');
        h.provider.spoil('cancel', 'before');
      }
      await h.pass(20 * minuteMs);
      assert.equal((await read(bought.id)).status, 'waiting');
      for (let turn = 0; turn < 9; turn++) await h.pass(30 * secondMs);
      assert.equal((await read(bought.id)).status, 'expired');
      assert.equal(h.leaks.filter((leak) => leak.startsWith(bought.id)).length, 1);
    });

    it('ended by the provider before: expired with that reason', async () => {
      const bought = await create();
      rentedFor(bought.id).state = 'cancelled';
      await h.pass(10 * secondMs);
      assert.equal((await read(bought.id)).reason, 'cancelled_by_provider');
    });
  });

  it('two schedulers at once do everything once', async () => {
    const bought = await Promise.all(Array.from({ length: 60 }, () => create()));
    await Promise.all(bought.map(async (view) => receivePush(h.ports)(h.push(await activationOf(view), 'code 6161', '6161'))));
    const finishes = h.provider.calls.finish;
    const turn = () => workDue(h.ports)({ limit: 7, leaseMs: 45_000 });
    let done = 1;
    while (done > 0) done = (await Promise.all([turn(), turn(), turn()])).reduce((a, b) => a + b);
    assert.equal(h.provider.calls.finish, finishes + 60);
    for (const view of bought) assert.deepEqual(await h.events(view.id), ['purchased', 'code-received', 'completed']);
  });

  it('a step that fails is reported and repeated after its lease', async () => {
    const bought = await create();
    const broken: Ports = { ...h.ports, providers: { ...h.ports.providers, named: () => assert.fail('broken') } };
    h.clock.advance(10 * secondMs);
    const failures = h.failedSteps.length;
    while ((await workDue(broken)({ limit: 10, leaseMs: 45_000 })) > 0);
    assert.ok(h.failedSteps.length > failures);
    h.provider.deliver(await activationOf(bought), 'code 1029', '1029');
    await h.pass(46 * secondMs);
    assert.equal((await read(bought.id)).status, 'completed');
  });

  describe('reading', () => {
    it("another tenant's verification does not exist", async () => {
      const bought = await create();
      await assert.rejects(getVerification(h.ports)({ tenantId: newId(), id: bought.id }), refusedWith('request.not_found'));
      const theirs = await listVerifications(h.ports)({
        tenantId: newId(),
        statuses: [],
        service: undefined,
        country: undefined,
        before: undefined,
        limit: 100,
      });
      assert.deepEqual(theirs.verifications, []);
    });

    it('lists newest first, filtered, page by page without gap or repetition', async () => {
      const tenant = newId();
      const ids: string[] = [];
      for (let index = 0; index < 11; index++)
        ids.push((await create({ tenantId: tenant, service: index % 2 ? 'whatsapp' : 'telegram', country: index % 3 ? 'ID' : 'PH' })).id);
      await cancelVerification(h.ports)({ tenantId: tenant, id: ids[0] ?? '' });
      const all = async (over: object): Promise<string[]> => {
        const found: string[] = [];
        for (let before: string | undefined, pages = 0; pages < 20; pages++) {
          const page = await listVerifications(h.ports)({
            tenantId: tenant,
            statuses: [],
            service: undefined,
            country: undefined,
            before,
            limit: 3,
            ...over,
          });
          found.push(...page.verifications.map((view) => view.id));
          before = page.next;
          if (before === undefined) break;
        }
        return found;
      };
      assert.deepEqual(await all({}), ids.toReversed());
      assert.deepEqual(await all({ service: 'whatsapp' }), ids.filter((_, index) => index % 2).toReversed());
      assert.deepEqual(
        await all({ country: 'PH', service: 'telegram' }),
        ids.filter((_, index) => index % 3 === 0 && index % 2 === 0).toReversed(),
      );
      assert.deepEqual(await all({ statuses: ['cancelled'] }), [ids[0]]);
      assert.equal((await all({ statuses: ['waiting'] })).length, 10);
      assert.equal((await all({ statuses: ['waiting', 'cancelled'] })).length, 11);
    });
  });
});
