import { ConfigError } from '#platform/config/index.ts';
import { toTypeId } from '#platform/ids/index.ts';
import type { Life } from '#platform/lifecycle/index.ts';
import { flutterwaveGateway } from './adapters/flutterwave/gateway.ts';
import { paystackGateway } from './adapters/paystack/gateway.ts';
import { simulatorGateway } from './adapters/simulator-gateway/gateway.ts';
import { stripeGateway } from './adapters/stripe/gateway.ts';
import type { ObserveGateway, PaymentGateway, PaymentGateways } from './app/payments/ports.ts';
import type { BillingConfig } from './config.ts';

const names = ['stripe', 'paystack', 'flutterwave', 'simulator'] as const;

/** Half a gateway takes money that nobody hears of: better not to start. */
const requireWhole = (config: BillingConfig): readonly string[] => {
  const pairs = [
    ['STRIPE_SECRET_KEY', config.stripeSecretKey, 'STRIPE_WEBHOOK_SECRET', config.stripeWebhookSecret],
    ['FLUTTERWAVE_SECRET_KEY', config.flutterwaveSecretKey, 'FLUTTERWAVE_WEBHOOK_HASH', config.flutterwaveWebhookHash],
  ] as const;
  for (const [one, first, other, second] of pairs)
    if ((first === undefined) !== (second === undefined))
      throw new ConfigError([
        { key: first === undefined ? one : other, reason: `is missing: ${first === undefined ? other : one} is set` },
      ]);
  if (config.stripeApiUrl !== undefined && config.stripeSecretKey === undefined)
    throw new ConfigError([{ key: 'STRIPE_SECRET_KEY', reason: 'is missing: STRIPE_API_URL is set' }]);
  const order = config.paymentGateways.split(',').map((name) => name.trim());
  const unknown = order.filter((name) => !names.some((known) => known === name));
  if (unknown.length > 0) throw new ConfigError([{ key: 'PAYMENT_GATEWAYS', reason: `knows only ${names.join(', ')}` }]);
  return order;
};

/** Part of the composition root: the simulator, and every gateway whose keys are in the configuration. */
export const openGateways = async (
  config: BillingConfig,
  life: Pick<Life, 'own'>,
  observe: (gateway: string) => ObserveGateway,
): Promise<PaymentGateways> => {
  const order = requireWhole(config);
  const shared = {
    returnUrl: (paymentId: string) => new URL(`/billing?payment=${toTypeId('payment', paymentId)}`, config.publicUrl).href,
    timeoutMs: config.paymentTimeoutMs,
    contactEmail: config.paymentContactEmail,
  };
  const gateways = new Map<string, PaymentGateway>();
  const webhookUrl = new URL('/v2/callbacks/payments/simulator', config.publicUrl).href;
  const simulator = { baseUrl: config.paymentSimulatorUrl, secret: config.paymentSimulatorSecret, webhookUrl };
  gateways.set(
    'simulator',
    await life.own('gateway simulator', simulatorGateway({ ...shared, ...simulator, observe: observe('simulator') })),
  );
  const { stripeApiUrl, stripeSecretKey, stripeWebhookSecret, paystackSecretKey, flutterwaveSecretKey, flutterwaveWebhookHash } = config;
  if (stripeSecretKey !== undefined && stripeWebhookSecret !== undefined) {
    const keys = {
      secretKey: stripeSecretKey,
      webhookSecret: stripeWebhookSecret,
      ...(stripeApiUrl !== undefined && { apiUrl: stripeApiUrl }),
    };
    gateways.set('stripe', stripeGateway({ ...shared, ...keys, observe: observe('stripe') }));
  }
  if (paystackSecretKey !== undefined) {
    const keys = { baseUrl: config.paystackApiUrl, secretKey: paystackSecretKey };
    gateways.set('paystack', await life.own('gateway paystack', paystackGateway({ ...shared, ...keys, observe: observe('paystack') })));
  }
  if (flutterwaveSecretKey !== undefined && flutterwaveWebhookHash !== undefined) {
    const keys = { baseUrl: config.flutterwaveApiUrl, secretKey: flutterwaveSecretKey, webhookHash: flutterwaveWebhookHash };
    const gateway = flutterwaveGateway({ ...shared, ...keys, observe: observe('flutterwave') });
    gateways.set('flutterwave', await life.own('gateway flutterwave', gateway));
  }
  const rank = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  return new Map([...gateways].toSorted(([a], [c]) => rank(a) - rank(c)));
};
