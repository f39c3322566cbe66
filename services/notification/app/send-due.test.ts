import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { newId } from '#platform/ids/index.ts';
import { hourMs, secondMs, testClock } from '#platform/time/index.ts';
import { type Delivery, type DeliveryStatus, leaseMs, maxAttempts } from '../domain/delivery.ts';
import { fakeAddressees } from '../testing/fake-addressees.ts';
import { fakeDeliveries } from '../testing/fake-deliveries.ts';
import { fakeMailer } from '../testing/fake-mailer.ts';
import type { MailFault } from '../testing/mailer.contract.ts';
import type { Deliveries, OutgoingMail } from './ports.ts';
import { requestDelivery } from './request-delivery.ts';
import { sendDue, type SendDueDependencies } from './send-due.ts';

const retryFirstMs = 5 * secondMs;

const openWorld = () => {
  const clock = testClock();
  const store = fakeDeliveries();
  const people = fakeAddressees();
  const post = fakeMailer();
  const tenantId = newId();
  /** Everything that is stored or observed, as text. */
  const written: unknown[] = [];
  const ended: string[] = [];
  const deliveries: Deliveries = {
    ...store,
    finish: (delivery, status, at, details) => {
      written.push(delivery, details);
      return store.finish(delivery, status, at, details);
    },
    retry: (delivery, at, reason) => {
      written.push(delivery, reason);
      return store.retry(delivery, at, reason);
    },
  };
  const observer = {
    ended: (...facts: readonly unknown[]): void => {
      written.push(facts);
      ended.push(String(facts[1]));
    },
  };
  const dependencies: SendDueDependencies = {
    ...{ deliveries, addressees: people.addressees, mailer: post.mailer, clock, observer },
    ...{ publicUrl: 'https://sms.example', retryFirstMs },
  };
  const ask = requestDelivery({ deliveries, clock });
  const subjectId = newId();
  const event = { id: newId(), tenantId };
  const row = async (): Promise<Delivery> => {
    const { deliveries: rows } = await store.list(tenantId, { limit: 100, cursor: '' });
    assert.equal(rows.length, 1);
    return rows[0] ?? assert.fail();
  };
  return {
    ...{ clock, store, people, post, written, ended, dependencies, tenantId, subjectId, row, ask },
    /** The event arrives. */
    request: () => ask(event, 'email.verify_address', subjectId),
    send: sendDue(dependencies),
    state: async (): Promise<readonly [DeliveryStatus, number]> => {
      const { status, attempts } = await row();
      return [status, attempts];
    },
    arrived: () => post.received(people.addressOf(subjectId)),
    /** The token of a mail's link. */
    tokenIn: (mail: Pick<OutgoingMail, 'text'> | undefined): string | null =>
      new URL(/https:\/\/\S+/.exec(mail?.text ?? '')?.[0] ?? 'https://none').searchParams.get('token'),
  };
};

