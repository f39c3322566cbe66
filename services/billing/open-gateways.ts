import { toTypeId } from '#platform/ids/index.ts';
import type { Life } from '#platform/lifecycle/index.ts';
import { flutterwaveGateway } from './adapters/flutterwave/gateway.ts';
import { paystackGateway } from './adapters/paystack/gateway.ts';
import { simulatorGateway } from './adapters/simulator-gateway/gateway.ts';
import { stripeGateway } from './adapters/stripe/gateway.ts';
import type { PaymentGateway, PaymentGateways } from './app/payments/ports.ts';
import type { BillingConfig } from './config.ts';

type Observe = (operation: 'start' | 'verify', outcome: 'yes' | 'no' | 'unknown', seconds: number) => void;

/** Part of the composition root: the simulator, and every gateway whose keys are in the configuration. */
export const openGateways = async (
  config: BillingConfig,
  life: Pick<Life, 'own'>,
  observe: (gateway: string) => Observe,
): Promise<PaymentGateways> => {
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
  return gateways;
};
