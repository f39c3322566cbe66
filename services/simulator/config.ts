import { defineConfig, portVar, processConfig, secretVar, textVar, urlVar, type ConfigOf } from '#platform/config/index.ts';

const { environment, logLevel, adminHost, adminPort, shutdownTimeoutMs, readinessDelayMs } = processConfig;

/** The simulator has neither a database nor a bus: it must also run alone. */
export const simulatorConfig = defineConfig({
  environment,
  logLevel,
  adminHost,
  adminPort,
  shutdownTimeoutMs,
  readinessDelayMs,
  host: textVar('SIMULATOR_HOST', { default: '127.0.0.1' }),
  httpPort: portVar('SIMULATOR_HTTP_PORT', { default: 0 }),
  smppPort: portVar('SIMULATOR_SMPP_PORT', { default: 0 }),
  seed: textVar('SIMULATOR_SEED', { default: 'namaskah', description: 'the same seed gives the same sequences' }),
  handlerApiKey: secretVar('SIMULATOR_HANDLER_API_KEY', { minLength: 1, description: 'api_key of the number market' }),
  fiveSimToken: secretVar('SIMULATOR_FIVE_SIM_TOKEN', { optional: true, minLength: 8, description: 'bearer of 5sim; absent: not served' }),
  textVerifiedKey: secretVar('SIMULATOR_TEXTVERIFIED_KEY', {
    optional: true,
    minLength: 8,
    description: 'API key of TextVerified; absent: not served',
  }),
  textVerifiedUsername: textVar('SIMULATOR_TEXTVERIFIED_USERNAME', { default: 'simulator@example.test' }),
  textVerifiedWebhookUrl: urlVar('SIMULATOR_TEXTVERIFIED_WEBHOOK_URL', {
    optional: true,
    secret: true,
    protocols: ['http', 'https'],
    description: 'where its messages are reported; absent: clients poll',
  }),
  textVerifiedWebhookSecret: secretVar('SIMULATOR_TEXTVERIFIED_WEBHOOK_SECRET', { optional: true, minLength: 8 }),
  pushUrl: urlVar('SIMULATOR_PUSH_URL', {
    optional: true,
    secret: true,
    protocols: ['http', 'https'],
    description: 'where codes are pushed; absent: clients poll',
  }),
  paymentSecret: secretVar('PAYMENT_SIMULATOR_SECRET', {
    minLength: 8,
    description: 'bearer of the payment API and key of its webhook signature',
  }),
  // Stripe, Paystack and Flutterwave; served when PAYMENT_WEBHOOK_URL and the protocol's keys are there.
  paymentWebhookUrl: urlVar('PAYMENT_WEBHOOK_URL', {
    optional: true,
    protocols: ['http', 'https'],
    description: 'where their webhooks go, without the name of the protocol at the end',
  }),
  stripeSecretKey: secretVar('STRIPE_SECRET_KEY', { optional: true, minLength: 8 }),
  stripeWebhookSecret: secretVar('STRIPE_WEBHOOK_SECRET', { optional: true, minLength: 8 }),
  paystackSecretKey: secretVar('PAYSTACK_SECRET_KEY', { optional: true, minLength: 8 }),
  flutterwaveSecretKey: secretVar('FLUTTERWAVE_SECRET_KEY', { optional: true, minLength: 8 }),
  flutterwaveWebhookHash: secretVar('FLUTTERWAVE_WEBHOOK_HASH', { optional: true, minLength: 8 }),
  smppSystemId: textVar('SMPP_SYSTEM_ID', { maxLength: 15 }),
  smppPassword: secretVar('SMPP_PASSWORD', { minLength: 1, maxLength: 64 }),
});
export type SimulatorConfig = ConfigOf<typeof simulatorConfig>;
