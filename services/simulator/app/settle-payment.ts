import { formatDecimal } from '#platform/money/index.ts';
import { chooseFault } from '../domain/choose-fault.ts';
import type { Payment } from '../domain/payment.ts';
import type { WebhookFault } from '../domain/settings.ts';
import type { Outgoing, Sign, World } from './ports.ts';

export interface SettlePayment {
  /** The person pressed a button. A payment that is settled stays as it is: the page may be posted twice. */
  (payment: Payment, outcome: 'success' | 'failure'): void;
}

const signatureToleranceSeconds = 300;

export const createSettlePayment = (
  world: World,
  dependencies: { outgoing: Outgoing; sign: Sign; secret: string; nextId: (prefix: string) => string },
): SettlePayment => {
  const { outgoing, sign, secret, nextId } = dependencies;
  const failures = world.random.stream('payments/failures');
  const faults = world.random.stream('payments/webhook_faults');

  const signature = (key: string, atMs: number, body: string): Record<string, string> => {
    const seconds = Math.floor(atMs / 1000);
    return { 'x-simulator-signature': `t=${seconds},v1=${sign(key, `${seconds}.${body}`)}` };
  };

  const eventOf = (payment: Payment, status: 'succeeded' | 'failed'): string =>
    JSON.stringify({
      id: nextId('evt'),
      type: `payment.${status}`,
      data: {
        id: payment.id,
        reference: payment.reference,
        amount: formatDecimal(payment.paidMicros),
        currency: payment.paidCurrency,
        status,
      },
    });

  const post = (payment: Payment, body: string, delayMs: number): void => {
    world.agenda.at(world.clock.now().getTime() + delayMs, () =>
      outgoing.send({ kind: 'webhook', url: payment.webhookUrl, body, headers: (nowMs) => signature(secret, nowMs, body) }),
    );
  };

  /** Somebody else's attempt: sent once, before the true webhook. */
  const postForged = (payment: Payment, body: string, headers: (nowMs: number) => Record<string, string>): void =>
    outgoing.send({ kind: 'webhook', url: payment.webhookUrl, body, headers, once: true });

  const notify = (payment: Payment, status: 'succeeded' | 'failed', fault: WebhookFault | undefined): void => {
    const { webhookDelayMs, webhookReorderMs } = world.settings.payments;
    const declined = fault === 'declined_first' || fault === 'reordered';
    // A first card was declined, a second one paid: two true events, told in either order.
    if (declined && status === 'succeeded') {
      post(payment, eventOf(payment, 'failed'), webhookDelayMs + (fault === 'reordered' ? webhookReorderMs : 0));
    }
    const body = eventOf(payment, status);
    if (fault === 'bad_signature') postForged(payment, body, (nowMs) => signature(`${secret}?`, nowMs, body));
    if (fault === 'stale_signature') {
      postForged(payment, body, (nowMs) => signature(secret, nowMs - (signatureToleranceSeconds + 60) * 1000, body));
    }
    if (fault === 'lost') return;
    post(payment, body, webhookDelayMs + (fault === 'declined_first' ? webhookReorderMs : 0));
    if (fault === 'duplicate') post(payment, body, webhookDelayMs);
  };

  return (payment, outcome) => {
    if (payment.status !== 'pending') return;
    const settings = world.settings.payments;
    const fails = failures.chance(settings.failureRatio) || outcome === 'failure';
    const fault = chooseFault(settings.nextWebhookFaults, settings.webhookFaultRatios, faults);
    payment.status = fails ? 'failed' : 'succeeded';
    if (fault === 'wrong_amount') payment.paidMicros = payment.askedMicros / 2n;
    if (fault === 'wrong_currency') payment.paidCurrency = payment.askedCurrency === 'EUR' ? 'USD' : 'EUR';
    notify(payment, payment.status, fault);
  };
};
