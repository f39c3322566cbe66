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
  readonly tellsDisputes: boolean;
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

  const paid = async () => {
    const paymentId = newId();
    const { gatewayPaymentId, checkoutUrl } = await started(paymentId);
    await world.press(checkoutUrl, 'success');
    return { reference: paymentId, checkoutUrl, gatewayPaymentId: (await statement(paymentId, gatewayPaymentId)).gatewayPaymentId };
  };
  const requestedAt = new Date();
  const part = money('USD', 2_340_000n);
  const rest = money('USD', 10_000_000n);

  law('a refund in parts: each is known by our id, together never more than was paid', async () => {
    const payment = await paid();
    const [one, two, three] = [newId(), newId(), newId()];
    assert.equal((await gateway.verifyRefund({ ...payment, refundId: one, gatewayRefundId: '', requestedAt })).outcome, 'no');
    for (const [refundId, money] of [
      [one, part],
      [two, rest],
    ] as const) {
      const made = await gateway.refund({ ...payment, refundId, amount: money });
      assert.ok(made.outcome === 'yes' && made.status === 'succeeded', JSON.stringify(made));
      const known = await gateway.verifyRefund({ ...payment, refundId, gatewayRefundId: '', requestedAt });
      assert.deepEqual(known, made);
    }
    assert.equal((await gateway.refund({ ...payment, refundId: three, amount: part })).outcome, 'no', 'nothing is left');
  });

  law('a refund is pending while the gateway works on it, and may fail', async () => {
    const payment = await paid();
    await world.settings({ payments: { refundDelayMs: 700, refundOutcome: 'failed' } });
    const refundId = newId();
    const made = await gateway.refund({ ...payment, refundId, amount });
    assert.ok(made.outcome === 'yes' && made.status === 'pending', JSON.stringify(made));
    const end = Date.now() + 10_000;
    for (;;) {
      const known = await gateway.verifyRefund({ ...payment, refundId, gatewayRefundId: made.gatewayRefundId, requestedAt });
      assert.ok(known.outcome === 'yes');
      if (known.status === 'failed') break;
      assert.ok(Date.now() < end, 'still pending');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  law('a refund whose answer was lost is found by our id; no answer is unknown, of a payment that was not paid it is no', async () => {
    for (const fault of ['timeout_after_create', 'http_500_after_create']) {
      const payment = await paid();
      await world.settings({ payments: { nextCreateFaults: [fault] } });
      const refundId = newId();
      assert.equal((await gateway.refund({ ...payment, refundId, amount })).outcome, 'unknown', fault);
      const known = await gateway.verifyRefund({ ...payment, refundId, gatewayRefundId: '', requestedAt });
      assert.ok(known.outcome === 'yes' && known.status === 'succeeded', `${fault}: ${JSON.stringify(known)}`);
    }
    const payment = await paid();
    for (const outage of ['503', 'reset']) {
      await world.settings({ payments: { outage } });
      const refundId = newId();
      assert.equal((await gateway.refund({ ...payment, refundId, amount })).outcome, 'unknown', outage);
      assert.equal((await gateway.verifyRefund({ ...payment, refundId, gatewayRefundId: '', requestedAt })).outcome, 'unknown', outage);
    }
    await world.settings({ payments: { outage: 'off' } });
    assert.equal((await wrong.refund({ ...payment, refundId: newId(), amount })).outcome, 'unknown');
    const open = newId();
    const { gatewayPaymentId } = await started(open);
    assert.notEqual((await gateway.refund({ reference: open, gatewayPaymentId, refundId: newId(), amount })).outcome, 'yes');
  });

  law('the statement names what was paid and given back, by our references, and nothing that was not', async () => {
    const from = new Date(Date.now() - 2_000);
    for (const given of [part, amount]) {
      const payment = await paid();
      const refundId = newId();
      assert.equal((await gateway.refund({ ...payment, refundId, amount: given })).outcome, 'yes');
      const declined = newId();
      await world.press((await started(declined)).checkoutUrl, 'failure');
      const listed = await gateway.listStatement(from, new Date(Date.now() + 2_000));
      assert.ok(listed.outcome === 'yes');
      const ours = listed.lines.filter(({ reference }) => [payment.reference, declined].includes(reference));
      const summary = ours.map(({ kind, reference, amount: money }) => ({ kind, reference, money }));
      assert.deepEqual(
        summary.toSorted((a, b) => a.kind.localeCompare(b.kind)),
        [
          { kind: 'payment', reference: payment.reference, money: amount },
          { kind: 'refund', reference: payment.reference, money: given },
        ],
      );
      const earlier = await gateway.listStatement(new Date(from.getTime() - 60_000), from);
      assert.ok(earlier.outcome === 'yes' && !earlier.lines.some(({ reference }) => reference === payment.reference));
    }
  });

  law('a dispute is listed with our reference from its opening to its end, and told where the protocol tells it', async () => {
    for (const outcome of ['won', 'lost'] as const) {
      const { reference, checkoutUrl } = await paid();
      const from = new Date(Date.now() - 2_000);
      const disputeId = await world.dispute(checkoutUrl);
      const seen = async () => {
        const listed = await gateway.listDisputes(from, new Date(Date.now() + 2_000));
        assert.ok(listed.outcome === 'yes');
        return listed.disputes.filter((each) => each.reference === reference);
      };
      const [open] = await seen();
      assert.deepEqual([open?.status, open?.amount, open?.reason], ['open', amount, 'fraudulent']);
      await world.decide(disputeId, outcome);
      assert.deepEqual(await seen(), [{ ...open, status: outcome }]);
    }
    if (subject.tellsDisputes) {
      const { reference, checkoutUrl, gatewayPaymentId } = await paid();
      await world.dispute(checkoutUrl);
      // Stripe's names its own payment, not ours.
      const named = subject.name === 'stripe' ? gatewayPaymentId.replace('cs_', 'pi_') : reference;
      const { headers, rawBody } = (await world.notifications(subject.name, named, 2)).at(-1) ?? assert.fail();
      const parsed = gateway.parseNotification({ headers, rawBody, now: new Date() });
      assert.equal(parsed.outcome === 'genuine' && parsed.about, 'dispute', JSON.stringify(parsed));
    }
    await world.settings({ payments: { outage: '503' } });
    assert.equal((await gateway.listDisputes(new Date(0), new Date())).outcome, 'unknown');
  });

  /** A card that was kept at a payment. */
  const keptCard = async () => {
    const first = newId();
    const opened = await gateway.start({ reference: first, paymentId: first, amount, saveMethod: true });
    assert.ok(opened.outcome === 'yes');
    await world.press(opened.checkoutUrl, 'success');
    const { gatewayPaymentId } = await statement(first, opened.gatewayPaymentId);
    const kept = await gateway.savedCard({ reference: first, gatewayPaymentId });
    return kept.outcome === 'yes' ? kept.card : assert.fail(kept.reason);
  };
  const timesListed = async (reference: string): Promise<number> => {
    const listed = await gateway.listStatement(new Date(Date.now() - 60_000), new Date(Date.now() + 2_000));
    return listed.outcome === 'yes' ? listed.lines.filter((line) => line.reference === reference).length : assert.fail(listed.reason);
  };

  law('a card that is kept at a payment is charged again without a page, once for a reference; a declined one is no', async () => {
    const { token, ...shown } = await keptCard();
    assert.deepEqual(shown, { brand: 'visa', last4: '4242', expiryMonth: 12, expiryYear: 2031 });

    const reference = newId();
    const [charged, again] = [await gateway.charge({ reference, amount, token }), await gateway.charge({ reference, amount, token })];
    assert.ok(charged.outcome === 'yes' && charged.gatewayPaymentId !== '' && again.outcome === 'yes');
    for (const known of ['', charged.gatewayPaymentId]) {
      const { status, amount: taken, reference: named } = await statement(reference, known);
      assert.deepEqual([status, taken, named], ['succeeded', amount, reference]);
    }
    assert.equal(await timesListed(reference), 1, 'charged once');

    await world.settings({ payments: { chargeOutcome: 'failure' } });
    const declined = newId();
    const answer = await gateway.charge({ reference: declined, amount, token });
    if (answer.outcome === 'yes') assert.equal((await statement(declined, answer.gatewayPaymentId)).status, 'failed');
    else assert.equal(answer.outcome, 'no');
    const gone = token.replace(/tok|pm|AUTH|flw/, 'x');
    assert.equal((await gateway.charge({ reference: newId(), amount, token: gone })).outcome, 'no', 'no such card');
  });

  law('a charge whose answer was lost is found by its reference, or is made by asking again, once', async () => {
    const { token } = await keptCard();
    for (const fault of ['timeout_after_create', 'http_500_after_create', 'http_503']) {
      await world.settings({ payments: { nextCreateFaults: [fault] } });
      const reference = newId();
      assert.equal((await gateway.charge({ reference, amount, token })).outcome, 'unknown', fault);
      const found = await gateway.verify({ reference, gatewayPaymentId: '' });
      if (fault === 'http_503') assert.equal(found.outcome, 'no');
      const again = await gateway.charge({ reference, amount, token });
      assert.ok(again.outcome === 'yes', fault);
      assert.equal((await statement(reference, again.gatewayPaymentId)).status, 'succeeded');
      assert.equal(await timesListed(reference), 1, fault);
      // What it says of itself is what it is given back by.
      const given = await gateway.refund({ reference, gatewayPaymentId: again.gatewayPaymentId, refundId: newId(), amount });
      assert.ok(given.outcome === 'yes', `${fault}: ${JSON.stringify(given)}`);
    }
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
