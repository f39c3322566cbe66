/**
 * One payment's webhooks, verify answers and redirects in every order, with duplicates and with a gateway that is away in between,
 * through each real adapter, over the wire and over PostgreSQL: always the same end. Each gateway has a world and books of its own,
 * so that the gateways are told side by side.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { createTestDatabase, type TestDatabase } from '#platform/testing/index.ts';
import { addMs, hourMs, minuteMs } from '#platform/time/index.ts';
import { flutterwaveGateway } from '../../adapters/flutterwave/gateway.ts';
import { paystackGateway } from '../../adapters/paystack/gateway.ts';
import { postgresAudit } from '../../adapters/postgres/ledger/audit.ts';
import { migrations } from '../../adapters/postgres/migrations/index.ts';
import { postgresNotifications } from '../../adapters/postgres/payments/notifications.ts';
import { postgresPayments } from '../../adapters/postgres/payments/payments.ts';
import { postgresStatementBook } from '../../adapters/postgres/payments/statements.ts';
import { postgresRefunds } from '../../adapters/postgres/payments/refunds.ts';
import { postgresWallets } from '../../adapters/postgres/ledger/wallets.ts';
import { simulatorGateway } from '../../adapters/simulator-gateway/gateway.ts';
import { stripeGateway } from '../../adapters/stripe/gateway.ts';
import { compareStatement } from '../../app/payments/compare-statement.ts';
import { gatewayHealth } from '../../app/payments/gateway-health.ts';
import { getPayment } from '../../app/payments/get-payment.ts';
import type { PaymentGateway } from '../../app/payments/ports.ts';
import { processNotifications } from '../../app/payments/process-notifications.ts';
import { receiveNotification } from '../../app/payments/receive-notification.ts';
import { reconcilePayments } from '../../app/payments/reconcile-payments.ts';
import { startPayment } from '../../app/payments/start-payment.ts';
import { openBooks } from '../ledger/postgres-books.ts';
import { silentMonitor } from './fake-gateway.ts';
import { type OutsideWorld, startOutsideWorld, worldKeys } from './outside-world.ts';

const amount = money('USD', 12_340_000n);
const shared = { returnUrl: (id: string) => `https://me.test/back/${id}`, timeoutMs: 5_000, contactEmail: 'payments@me.test' };
type Adapter = (world: OutsideWorld) => PaymentGateway & { close?(): Promise<void> };
const adapters: Readonly<Record<string, { readonly open: Adapter; readonly tellsFailures: boolean }>> = {
  simulator: {
    open: ({ url, webhookUrl }) =>
      simulatorGateway({ ...shared, baseUrl: url, secret: worldKeys.simulator, webhookUrl: webhookUrl('simulator') }),
    tellsFailures: true,
  },
  stripe: {
    open: ({ url }) => stripeGateway({ ...shared, apiUrl: url, secretKey: worldKeys.stripe, webhookSecret: worldKeys.stripeWebhook }),
    tellsFailures: true,
  },
  paystack: { open: ({ url }) => paystackGateway({ ...shared, baseUrl: url, secretKey: worldKeys.paystack }), tellsFailures: false },
  flutterwave: {
    open: ({ url }) =>
      flutterwaveGateway({ ...shared, baseUrl: url, secretKey: worldKeys.flutterwave, webhookHash: worldKeys.flutterwaveHash }),
    tellsFailures: true,
  },
};

/** Every distinct order of `items`. */
const ordersOf = <T>(items: readonly T[]): readonly (readonly T[])[] =>
  items.length === 0
    ? [[]]
    : [...new Set(items)].flatMap((first) => {
        const rest = [...items];
        rest.splice(rest.indexOf(first), 1);
        return ordersOf(rest).map((order) => [first, ...order]);
      });

interface Place {
  readonly world: OutsideWorld;
  readonly database: TestDatabase;
  readonly db: Database;
}
const places = new Map<string, Place>();
const placeOf = (name: string): Place => places.get(name) ?? assert.fail(name);
before(async () => {
  await Promise.all(
    Object.keys(adapters).map(async (name) => {
      const [world, database] = await Promise.all([startOutsideWorld(), createTestDatabase('billing', migrations)]);
      places.set(name, { world, database, db: await openBooks(database.url, 4) });
    }),
  );
});
after(async () => {
  await Promise.all(
    [...places.values()].map(async ({ world, database, db }) => {
      await Promise.all([world.close(), db.close()]);
      await database.close();
    }),
  );
});

const counter = (kinds: readonly string[], kind: string): number => kinds.filter((each) => each === kind).length;

