import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import { dayMs, hourMs, minuteMs, type TestClock, testClock } from '#platform/time/index.ts';
import { gatewayHealth } from '../../app/payments/gateway-health.ts';
import { getPayment } from '../../app/payments/get-payment.ts';
import { getPaymentLog } from '../../app/payments/get-payment-log.ts';
import { listPayments } from '../../app/payments/list-payments.ts';
import type { NotificationInbox, Payments } from '../../app/payments/ports.ts';
import type { WalletReader } from '../../app/ledger/ports.ts';
import { processNotifications } from '../../app/payments/process-notifications.ts';
import { receiveNotification } from '../../app/payments/receive-notification.ts';
import { reconcilePayments } from '../../app/payments/reconcile-payments.ts';
import { retryPayment } from '../../app/payments/retry-payment.ts';
import { startPayment } from '../../app/payments/start-payment.ts';
import { fakeGateway, silentMonitor } from './fake-gateway.ts';

export interface PaymentsUnderTest {
  readonly payments: Payments;
  readonly notifications: NotificationInbox;
  readonly wallets: WalletReader;
}

const usd = (micros: bigint) => money('USD', micros);
const amount = usd(25_000_000n);

/** A payment system with its own gateway and clock. `replicas` share the tables, as two processes would. */
const desk = (replicas: readonly PaymentsUnderTest[], clock: TestClock) => {
  const gateway = fakeGateway();
  const second = fakeGateway('stripe');
  const { monitor, seen } = silentMonitor();
  let wakes = 0;
  const wired = replicas.map(({ payments, notifications }) => {
    const deps = {
      payments,
      notifications,
      gateways: new Map([
        ['simulator', gateway.gateway],
        ['stripe', second.gateway],
      ]),
      clock,
      monitor,
      firstCheckMs: 15 * minuteMs,
      health: gatewayHealth(clock),
      refunds: { hasten: async () => {}, done: async () => [], sendBack: async () => false },
      wakeRefunds: () => {},
      wakeDisputes: () => {},
      methods: { find: async () => undefined },
    };
    return {
      start: startPayment(deps),
      retry: retryPayment(deps),
      log: getPaymentLog(deps),
      receive: receiveNotification({ ...deps, wakeProcessing: () => void wakes++ }),
      process: processNotifications(deps),
      reconcile: reconcilePayments(deps),
      get: getPayment({ ...deps, wakeReconciliation: () => void wakes++ }),
      list: listPayments(deps),
    };
  });
  const [first] = wired;
  if (first === undefined) throw new Error('a desk needs a replica');
  const webhook = (paymentId: string, eventId: string) => ({
    gateway: 'simulator',
    headers: { signature: 'good' },
    rawBody: Buffer.from(`${eventId} ${paymentId}`),
  });
  const balance = async (tenantId: string): Promise<bigint> => (await replicas[0]?.wallets.wallet(tenantId))?.balanceMicros ?? 0n;
  return { ...first, replicas: wired, gateway, second, seen, webhook, balance, wakes: () => wakes };
};

/**
 * Payments behave like this over any implementation of their ports.
 * @param replicas two views of the same tables
 * @param seed of the random orders; part of the test's name, so that a failure can be repeated
 */