describe('sending what is due', () => {
  let world: ReturnType<typeof openWorld>;
  beforeEach(() => {
    world = openWorld();
  });

  it('an event that comes three times is one mail, with a token that works', async () => {
    for (let count = 0; count < 3; count++) await world.request();
    assert.equal(await world.send(), 1);
    await world.request();
    assert.equal(await world.send(), 0);
    const [mail, ...others] = await world.arrived();
    assert.equal(others.length, 0);
    assert.equal(world.tokenIn(mail), world.people.working(world.subjectId));
    const { status, recipientMasked, sentAt } = await world.row();
    assert.deepEqual([status, recipientMasked, sentAt], ['sent', 'a***@example.com', world.clock.now()]);
  });

  it('an invitation names who invites and carries its token', async () => {
    await world.ask({ id: newId(), tenantId: world.tenantId }, 'email.invitation', world.subjectId);
    await world.send();
    const [mail] = await world.arrived();
    assert.match(mail?.subject ?? '', /Ada Ltd/);
    assert.equal(JSON.parse(/\{.*\}/.exec(mail?.text ?? '')?.[0] ?? '{}').token, world.people.working(world.subjectId));
  });

  it('while the mailer is away the pauses grow; when it is back one mail is sent', async () => {
    await world.request();
    await world.post.away(true);
    const pausesMs: number[] = [];
    for (let count = 1; count <= 4; count++) {
      assert.equal(await world.send(), 1);
      assert.deepEqual(await world.state(), ['pending', count]);
      const pauseMs = retryFirstMs * 3 ** (count - 1);
      world.clock.advance(pauseMs - 1);
      assert.equal(await world.send(), 0, 'not before it is due');
      world.clock.advance(1);
      pausesMs.push(pauseMs);
    }
    assert.deepEqual(pausesMs, [5_000, 15_000, 45_000, 135_000]);
    await world.post.away(false);
    assert.equal(await world.send(), 1);
    assert.deepEqual(await world.state(), ['sent', 5]);
    assert.equal((await world.arrived()).length, 1);
    assert.deepEqual(world.ended, ['retry', 'retry', 'retry', 'retry', 'sent']);
  });

  it('a lost reply is repeated at once under the same key: exactly one mail, and its token works', async () => {
    await world.request();
    await world.post.next('lost', 'slow');
    await world.send();
    assert.deepEqual(await world.state(), ['sent', 1]);
    const [mail, ...others] = await world.arrived();
    assert.equal(others.length, 0);
    assert.equal(world.people.state.issued, 1, 'a second token would have ended the first');
    assert.equal(world.tokenIn(mail), world.people.working(world.subjectId));
  });

  it('a refusal is not repeated at once, but later', async () => {
    await world.request();
    await world.post.next('refused');
    await world.send();
    assert.deepEqual([await world.state(), (await world.arrived()).length], [['pending', 1], 0]);
    world.clock.advance(retryFirstMs);
    await world.send();
    assert.deepEqual([await world.state(), (await world.arrived()).length], [['sent', 2], 1]);
  });

  it('whatever the mailer does, the newest mail is the one whose token works, and at least one arrives', async () => {
    const faults = fc.array(fc.constantFrom<MailFault>('refused', 'silent', 'lost', 'slow'), { maxLength: 12 });
    const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
    console.log(`seed ${seed}`);
    await fc.assert(
      fc.asyncProperty(faults, async (queue) => {
        const { request, send, post, clock, state, arrived, tokenIn, people, subjectId } = openWorld();
        await request();
        await post.next(...queue);
        for (let count = 0; count < maxAttempts && (await state())[0] === 'pending'; count++) {
          await send();
          clock.advance(hourMs);
        }
        const [status, attempts] = await state();
        const mails = await arrived();
        assert.equal(status, 'sent');
        assert.equal(tokenIn(mails.at(-1)), people.working(subjectId));
        assert.ok(mails.length >= 1 && mails.length <= attempts, 'at most one mail for each attempt');
      }),
      { seed, numRuns: 200 },
    );
  });

  it('a process that dies between token and mail: after the lease the next sender issues anew and sends', async () => {
    await world.request();
    const dying = sendDue({ ...world.dependencies, mailer: { send: () => new Promise(() => {}) } });
    void dying();
    // The dying one has its token once that has been issued; it never gets further.
    while (world.people.state.issued === 0) await new Promise((resolve) => setImmediate(resolve));
    world.clock.advance(leaseMs - 1);
    assert.equal(await world.send(), 0, 'the claim still stands');
    world.clock.advance(1);
    assert.equal(await world.send(), 1);
    const [mail, ...others] = await world.arrived();
    assert.deepEqual([others.length, world.people.state.issued], [0, 2]);
    assert.equal(world.tokenIn(mail), world.people.working(world.subjectId));
    assert.deepEqual(await world.state(), ['sent', 2]);
  });

  it('a mail about the account says the same in every attempt: who dies after sending it sends no second one', async () => {
    await world.ask({ id: newId(), tenantId: world.tenantId }, 'billing.usage_alert', world.subjectId, { name: 'Balance is low' });
    const dying = sendDue({
      ...world.dependencies,
      // The mail is taken, and then this process is no more.
      mailer: { send: async (mail) => world.post.mailer.send(mail).then(() => new Promise(() => {})) },
    });
    void dying();
    while ((await world.arrived()).length === 0) await new Promise((resolve) => setImmediate(resolve));
    world.clock.advance(leaseMs);
    assert.equal(await world.send(), 1);
    assert.deepEqual([await world.state(), (await world.arrived()).length], [['sent', 2], 1]);
  });

  it('a sender that was merely slow and comes back after its lease changes nothing that the next one noted', async () => {
    await world.request();
    let answer = (): void => {};
    const slowly = sendDue({
      ...world.dependencies,
      mailer: { send: () => new Promise((resolve) => (answer = () => resolve({ outcome: 'refused', reason: 'late' }))) },
    });
    const slow = slowly();
    while (world.people.state.issued === 0) await new Promise((resolve) => setImmediate(resolve));
    world.clock.advance(leaseMs);
    await world.send();
    answer();
    await slow;
    assert.deepEqual(await world.state(), ['sent', 2]);
    world.clock.advance(hourMs);
    assert.equal(await world.send(), 0);
  });

  it('two senders at once send one mail', async () => {
    await world.request();
    const counts = await Promise.all([world.send(), sendDue(world.dependencies)()]);
    assert.deepEqual(
      counts.toSorted((a, b) => a - b),
      [0, 1],
    );
    assert.equal((await world.arrived()).length, 1);
  });

  it('what is not needed any more is skipped, without a mail', async () => {
    await world.request();
    world.people.state.notNeeded = true;
    await world.send();
    assert.deepEqual(await world.state(), ['skipped', 1]);
    assert.equal(world.post.mails.length, 0);
    world.clock.advance(hourMs);
    assert.equal(await world.send(), 0);
  });

  it('while auth is unavailable it is tried again, and nothing is lost', async () => {
    await world.request();
    world.people.state.unavailable = true;
    await world.send();
    assert.deepEqual(await world.state(), ['pending', 1]);
    world.people.state.unavailable = false;
    world.clock.advance(retryFirstMs);
    await world.send();
    assert.deepEqual([await world.state(), (await world.arrived()).length], [['sent', 2], 1]);
  });

  it('gives up after the last attempt, and says so once', async () => {
    await world.request();
    await world.post.away(true);
    for (let count = 1; count <= maxAttempts; count++) {
      assert.equal(await world.send(), 1);
      world.clock.advance(hourMs);
    }
    assert.deepEqual(await world.state(), ['failed', maxAttempts]);
    await world.post.away(false);
    assert.equal(await world.send(), 0);
    assert.equal(world.post.mails.length, 0);
    assert.deepEqual([world.ended.filter((end) => end === 'failed').length, world.ended.length], [1, maxAttempts]);
  });

  it('an outcome that cannot be noted is reported after all others have been, and the mail is due again', async () => {
    await world.request();
    const other = { id: newId(), tenantId: newId() };
    await world.ask(other, 'email.verify_address', newId());
    const { deliveries } = world.dependencies;
    const failing = sendDue({
      ...world.dependencies,
      deliveries: {
        ...deliveries,
        finish: (delivery, ...rest) =>
          delivery.subjectId === world.subjectId ? Promise.reject(new Error('database away')) : deliveries.finish(delivery, ...rest),
      },
    });
    await assert.rejects(failing(), AggregateError);
    assert.deepEqual(await world.state(), ['pending', 1]);
    assert.equal((await deliveries.list(other.tenantId, { limit: 1, cursor: '' })).deliveries[0]?.status, 'sent');
    world.clock.advance(leaseMs);
    await world.send();
    const mails = await world.arrived();
    assert.deepEqual([await world.state(), mails.length], [['sent', 2], 2]);
    assert.equal(world.tokenIn(mails.at(-1)), world.people.working(world.subjectId));
  });

  it('neither a token nor a plain address is stored or observed, whatever happens', async () => {
    await world.request();
    world.people.state.unavailable = true;
    await world.send();
    world.people.state.unavailable = false;
    for (const faults of [['refused'], ['lost', 'silent', 'slow'], []] satisfies MailFault[][]) {
      world.clock.advance(hourMs);
      await world.post.next(...faults);
      await world.send();
    }
    assert.deepEqual(await world.state(), ['sent', 4]);
    const text = JSON.stringify([world.written, await world.row()]);
    assert.match(text, /a\*\*\*@example\.com/, 'the masked address is there');
    assert.doesNotMatch(text, /token-|ann-|secret-of-auth/);
  });
});
