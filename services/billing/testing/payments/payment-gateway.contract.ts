import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import type { PaymentGateway } from '../../app/payments/ports.ts';
import { startOutsideWorld, type OutsideWorld } from './outside-world.ts';

const amount = money('USD', 12_340_000n);

export interface GatewayUnderTest {
  readonly name: string;
  readonly open: (world: OutsideWorld) => PaymentGateway & { close?(): Promise<void> };
  /** With keys that are not ours. */
  readonly openWithWrongKey: (world: OutsideWorld) => PaymentGateway & { close?(): Promise<void> };
  readonly signatureHeader: string;
  /** False: an old notification is as genuine as a new one (the protocol signs no time). */
  readonly signsTime: boolean;
  /** False: the header is a shared secret and does not cover the body. */
  readonly signsBody: boolean;
  readonly tellsFailures: boolean;
}

/** What every payment gateway does, over the wire, against the simulator in a process of its own. */
export const paymentGatewayContract = (subject: GatewayUnderTest): void => {
  let world: OutsideWorld;
  let gateway: PaymentGateway & { close?(): Promise<void> };
  let wrong: PaymentGateway & { close?(): Promise<void> };
  before(async () => {
    world = await startOutsideWorld();
    gateway = subject.open(world);
    wrong = subject.openWithWrongKey(world);
  });
  after(async () => {
    await gateway?.close?.();
    await wrong?.close?.();
    await world?.close();
  });

  const law = (title: string, body: () => Promise<void>): void => {
    test(`${subject.name}: ${title}`, async () => {
      await world.settings({ payments: null });
      await world.settings({ payments: { hangMs: 2_000 } });
      await body();
    });
  };
  const started = async (paymentId: string) => {
    const answer = await gateway.start({ reference: paymentId, paymentId, amount });
    return answer.outcome === 'yes' ? answer : assert.fail(answer.reason);
  };
  const statement = async (paymentId: string, gatewayPaymentId: string) => {
    const answer = await gateway.verify({ reference: paymentId, gatewayPaymentId });
    return answer.outcome === 'yes' ? answer.statement : assert.fail(answer.reason);
  };

  law('a payment that is started and paid is stated with its reference, amount and currency', async () => {
    const paymentId = newId();
    const { gatewayPaymentId, checkoutUrl } = await started(paymentId);
    const open = await gateway.verify({ reference: paymentId, gatewayPaymentId });
    assert.ok(open.outcome === 'no' || (open.outcome === 'yes' && open.statement.status === 'pending'), open.outcome);
    await world.press(checkoutUrl, 'success');
    const { status, reference, amount: paid } = await statement(paymentId, gatewayPaymentId);
    assert.deepEqual([status, reference, paid], ['succeeded', paymentId, amount]);
  });

  law('a declined payment is stated as failed; one that nobody made is no', async () => {
    const paymentId = newId();
    const { gatewayPaymentId, checkoutUrl } = await started(paymentId);
    await world.press(checkoutUrl, 'failure');
    assert.equal((await statement(paymentId, gatewayPaymentId)).status, 'failed');
    assert.equal((await gateway.verify({ reference: newId(), gatewayPaymentId: '' })).outcome, 'no');
  });

  law('other money than was asked for is stated as it was paid', async () => {
    for (const fault of ['wrong_amount', 'wrong_currency']) {
      await world.settings({ payments: { nextWebhookFaults: [fault] } });
      const paymentId = newId();
      const { gatewayPaymentId, checkoutUrl } = await started(paymentId);
      await world.press(checkoutUrl, 'success');
      const { amount: paid } = await statement(paymentId, gatewayPaymentId);
      assert.deepEqual(paid, fault === 'wrong_amount' ? money('USD', 6_170_000n) : money('EUR', amount.micros));
    }
  });

  law('silence, broken connections, limits and server errors are unknown; so are our own wrong keys', async () => {
    for (const fault of ['http_429', 'http_500', 'http_503', 'timeout', 'timeout_after_create', 'http_500_after_create']) {
      await world.settings({ payments: { nextCreateFaults: [fault] } });
      assert.equal((await gateway.start({ reference: newId(), paymentId: newId(), amount })).outcome, 'unknown', fault);
    }
    await world.settings({ payments: { nextCreateFaults: ['reset'] } });
    // Stripe's SDK repeats a call on a connection that broke, with the same key.
    assert.notEqual((await gateway.start({ reference: newId(), paymentId: newId(), amount })).outcome, 'no');
    await world.settings({ payments: { nextCreateFaults: [] } });
    const paymentId = newId();
    const { gatewayPaymentId } = await started(paymentId);
    for (const outage of ['503', 'reset']) {
      await world.settings({ payments: { outage } });
      assert.equal((await gateway.verify({ reference: paymentId, gatewayPaymentId })).outcome, 'unknown', outage);
    }
    await world.settings({ payments: { outage: 'off' } });
    assert.equal((await wrong.start({ reference: newId(), paymentId: newId(), amount })).outcome, 'unknown');
    assert.equal((await wrong.verify({ reference: paymentId, gatewayPaymentId })).outcome, 'unknown');
  });

  law('a start whose answer was lost is made good by repeating it, and what is paid is found', async () => {
    for (const fault of ['timeout_after_create', 'http_500_after_create']) {
      await world.settings({ payments: { nextCreateFaults: [fault] } });
      const paymentId = newId();
      assert.equal((await gateway.start({ reference: paymentId, paymentId, amount })).outcome, 'unknown');
      const { gatewayPaymentId, checkoutUrl } = await started(paymentId);
      await world.press(checkoutUrl, 'success');
      const { status, reference } = await statement(paymentId, gatewayPaymentId);
      assert.deepEqual([status, reference], ['succeeded', paymentId]);
    }
  });

  law('two starts of one payment at once: whichever page is paid, the payment is found, by either answer', async () => {
    for (const paidPage of [0, 1]) {
      const paymentId = newId();
      const both = await Promise.all([started(paymentId), started(paymentId)]);
      await world.press(both[paidPage]?.checkoutUrl ?? '', 'success');
      for (const { gatewayPaymentId } of both) {
        const { status, reference } = await statement(paymentId, gatewayPaymentId);
        assert.deepEqual([status, reference], ['succeeded', paymentId]);
      }
    }
  });

  law('a notification is genuine as it was sent, and forged in every other way', async () => {
    const paymentId = newId();
    const { checkoutUrl } = await started(paymentId);
    await world.press(checkoutUrl, 'success');
    const { headers, rawBody } = await world.notification(subject.name, paymentId);
    const now = new Date();
    const parse = (over: { headers?: Record<string, string>; rawBody?: Buffer; now?: Date }) =>
      gateway.parseNotification({ headers, rawBody, now, ...over });
    const genuine = parse({});
    assert.ok(genuine.outcome === 'genuine' && genuine.eventId !== '', JSON.stringify(genuine));
    assert.equal(genuine.reference, paymentId);
    assert.deepEqual(parse({}), genuine, 'the same event has the same id');

    const signature = headers[subject.signatureHeader] ?? assert.fail('no signature was sent');
    assert.equal(parse({ headers: {} }).outcome, 'forged');
    for (const other of ['', 'x', signature.slice(0, -1), `${signature.slice(0, -1)}${signature.endsWith('0') ? '1' : '0'}`])
      assert.equal(parse({ headers: { ...headers, [subject.signatureHeader]: other } }).outcome, 'forged', other);
    assert.equal(wrong.parseNotification({ headers, rawBody, now }).outcome, 'forged');
    const longer = Buffer.concat([rawBody, Buffer.from(' ')]);
    assert.equal(parse({ rawBody: longer }).outcome, subject.signsBody ? 'forged' : 'genuine');
    const later = new Date(now.getTime() + 400_000);
    assert.equal(parse({ now: later }).outcome, subject.signsTime ? 'forged' : 'genuine');
    if (!subject.signsBody)
      for (const nonsense of ['{', '[]', '{"event":1}', 'null'])
        assert.equal(parse({ rawBody: Buffer.from(nonsense) }).outcome, 'malformed', nonsense);
  });

  law('a failure is told of, where the protocol has words for it', async () => {
    const paymentId = newId();
    const { checkoutUrl } = await started(paymentId);
    await world.press(checkoutUrl, 'failure');
    if (subject.tellsFailures) {
      const parsed = gateway.parseNotification({ ...(await world.notification(subject.name, paymentId)), now: new Date() });
      assert.equal(parsed.outcome === 'genuine' ? parsed.reference : parsed.outcome, paymentId);
    } else await assert.rejects(world.notification(subject.name, paymentId, 300));
  });
};