export const paymentsContract = (name: string, replicas: () => readonly [PaymentsUnderTest, PaymentsUnderTest], seed: number): void => {
  const law = (title: string, body: (clock: TestClock) => Promise<void>): void => {
    test(`${name}: ${title}`, () => body(testClock(new Date('2026-04-01T00:00:00Z'))));
  };

  law('start, pay, webhook: credited once, and the list shows it', async (clock) => {
    const { start, receive, process, get, list, gateway, webhook, balance } = desk(replicas(), clock);
    const tenantId = newId();
    const started = await start(tenantId, { idempotencyKey: 'k', amount, gateway: 'simulator' });
    assert.deepEqual([started.status, started.checkoutUrl], ['pending', `https://pay.test/${started.id}`]);
    gateway.decide(started.id, 'succeeded');
    await receive(webhook(started.id, newId()));
    await process();
    const paid = await get(tenantId, started.id);
    assert.deepEqual([paid.status, paid.settledAt, await balance(tenantId)], ['succeeded', clock.now(), amount.micros]);
    assert.deepEqual((await list(tenantId, { limit: 5, cursor: '' })).payments, [paid]);
    const entries = await replicas()[0].wallets.entries(tenantId, { type: 'payment' }, { limit: 5, cursor: '' });
    assert.deepEqual(
      entries.entries.map(({ reference, amountMicros }) => [reference, amountMicros]),
      [[paid.id, amount.micros]],
    );
  });

  law('a webhook that cannot be worked off keeps no other of its batch from being done with', async (clock) => {
    const { start, receive, process, get, gateway, webhook } = desk(replicas(), clock);
    const tenantId = newId();
    const begin = async (idempotencyKey: string) => (await start(tenantId, { idempotencyKey, amount, gateway: 'simulator' })).id;
    const [poison, sound] = [await begin('poison'), await begin('sound')];
    const { verify } = gateway.gateway;
    gateway.gateway.verify = async (request) => {
      if (request.reference === poison) throw new Error('an answer that nobody foresaw');
      return verify(request);
    };
    gateway.decide(sound, 'succeeded');
    await Promise.all([poison, sound].map((id) => receive(webhook(id, newId()))));
    await assert.rejects(process(), /nobody foresaw/);
    assert.equal((await get(tenantId, sound)).status, 'succeeded');
    clock.advance(2 * minuteMs);
    const left = await replicas()[0].notifications.claimDue(clock.now(), clock.now(), 100);
    assert.deepEqual(
      left.map(({ reference }) => reference).filter((reference) => reference === poison || reference === sound),
      [poison],
    );
    gateway.gateway.verify = verify;
    await process();
  });

  law('a start that is repeated is the same payment; another request with its key is a conflict', async (clock) => {
    const { start, gateway } = desk(replicas(), clock);
    const tenantId = newId();
    const request = { idempotencyKey: 'k', amount, gateway: 'simulator' };
    const [a, b] = await Promise.all([start(tenantId, request), start(tenantId, request)]);
    assert.equal(a.id, b.id);
    assert.equal((await start(tenantId, request)).checkoutUrl, a.checkoutUrl);
    assert.equal(gateway.made.size, 1);
    await assert.rejects(start(tenantId, { ...request, amount: usd(26_000_000n) }), (error) =>
      isAppError(error, 'request.idempotency_conflict'),
    );
    assert.notEqual((await start(newId(), request)).id, a.id);
  });

  law('amounts, currency and gateway outside the offer are refused by name of the field', async (clock) => {
    const { start } = desk(replicas(), clock);
    const refused = async (over: object): Promise<string[]> =>
      start(newId(), { idempotencyKey: 'k', amount, gateway: 'simulator', ...over }).then(
        () => [],
        (error) => (isAppError(error, 'request.invalid') ? error.fields.map(({ field }) => field) : [String(error)]),
      );
    assert.deepEqual(await refused({ amount: usd(990_000n) }), ['amount']);
    assert.deepEqual(await refused({ amount: usd(10_000_010_000n) }), ['amount']);
    assert.deepEqual(await refused({ amount: usd(1_000_001n) }), ['amount']);
    assert.deepEqual(await refused({ amount: money('EUR', 5_000_000n) }), ['amount.currency']);
    assert.deepEqual(await refused({ gateway: 'paypal' }), ['gateway']);
    assert.deepEqual(await refused({ idempotencyKey: '' }), ['idempotency_key']);
  });

  law(
    'a lost answer to the start is made good by the next try or by the reconciliation, with one payment at the gateway',
    async (clock) => {
      const { start, reconcile, get, gateway } = desk(replicas(), clock);
      const tenantId = newId();
      const request = { idempotencyKey: 'k', amount, gateway: 'simulator' };
      gateway.faults.startLost = true;
      await assert.rejects(start(tenantId, request), (error) => isAppError(error, 'billing.gateway_unavailable'));
      await assert.rejects(start(tenantId, request), (error) => isAppError(error, 'billing.gateway_unavailable'));
      gateway.faults.startLost = false;
      clock.advance(minuteMs);
      while ((await reconcile()) > 0);
      const [id] = [...gateway.made.keys()];
      assert.equal(gateway.made.size, 1);
      assert.equal((await get(tenantId, id ?? '')).checkoutUrl, `https://pay.test/${id}`);
      assert.equal((await start(tenantId, request)).id, id);
    },
  );

  law('a start that the gateway refuses fails the payment', async (clock) => {
    const { start, gateway } = desk(replicas(), clock);
    gateway.faults.startRefused = true;
    const payment = await start(newId(), { idempotencyKey: 'k', amount, gateway: 'simulator' });
    assert.deepEqual([payment.status, payment.failureReason], ['failed', 'refused']);
  });

  law('forged, malformed and foreign notifications do nothing', async (clock) => {
    const { receive, process, webhook, seen } = desk(replicas(), clock);
    const good = webhook(newId(), newId());
    await assert.rejects(receive({ ...good, headers: {} }), (error) => isAppError(error, 'billing.invalid_signature'));
    await assert.rejects(receive({ ...good, rawBody: Buffer.from('x') }), (error) => isAppError(error, 'request.malformed'));
    await assert.rejects(receive({ ...good, gateway: 'paypal' }), (error) => isAppError(error, 'request.not_found'));
    await receive(good);
    await receive(webhook('not-an-id', newId()));
    while ((await process()) > 0);
    assert.deepEqual(
      seen.map(({ kind }) => kind),
      ['unmatched', 'unmatched'],
    );
  });

  law('money that does not match is recorded and never credited', async (clock) => {
    for (const wrong of [usd(24_990_000n), usd(25_010_000n), money('EUR', amount.micros)]) {
      const { start, receive, process, get, gateway, webhook, balance } = desk(replicas(), clock);
      const tenantId = newId();
      const { id } = await start(tenantId, { idempotencyKey: 'k', amount, gateway: 'simulator' });
      gateway.decide(id, 'succeeded', wrong);
      await receive(webhook(id, newId()));
      while ((await process()) > 0);
      gateway.decide(id, 'succeeded', amount);
      await receive(webhook(id, newId()));
      while ((await process()) > 0);
      const payment = await get(tenantId, id);
      assert.equal(payment.status, 'mismatched');
      assert.match(payment.failureReason, /^Paid .* instead of /);
      assert.equal(await balance(tenantId), 0n);
    }
  });

  law('without any webhook a paid payment is found after 15 minutes, or at once when the customer looks', async (clock) => {
    const { start, reconcile, get, gateway, balance, wakes } = desk(replicas(), clock);
    const [patient, curious] = [newId(), newId()];
    const paid = await Promise.all(
      [patient, curious].map((tenantId) => start(tenantId, { idempotencyKey: 'k', amount, gateway: 'simulator' })),
    );
    for (const { id } of paid) gateway.decide(id, 'succeeded');
    clock.advance(minuteMs);
    assert.equal((await get(curious, paid[1]?.id ?? '')).status, 'pending');
    assert.equal(wakes(), 1);
    assert.equal((await get(curious, paid[1]?.id ?? '')).status, 'pending');
    assert.equal(wakes(), 1, 'a page that polls does not hammer the gateway');
    while ((await reconcile()) > 0);
    assert.deepEqual([await balance(patient), await balance(curious)], [0n, amount.micros]);
    clock.advance(15 * minuteMs);
    while ((await reconcile()) > 0);
    assert.equal(await balance(patient), amount.micros);
  });

  law('a gateway that does not answer decides nothing; a payment nobody made fails after a week, and may still succeed', async (clock) => {
    const { start, reconcile, receive, process, get, gateway, webhook, balance } = desk(replicas(), clock);
    const tenantId = newId();
    const { id } = await start(tenantId, { idempotencyKey: 'k', amount, gateway: 'simulator' });
    gateway.faults.verifyLost = true;
    clock.advance(8 * dayMs);
    while ((await reconcile()) > 0);
    assert.equal((await get(tenantId, id)).status, 'pending');
    gateway.faults.verifyLost = false;
    clock.advance(hourMs);
    while ((await reconcile()) > 0);
    assert.equal((await get(tenantId, id)).status, 'failed');
    gateway.decide(id, 'succeeded');
    await receive(webhook(id, newId()));
    while ((await process()) > 0);
    assert.deepEqual([(await get(tenantId, id)).status, await balance(tenantId)], ['succeeded', amount.micros]);
  });

  law('a webhook that arrives before its truth is asked about again', async (clock) => {
    const { start, receive, process, gateway, webhook, balance } = desk(replicas(), clock);
    const tenantId = newId();
    const { id } = await start(tenantId, { idempotencyKey: 'k', amount, gateway: 'simulator' });
    await receive(webhook(id, newId()));
    while ((await process()) > 0);
    gateway.decide(id, 'succeeded');
    clock.advance(5_000);
    while ((await process()) > 0);
    assert.equal(await balance(tenantId), amount.micros);
  });

  law("another tenant's payment does not exist", async (clock) => {
    const { start, get, list } = desk(replicas(), clock);
    const { id } = await start(newId(), { idempotencyKey: 'k', amount, gateway: 'simulator' });
    const stranger = newId();
    await assert.rejects(get(stranger, id), (error) => isAppError(error, 'request.not_found'));
    await assert.rejects(get(stranger, 'nonsense'), (error) => isAppError(error, 'request.not_found'));
    assert.deepEqual((await list(stranger, { limit: 5, cursor: '' })).payments, []);
  });

  law(
    'without a gateway named, one that refuses is left for the next; the payment shows where it stands, the log how it came there',
    async (clock) => {
      const { start, receive, process, get, log, gateway, second, webhook, balance } = desk(replicas(), clock);
      const tenantId = newId();
      gateway.faults.startRefused = true;
      const payment = await start(tenantId, { idempotencyKey: 'k', amount, gateway: '' });
      const [reference = ''] = second.starts;
      assert.deepEqual([payment.status, payment.gateway, payment.checkoutUrl], ['pending', 'stripe', `https://pay.test/${reference}`]);
      assert.notEqual(reference, payment.id);
      second.decide(reference, 'succeeded');
      await receive({ ...webhook(reference, newId()), gateway: 'stripe' });
      while ((await process()) > 0);
      assert.deepEqual([(await get(tenantId, payment.id)).status, await balance(tenantId)], ['succeeded', amount.micros]);
      const story = (await log(tenantId, payment.id)).filter(({ kind }) => kind.startsWith('attempt_'));
      assert.deepEqual(story.map(({ kind, gateway: at, detail }) => [kind, at, detail].join(' ')).toSorted(), [
        'attempt_failed simulator refused',
        'attempt_started simulator ',
        'attempt_started stripe ',
        'attempt_succeeded stripe ',
      ]);
      await assert.rejects(log(newId(), payment.id), (error) => isAppError(error, 'request.not_found'));
    },
  );

  law('a silent gateway is left too, and avoided for a while; when both are paid in the end, one is credited', async (clock) => {
    const { start, reconcile, get, gateway, second, balance } = desk(replicas(), clock);
    const tenantId = newId();
    gateway.faults.startLost = true;
    const { id, gateway: shown } = await start(tenantId, { idempotencyKey: 'k', amount, gateway: '' });
    assert.equal(shown, 'stripe');
    gateway.faults.startLost = false;
    await start(tenantId, { idempotencyKey: 'k2', amount, gateway: '' });
    assert.deepEqual([gateway.starts.length, second.starts.length], [1, 2], 'the next payment does not wait for it again');
    gateway.decide(id, 'succeeded');
    second.decide(second.starts[0] ?? '', 'succeeded');
    clock.advance(16 * minuteMs);
    while ((await reconcile()) > 0);
    assert.deepEqual([(await get(tenantId, id)).status, await balance(tenantId)], ['succeeded', amount.micros]);
    clock.advance(2 * minuteMs);
    assert.equal((await start(tenantId, { idempotencyKey: 'k3', amount, gateway: '' })).gateway, 'simulator', 'and is tried again later');
  });

  law(
    'a customer who tries again pays by either page, once; the same try again is the same; a paid payment takes no more',
    async (clock) => {
      for (const paidBy of ['first', 'second', 'both'] as const) {
        const { start, retry, receive, process, get, gateway, second, webhook, balance } = desk(replicas(), clock);
        const tenantId = newId();
        const { id } = await start(tenantId, { idempotencyKey: 'k', amount, gateway: 'simulator' });
        const again = await retry(tenantId, { idempotencyKey: 'again', id, gateway: 'stripe' });
        assert.deepEqual([again.id, again.gateway], [id, 'stripe']);
        assert.deepEqual(await retry(tenantId, { idempotencyKey: 'again', id, gateway: 'stripe' }), again);
        assert.equal(second.made.size, 1);
        const [reference = ''] = second.starts;
        if (paidBy !== 'second') {
          gateway.decide(id, 'succeeded');
          await receive(webhook(id, newId()));
        }
        if (paidBy !== 'first') {
          second.decide(reference, 'succeeded');
          await receive({ ...webhook(reference, newId()), gateway: 'stripe' });
        }
        while ((await process()) > 0);
        const payment = await get(tenantId, id);
        assert.deepEqual([payment.status, await balance(tenantId)], ['succeeded', amount.micros]);
        if (paidBy !== 'both') assert.equal(payment.gateway, paidBy === 'first' ? 'simulator' : 'stripe');
        await assert.rejects(retry(tenantId, { idempotencyKey: 'more', id, gateway: '' }), (error) =>
          isAppError(error, 'billing.payment_settled'),
        );
        await assert.rejects(retry(newId(), { idempotencyKey: 'x', id, gateway: '' }), (error) => isAppError(error, 'request.not_found'));
      }
    },
  );

  law('a try without a gateway named that is repeated is the same try; with another request its key is a conflict', async (clock) => {
    const { start, retry, gateway, second, log } = desk(replicas(), clock);
    const tenantId = newId();
    const { id } = await start(tenantId, { idempotencyKey: 'k', amount, gateway: 'simulator' });
    const again = await retry(tenantId, { idempotencyKey: 'again', id, gateway: '' });
    assert.equal(again.gateway, 'stripe');
    assert.deepEqual(await retry(tenantId, { idempotencyKey: 'again', id, gateway: '' }), again);
    await assert.rejects(retry(tenantId, { idempotencyKey: 'again', id, gateway: 'simulator' }), (error) =>
      isAppError(error, 'request.idempotency_conflict'),
    );
    assert.deepEqual([gateway.made.size, second.made.size], [1, 1]);
    assert.equal((await log(tenantId, id)).filter(({ kind }) => kind === 'attempt_started').length, 2);
  });

  law('a start that is repeated after ten tries ends, though the gateway does not answer', async (clock) => {
    const { start, retry, gateway } = desk(replicas(), clock);
    const tenantId = newId();
    const request = { idempotencyKey: 'k', amount, gateway: '' };
    const { id } = await start(tenantId, request);
    for (let each = 2; each <= 9; each++) await retry(tenantId, { idempotencyKey: `k${each}`, id, gateway: 'simulator' });
    let asked = 0;
    gateway.gateway.start = async () => {
      assert.ok(++asked < 10, 'asked without an end');
      return { outcome: 'unknown', reason: 'lost' };
    };
    for (const repeated of [() => retry(tenantId, { idempotencyKey: 'k10', id, gateway: 'simulator' }), () => start(tenantId, request)])
      await assert.rejects(repeated(), (error) => isAppError(error, 'billing.gateway_unavailable'));
  });

  law('a success after a failure is credited, also when the gateway cannot be asked for an hour after its webhook', async (clock) => {
    const { start, receive, process, reconcile, get, gateway, webhook, balance } = desk(replicas(), clock);
    const tenantId = newId();
    const { id } = await start(tenantId, { idempotencyKey: 'k', amount, gateway: 'simulator' });
    gateway.decide(id, 'failed');
    await receive(webhook(id, newId()));
    while ((await process()) > 0);
    assert.equal((await get(tenantId, id)).status, 'failed');
    // The second card was good.
    gateway.decide(id, 'succeeded');
    gateway.faults.verifyLost = true;
    await receive(webhook(id, newId()));
    for (let minute = 0; minute < 60; minute++) {
      await process();
      await reconcile();
      clock.advance(minuteMs);
    }
    gateway.faults.verifyLost = false;
    clock.advance(hourMs);
    await process();
    await reconcile();
    assert.equal(await balance(tenantId), amount.micros);
  });

  law('a payment that failed may be tried again, ten times in all', async (clock) => {
    const { start, retry, receive, process, get, gateway, webhook } = desk(replicas(), clock);
    const tenantId = newId();
    const { id } = await start(tenantId, { idempotencyKey: 'k', amount, gateway: 'simulator' });
    gateway.decide(id, 'failed');
    await receive(webhook(id, newId()));
    while ((await process()) > 0);
    assert.equal((await get(tenantId, id)).status, 'failed');
    for (let each = 2; each <= 10; each++)
      assert.equal((await retry(tenantId, { idempotencyKey: `k${each}`, id, gateway: 'simulator' })).status, 'pending');
    await assert.rejects(retry(tenantId, { idempotencyKey: 'k11', id, gateway: '' }), (error) =>
      isAppError(error, 'billing.payment_settled'),
    );
  });

  law('payments are listed in pages, newest first, each once', async (clock) => {
    const { start, list } = desk(replicas(), clock);
    const tenantId = newId();
    const ids: string[] = [];
    for (let each = 0; each < 5; each++) {
      ids.unshift((await start(tenantId, { idempotencyKey: `k${each}`, amount, gateway: 'simulator' })).id);
      clock.advance(each % 2);
    }
    const seen: string[] = [];
    let cursor = '';
    do {
      const page = await list(tenantId, { limit: 2, cursor });
      seen.push(...page.payments.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor !== '');
    assert.deepEqual(seen, ids);
  });

  law(
    `webhooks, reconciliation and returns in any order, number and concurrency on two replicas credit once (seed ${seed})`,
    async (clock) => {
      type Move = 'webhook' | 'duplicate' | 'process' | 'reconcile' | 'look' | 'restart' | 'fail' | 'pay';
      const moves = fc.array(
        fc.record({
          move: fc.constantFrom<Move>('webhook', 'duplicate', 'process', 'reconcile', 'look', 'restart', 'fail', 'pay'),
          replica: fc.nat(1),
        }),
        {
          minLength: 6,
          maxLength: 24,
        },
      );
      await fc.assert(
        fc.asyncProperty(moves, fc.boolean(), async (chosen, concurrent) => {
          const { replicas: both, gateway, webhook, balance } = desk(replicas(), clock);
          const tenantId = newId();
          const request = { idempotencyKey: 'k', amount, gateway: 'simulator' };
          const { id } = (await both[0]?.start(tenantId, request)) ?? assert.fail();
          const same = webhook(id, newId());
          const run = async ({ move, replica }: { move: Move; replica: number }): Promise<void> => {
            const on = both[replica] ?? assert.fail();
            clock.advance(700);
            switch (move) {
              case 'webhook':
                return on.receive(webhook(id, newId()));
              case 'duplicate':
                return on.receive(same);
              case 'process':
                return void (await on.process());
              case 'reconcile':
                clock.advance(16 * minuteMs);
                return void (await on.reconcile());
              case 'look':
                return void (await on.get(tenantId, id));
              case 'restart':
                return void (await on.start(tenantId, request));
              case 'fail':
                if (gateway.made.get(id)?.status === 'pending') gateway.decide(id, 'failed');
                return;
              case 'pay':
                return gateway.decide(id, 'succeeded');
            }
          };
          if (concurrent) await Promise.all(chosen.map(run));
          else for (const each of chosen) await run(each);
          gateway.decide(id, 'succeeded');
          await both[0]?.receive(webhook(id, newId()));
          for (const on of both) for (let turn = 0; turn < 20 && (await on.process()) > 0; turn++) clock.advance(6 * minuteMs);
          for (const on of both)
            for (let turn = 0; turn < 5; turn++) {
              clock.advance(7 * hourMs);
              await on.reconcile();
              await on.process();
            }
          assert.equal((await both[1]?.get(tenantId, id))?.status, 'succeeded');
          assert.equal(await balance(tenantId), amount.micros);
        }),
        { seed, numRuns: 60, endOnFailure: true },
      );
    },
  );
};