const everyOrder = (name: string, { open, tellsFailures }: (typeof adapters)[string]): void => {
  for (const end of ['success', 'failure'] as const) {
    test(`${name}: every order of what a payment that ends in ${end} is told by ends the same`, { timeout: 240_000 }, async () => {
      const { world, db } = placeOf(name);
      await world.settings({ payments: null });
      const gateway = open(world);
      let aheadMs = 0;
      const clock = { now: () => new Date(Date.now() + aheadMs) };
      const deps = {
        payments: postgresPayments(db),
        notifications: postgresNotifications(db),
        refunds: postgresRefunds(db),
        gateways: new Map([[name, gateway]]),
        clock,
        monitor: silentMonitor().monitor,
        health: gatewayHealth(clock),
        firstCheckMs: 15 * minuteMs,
        wakeRefunds: () => {},
        wakeDisputes: () => {},
        methods: { find: async () => undefined },
        wakeProcessing: () => {},
        wakeReconciliation: () => {},
      };
      const [start, receive, work, reconcile, look] = [
        startPayment(deps),
        receiveNotification(deps),
        processNotifications(deps),
        reconcilePayments(deps),
        getPayment(deps),
      ];
      // What the protocol tells: of a first card that was declined, then of the end; each of them twice.
      const webhooks =
        end === 'success' ? (tellsFailures ? ['declined', 'end', 'end'] : ['end', 'end']) : tellsFailures ? ['end', 'end'] : [];
      const orders = ordersOf([...webhooks, 'redirect', 'work', 'away']);
      for (const order of orders) {
        const tenantId = newId();
        // The decline is told first, the success a moment later.
        await world.settings({ payments: { webhookReorderMs: 30, nextWebhookFaults: end === 'success' ? ['declined_first'] : [] } });
        const { id, checkoutUrl } = await start(tenantId, { idempotencyKey: 'k', amount, gateway: name });
        await world.press(checkoutUrl, end);
        const told = await world.notifications(name, id, new Set(webhooks).size);
        const say = (which: string) => {
          const { headers, rawBody } = (which === 'declined' ? told[0] : told.at(-1)) ?? assert.fail('no webhook');
          return receive({ gateway: name, headers, rawBody });
        };
        // The customer comes back after a while, later than the first look is allowed to be.
        aheadMs = 10_000;
        for (const step of order) {
          if (step === 'redirect') {
            await look(tenantId, id);
            await reconcile();
          } else if (step === 'work') await work();
          else if (step === 'away') {
            await world.settings({ payments: { outage: '503' } });
            await Promise.all([work(), reconcile()]);
            await world.settings({ payments: { outage: 'off' } });
          } else await say(step);
        }
        for (const later of [1, 16, 40]) {
          aheadMs = later * minuteMs;
          await work();
          await reconcile();
        }
        const trace = `${name}: ${order.join(', ')}`;
        const payment = await look(tenantId, id);
        assert.equal(payment.status, end === 'success' ? 'succeeded' : 'failed', trace);
        const wallet = await postgresWallets(db).wallet(tenantId);
        assert.equal(wallet?.balanceMicros ?? 0n, end === 'success' ? amount.micros : 0n, trace);
        const kinds = (await deps.payments.log(tenantId, id, 100)).map(({ kind }) => kind);
        assert.equal(counter(kinds, 'attempt_succeeded'), end === 'success' ? 1 : 0, trace);
        assert.equal(counter(kinds, 'notification_received'), new Set(webhooks).size, `${trace}: each event is kept once`);
        aheadMs = 0;
      }
      await gateway.close?.();
    });
  }
};

describe('the gateways', { concurrency: true }, () => {
  for (const [name, adapter] of Object.entries(adapters)) describe(name, { concurrency: 1 }, () => everyOrder(name, adapter));
});

test("after all of that the books agree, also with each gateway's own statement, and each payment was told of once", async () => {
  const now = new Date();
  for (const [name, { open }] of Object.entries(adapters)) {
    const { world, db } = placeOf(name);
    assert.equal(await postgresAudit(db).firstDivergence(), undefined);
    const gateway = open(world);
    const compare = compareStatement({ gateways: new Map([[name, gateway]]), book: postgresStatementBook(db) });
    const held = await compare(name, addMs(now, -hourMs), addMs(now, hourMs), addMs(now, 3 * hourMs));
    assert.ok(held.outcome === 'compared' && held.lines > 0, name);
    assert.deepEqual(held.findings, [], name);
    const [forgotten] = await db.query<{ id: string }>(
      `update payment_attempts set status = 'failed' where id = (select id from payment_attempts where gateway = $1 and status = 'succeeded' limit 1) returning id`,
      [name],
    );
    const differs = await compare(name, addMs(now, -hourMs), addMs(now, hourMs), addMs(now, 3 * hourMs));
    assert.deepEqual(differs.outcome === 'compared' && differs.findings.map(({ finding, reference }) => [finding, reference]), [
      ['paid_not_credited', forgotten?.id],
    ]);
    await gateway.close?.();
    const twice = await db.query(
      `select aggregate_id from outbox where subject like '%payment.succeeded' group by aggregate_id having count(*) > 1`,
    );
    assert.deepEqual(twice, []);
  }
});
