/**
 * Webhooks a second, from the raw bytes to the credit: signature, inbox, verify call over HTTP, settlement. Of every ten, three are told
 * twice: under the same event id, or under another one. Beside it, in the same run, what no design can go below: one call to the gateway and
 * one insert for each payment. Run by test/bench/payments.ts.
 */
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { minuteMs, systemClock } from '#platform/time/index.ts';
import { postgresNotifications } from '../../adapters/postgres/payments/notifications.ts';
import { postgresPayments } from '../../adapters/postgres/payments/payments.ts';
import { postgresRefunds } from '../../adapters/postgres/payments/refunds.ts';
import { simulatorGateway } from '../../adapters/simulator-gateway/gateway.ts';
import { sign } from '../../adapters/simulator-gateway/signature.ts';
import { gatewayHealth } from '../../app/payments/gateway-health.ts';
import { processNotifications } from '../../app/payments/process-notifications.ts';
import { receiveNotification } from '../../app/payments/receive-notification.ts';
import { startPayment } from '../../app/payments/start-payment.ts';
import { silentMonitor } from './fake-gateway.ts';
import { type OutsideWorld, worldKeys } from './outside-world.ts';

const amount = money('USD', 5_000_000n);
const inFlight = 16;

export interface PaymentFigures {
  readonly floorPerSecond: number;
  readonly settledPerSecond: number;
  readonly webhooksPerSecond: number;
  readonly payments: number;
  readonly credited: number;
}

const each = async <T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> => {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item);
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
};
const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1_000;
};

export const benchPayments = async (db: Database, world: OutsideWorld, count: number): Promise<PaymentFigures> => {
  await world.settings({ payments: { webhookFaultRatios: { lost: 1 } } });
  const secret = worldKeys.simulator;
  const gateway = simulatorGateway({ baseUrl: world.url, secret, webhookUrl: world.webhookUrl('simulator'), returnUrl: () => '' });
  const clock = systemClock;
  const deps = {
    payments: postgresPayments(db),
    notifications: postgresNotifications(db),
    refunds: postgresRefunds(db),
    gateways: new Map([['simulator', gateway]]),
    clock,
    monitor: silentMonitor().monitor,
    health: gatewayHealth(clock),
    firstCheckMs: 15 * minuteMs,
    wakeRefunds: () => {},
    wakeDisputes: () => {},
    methods: { find: async () => undefined },
    wakeProcessing: () => {},
  };
  const start = startPayment(deps);
  const tenants = Array.from({ length: Math.ceil(count / 10) }, newId);
  const paid: { readonly id: string; readonly gatewayPaymentId: string }[] = [];
  await each(Array.from({ length: count }, newId), async (key) => {
    const tenantId = tenants[paid.length % tenants.length] ?? '';
    const payment = await start(tenantId, { idempotencyKey: key, amount, gateway: 'simulator' });
    await world.press(payment.checkoutUrl, 'success');
    paid.push(payment);
  });

  // As autovacuum does within a minute: until then, plans are those of empty tables.
  await db.query('analyze');
  await db.query('create unlogged table bench_floor (id uuid primary key)');
  await db.query('alter table bench_floor set logged');
  const floor = await seconds(() =>
    each(paid, async ({ id, gatewayPaymentId }) => {
      await gateway.verify({ reference: id, gatewayPaymentId });
      await db.query('insert into bench_floor values ($1)', [id]);
    }),
  );

  const told = paid.flatMap(({ id }, index) => {
    const event = (eventId: string): Buffer =>
      Buffer.from(JSON.stringify({ id: eventId, type: 'payment.succeeded', data: { reference: id } }));
    const first = event(`evt_${id}`);
    if (index % 10 >= 3) return [first];
    return [first, index % 2 === 0 ? first : event(`evt_again_${id}`)];
  });
  const receive = receiveNotification(deps);
  const process = processNotifications(deps);
  const spent = await seconds(async () => {
    let open = true;
    const arriving = each(told, (rawBody) =>
      receive({ gateway: 'simulator', headers: { 'x-simulator-signature': sign(rawBody, secret, clock.now()) }, rawBody }),
    ).finally(() => {
      open = false;
    });
    // As the service does: the worker looks again at once while there is something.
    for (let found = 1; open || found > 0;) {
      found = await process();
      if (found === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await arriving;
    while ((await process()) > 0);
  });
  const [row] = await db.query<{ credited: bigint }>(`select count(*) as credited from transfers where type = 'payment'`);
  await gateway.close();
  return {
    floorPerSecond: count / floor,
    settledPerSecond: count / spent,
    webhooksPerSecond: told.length / spent,
    payments: count,
    credited: Number(row?.credited ?? 0n),
  };
};
