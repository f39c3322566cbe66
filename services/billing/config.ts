import {
  type ConfigOf,
  databaseConfig,
  defineConfig,
  durationVar,
  grpcConfig,
  integerVar,
  processConfig,
  secretVar,
  textVar,
  urlVar,
} from '#platform/config/index.ts';
import { dayMs, hourMs, minuteMs } from '#platform/time/index.ts';

export const billingConfig = defineConfig({
  ...processConfig,
  ...grpcConfig,
  ...databaseConfig,
  paymentSimulatorUrl: urlVar('PAYMENT_SIMULATOR_URL', { description: 'base address of the payment gateway' }),
  paymentSimulatorSecret: secretVar('PAYMENT_SIMULATOR_SECRET', {
    minLength: 8,
    description: 'bearer of its API and key of its webhook signature',
  }),
  stripeApiUrl: urlVar('STRIPE_API_URL', { optional: true, description: "instead of Stripe's own address" }),
  stripeSecretKey: secretVar('STRIPE_SECRET_KEY', {
    optional: true,
    minLength: 8,
    description: 'with STRIPE_WEBHOOK_SECRET: stripe is offered',
  }),
  stripeWebhookSecret: secretVar('STRIPE_WEBHOOK_SECRET', { optional: true, minLength: 8 }),
  paystackApiUrl: urlVar('PAYSTACK_API_URL', { default: 'https://api.paystack.co' }),
  paystackSecretKey: secretVar('PAYSTACK_SECRET_KEY', { optional: true, minLength: 8, description: 'paystack is offered' }),
  flutterwaveApiUrl: urlVar('FLUTTERWAVE_API_URL', { default: 'https://api.flutterwave.com' }),
  flutterwaveSecretKey: secretVar('FLUTTERWAVE_SECRET_KEY', {
    optional: true,
    minLength: 8,
    description: 'with FLUTTERWAVE_WEBHOOK_HASH: flutterwave is offered',
  }),
  flutterwaveWebhookHash: secretVar('FLUTTERWAVE_WEBHOOK_HASH', { optional: true, minLength: 8 }),
  paymentContactEmail: textVar('PAYMENT_CONTACT_EMAIL', {
    default: 'payments@namaskah.example',
    description: "given to gateways that want a customer's address",
  }),
  publicUrl: urlVar('PUBLIC_URL', { description: 'where webhooks arrive and customers return to' }),
  paymentTimeoutMs: durationVar('PAYMENT_TIMEOUT_MS', { default: 5_000, description: 'of one call to a payment gateway' }),
  paymentFirstCheckMs: durationVar('PAYMENT_FIRST_CHECK_MS', {
    default: 15 * minuteMs,
    description: 'age at which a pending payment is asked about',
  }),
  reconcileIntervalMs: durationVar('PAYMENT_RECONCILE_INTERVAL_MS', {
    default: 15_000,
    description: 'between two looks for payments that are due',
  }),
  notificationIntervalMs: durationVar('PAYMENT_NOTIFICATION_INTERVAL_MS', {
    default: 1_000,
    description: 'between two looks for stored webhooks',
  }),
  refundIntervalMs: durationVar('PAYMENT_REFUND_INTERVAL_MS', {
    default: 1_000,
    description: 'between two looks for refunds that are due',
  }),
  disputeIntervalMs: durationVar('PAYMENT_DISPUTE_INTERVAL_MS', {
    default: 600_000,
    description: 'between two looks at the disputes that gateways list; a webhook makes it sooner',
  }),
  topUpIntervalMs: durationVar('PAYMENT_TOP_UP_INTERVAL_MS', {
    default: 2_000,
    description: 'between two looks for wallets that run low and top themselves up',
  }),
  paymentGateways: textVar('PAYMENT_GATEWAYS', {
    default: 'stripe,paystack,flutterwave,simulator',
    description: 'in which order gateways are chosen where the customer does not say; those without keys are left out',
  }),
  renewalIntervalMs: durationVar('RENEWAL_INTERVAL_MS', {
    default: 2_000,
    description: 'between two looks for subscriptions that are due',
  }),
  sweepIntervalMs: durationVar('HOLD_SWEEP_INTERVAL_MS', { default: 5_000, description: 'between two looks for holds that are due' }),
  issuerCode: textVar('ISSUER_CODE', { default: 'NMK', description: 'what numbers of documents begin with; numbers are counted per code' }),
  issuerName: textVar('ISSUER_NAME', { default: 'Namaskah', description: 'who issues invoices' }),
  issuerAddress: textVar('ISSUER_ADDRESS', { default: '', minLength: 0, description: 'lines separated by semicolons' }),
  issuerTaxRegistrations: textVar('ISSUER_TAX_REGISTRATIONS', {
    default: '',
    minLength: 0,
    description: 'countries in which tax is charged, such as GB,NO; EU: all members; empty: ISSUER_COUNTRY, if there is an ISSUER_TAX_ID',
  }),
  issuerCountry: textVar('ISSUER_COUNTRY', { default: '', minLength: 0, description: 'ISO 3166-1 alpha-2' }),
  issuerTaxId: textVar('ISSUER_TAX_ID', { default: '', minLength: 0 }),
  invoiceGraceMs: durationVar('INVOICE_GRACE_MS', {
    default: hourMs,
    description: 'how long after the end of a billing month it is closed: what is still being booked belongs to it',
  }),
  invoiceIntervalMs: durationVar('INVOICE_INTERVAL_MS', {
    default: minuteMs,
    description: 'between two looks for billing months that are over',
  }),
  receiptIntervalMs: durationVar('RECEIPT_INTERVAL_MS', {
    default: 2_000,
    description: 'between two looks for payments without a receipt',
  }),
  auditHour: integerVar('AUDIT_HOUR', { default: 3, min: 0, max: 23, description: 'UTC: the books are audited once a day, not before' }),
  auditIntervalMs: durationVar('AUDIT_INTERVAL_MS', { default: 30_000, description: 'between two looks whether an audit is due' }),
  adjustmentApprovalLimit: textVar('ADJUSTMENT_APPROVAL_LIMIT', {
    default: 'USD:100.00',
    description: 'by currency: what one operator may do to one tenant alone within 24 hours',
  }),
  adjustmentLifetimeMs: durationVar('ADJUSTMENT_LIFETIME_MS', {
    default: 7 * dayMs,
    description: 'how long a proposal waits for a second operator',
  }),
  adjustmentSweepIntervalMs: durationVar('ADJUSTMENT_SWEEP_INTERVAL_MS', {
    default: minuteMs,
    description: 'between two looks for proposals nobody decided on',
  }),
  sealIntervalMs: durationVar('LEDGER_SEAL_INTERVAL_MS', { default: 1_000, description: 'between two blocks of the chain of transfers' }),
  usageChargeIntervalMs: durationVar('USAGE_CHARGE_INTERVAL_MS', {
    default: 5_000,
    description: 'between two looks for usage to rate and charge',
  }),
  usageChargeMinimum: textVar('USAGE_CHARGE_MINIMUM', { default: '0.10', description: 'USD: a smaller difference waits for more usage' }),
  usageChargeWaitMs: durationVar('USAGE_CHARGE_WAIT_MS', { default: 60 * minuteMs, description: 'how long it waits at most' }),
  usageAlertIntervalMs: durationVar('USAGE_ALERT_INTERVAL_MS', {
    default: 2_000,
    description: 'between two looks at the values of alerts',
  }),
});
export type BillingConfig = ConfigOf<typeof billingConfig>;
