import { chooseFault } from '../domain/choose-fault.ts';
import type { Payment, PaymentProtocol } from '../domain/payment.ts';
import type { WebhookFault } from '../domain/settings.ts';
import type { Outgoing, WebhookDialect, World } from './ports.ts';

export interface SettlePayment {
  /** The person pressed a button. A payment that is settled stays as it is: the page may be posted twice. */
  (payment: Payment, outcome: 'success' | 'failure'): void;
}

/** Tells the shop of something that happened to a payment, where its protocol has words for it. */
export type TellOfPayment = (payment: Payment, what: 'refunded' | 'disputed' | 'dispute_decided') => void;

const signatureToleranceSeconds = 300;

export const createSettlePayment = (
  world: World,
  dependencies: { outgoing: Outgoing; dialects: Readonly<Record<PaymentProtocol, WebhookDialect>> },
): SettlePayment & { readonly tell: TellOfPayment } => {
  const { outgoing, dialects } = dependencies;
  const failures = world.random.stream('payments/failures');
  const faults = world.random.stream('payments/webhook_faults');

  const post = (payment: Payment, body: string, delayMs: number): void => {
    world.agenda.at(world.clock.now().getTime() + delayMs, () =>
      outgoing.send({
        kind: 'webhook',
        url: payment.webhookUrl,
        body,
        headers: (nowMs) => dialects[payment.protocol].headers(body, nowMs, 'true'),
      }),
    );
  };

  /** Somebody else's attempt: sent once, before the true webhook. */
  const postForged = (payment: Payment, body: string, headers: (nowMs: number) => Record<string, string>): void =>
    outgoing.send({ kind: 'webhook', url: payment.webhookUrl, body, headers, once: true });

  const notify = (payment: Payment, status: 'succeeded' | 'failed', fault: WebhookFault | undefined): void => {
    const { webhookDelayMs, webhookReorderMs } = world.settings.payments;
    const declined = fault === 'declined_first' || fault === 'reordered';
    const dialect = dialects[payment.protocol];
    const tell = (body: string | undefined, delayMs: number): void => {
      if (body !== undefined) post(payment, body, delayMs);
    };
    // A first card was declined, a second one paid: two true events, told in either order.
    if (declined && status === 'succeeded') {
      tell(dialect.event(payment, 'declined'), webhookDelayMs + (fault === 'reordered' ? webhookReorderMs : 0));
    }
    const body = dialect.event(payment, status);
    if (body === undefined) return;
    if (fault === 'bad_signature') postForged(payment, body, (nowMs) => dialect.headers(body, nowMs, 'wrong'));
    if (fault === 'stale_signature') {
      postForged(payment, body, (nowMs) => dialect.headers(body, nowMs - (signatureToleranceSeconds + 60) * 1000, 'true'));
    }
    if (fault === 'lost') return;
    tell(body, webhookDelayMs + (fault === 'declined_first' ? webhookReorderMs : 0));
    if (fault === 'duplicate') tell(body, webhookDelayMs);
  };

  const tell: TellOfPayment = (payment, what) => {
    const body = dialects[payment.protocol].event(payment, what);
    if (body !== undefined) post(payment, body, world.settings.payments.webhookDelayMs);
  };

  const settle: SettlePayment = (payment, outcome) => {
    if (payment.status !== 'pending') return;
    const settings = world.settings.payments;
    const fails = failures.chance(settings.failureRatio) || outcome === 'failure';
    const fault = chooseFault(settings.nextWebhookFaults, settings.webhookFaultRatios, faults);
    payment.status = fails ? 'failed' : 'succeeded';
    if (fault === 'wrong_amount') payment.paidMicros = payment.askedMicros / 2n;
    if (fault === 'wrong_currency') payment.paidCurrency = payment.askedCurrency === 'EUR' ? 'USD' : 'EUR';
    notify(payment, payment.status, fault);
  };
  return Object.assign(settle, { tell });
};
