import {
  addressVar,
  type ConfigOf,
  databaseConfig,
  defineConfig,
  durationVar,
  grpcConfig,
  grpcTlsConfig,
  integerVar,
  numberVar,
  processConfig,
  secretVar,
  textVar,
  urlVar,
} from '#platform/config/index.ts';

/** Also read by keys.ts. */
export const encryptionConfig = {
  encryptionKey: secretVar('VERIFICATION_ENCRYPTION_KEY', {
    pattern: /^[A-Za-z0-9+/]{43}=$/,
    description: '32 bytes in base64: wraps the keys of message texts at rest',
  }),
  encryptionKeysPrevious: secretVar('VERIFICATION_ENCRYPTION_KEYS_PREVIOUS', {
    optional: true,
    pattern: /^[A-Za-z0-9+/]{43}=(?:,[A-Za-z0-9+/]{43}=){0,4}$/,
    description: 'what VERIFICATION_ENCRYPTION_KEY was before, newest first, comma between; until all keys are wrapped anew',
  }),
} as const;

/** Everything this process reads from its environment. */
export const verificationConfig = defineConfig({
  ...processConfig,
  ...grpcConfig,
  ...grpcTlsConfig,
  ...databaseConfig,
  billingAddress: addressVar('BILLING_GRPC_ADDRESS'),
  handlerApiUrl: urlVar('PROVIDER_HANDLER_API_URL', { protocols: ['http', 'https'], description: 'ends in /stubs/handler_api.php' }),
  handlerApiKey: secretVar('PROVIDER_HANDLER_API_KEY', { minLength: 8, description: 'our key at the provider' }),
  handlerApiConnections: integerVar('PROVIDER_HANDLER_API_CONNECTIONS', { default: 128, min: 1, max: 2_000, description: 'calls at once' }),
  handlerApiCancelAfterMs: durationVar('PROVIDER_HANDLER_API_CANCEL_AFTER_MS', {
    default: 0,
    description: 'how long after a purchase this provider takes nothing back; HeroSMS: 120000',
  }),
  fiveSimUrl: urlVar('PROVIDER_FIVE_SIM_URL', {
    optional: true,
    protocols: ['http', 'https'],
    description: 'with the version: https://5sim.net/v1',
  }),
  fiveSimToken: secretVar('PROVIDER_FIVE_SIM_TOKEN', { optional: true, minLength: 8, description: 'absent: 5sim is not used' }),
  textVerifiedUrl: urlVar('PROVIDER_TEXTVERIFIED_URL', {
    optional: true,
    protocols: ['http', 'https'],
    description: 'with the version: https://www.textverified.com/api/pub/v2',
  }),
  textVerifiedKey: secretVar('PROVIDER_TEXTVERIFIED_KEY', {
    optional: true,
    minLength: 8,
    description: 'absent: TextVerified is not used',
  }),
  textVerifiedUsername: textVar('PROVIDER_TEXTVERIFIED_USERNAME', { optional: true }),
  textVerifiedWebhookSecret: secretVar('PROVIDER_TEXTVERIFIED_WEBHOOK_SECRET', {
    optional: true,
    minLength: 8,
    description: 'absent: its numbers are polled',
  }),
  pushSecret: secretVar('PROVIDER_PUSH_SECRET', { minLength: 16, description: 'in the address that the provider pushes to' }),
  callbackUrl: urlVar('PROVIDER_CALLBACK_URL', {
    optional: true,
    protocols: ['http', 'https'],
    description: 'our address as providers reach it, ends in /v2/callbacks/providers; named with each rental. Absent: rentals are polled',
  }),
  ...encryptionConfig,
  purchaseMs: durationVar('PURCHASE_MS', { default: 4_000, min: 100, description: 'from the row to the last moment to ask the provider' }),
  providerTimeoutMs: durationVar('PROVIDER_TIMEOUT_MS', { default: 5_000, min: 50 }),
  reconcileGraceMs: durationVar('RECONCILE_GRACE_MS', {
    default: 10_000,
    description: "until a lost purchase must show in the provider's list",
  }),
  activationMs: durationVar('ACTIVATION_MS', {
    default: 20 * 60_000,
    min: 1_000,
    description: 'life of a number when the provider names none',
  }),
  holdMs: durationVar('HOLD_MS', {
    default: 2 * 60 * 60_000,
    min: 90 * 60_000,
    description: 'life of the hold behind a purchase; a number lives at most as long, less GIVE_UP_MS and an hour for its settlement',
  }),
  quoteKeepMs: durationVar('QUOTE_KEEP_MS', {
    default: 60_000,
    min: 0,
    max: 300_000,
    description: "how long a tenant's price is used again before billing is asked anew",
  }),
  pollFirstMs: durationVar('POLL_FIRST_MS', {
    default: 20_000,
    min: 50,
    description: 'first look at a number that got no push; a safety net, the provider pushes',
  }),
  pollMaxMs: durationVar('POLL_MAX_MS', { default: 60_000, min: 50 }),
  finishDelayMs: durationVar('FINISH_DELAY_MS', {
    default: 60_000,
    description: 'from the code to telling the provider that we are done: so long another code can be asked for',
  }),
  retryMs: durationVar('RETRY_MS', { default: 1_000, min: 10, description: 'first repetition of a call without an answer' }),
  retryMaxMs: durationVar('RETRY_MAX_MS', { default: 30_000, min: 10 }),
  giveUpMs: durationVar('GIVE_UP_MS', {
    default: 4 * 60_000,
    description: 'how long a silent provider is asked after the end of a number',
  }),
  finishAttempts: integerVar('FINISH_ATTEMPTS', { default: 8, min: 1, max: 100 }),
  routeAttempts: integerVar('ROUTE_ATTEMPTS', { default: 3, min: 1, max: 10, description: 'providers asked for one number, at most' }),
  routeExploreShare: numberVar('ROUTE_EXPLORE_SHARE', {
    default: 0.05,
    min: 0,
    max: 0.5,
    description: 'of purchases, for routes that may be better than the best known',
  }),
  routeHalfLifeMs: durationVar('ROUTE_HALF_LIFE_MS', {
    default: 6 * 3_600_000,
    min: 60_000,
    description: 'after which an observation of a route counts half; change it only with empty route_tallies',
  }),
  routeRefreshMs: durationVar('ROUTE_REFRESH_MS', {
    default: 2_000,
    min: 50,
    max: 60_000,
    description: 'between two looks at what others learnt',
  }),
  marketRefreshMs: durationVar('MARKET_REFRESH_MS', {
    default: 300_000,
    min: 1_000,
    description: "between two readings of a provider's price list",
  }),
  bulkBuyMs: durationVar('BULK_BUY_MS', {
    default: 15 * 60_000,
    min: 1_000,
    max: 24 * 3_600_000,
    description: 'from a bulk order to its last purchase',
  }),
  bulkConcurrency: integerVar('BULK_CONCURRENCY', {
    default: 16,
    min: 1,
    max: 1_000,
    description: 'purchases of bulk orders at once, in one process',
  }),
  bulkLookMs: durationVar('BULK_LOOK_MS', {
    default: 15_000,
    min: 50,
    description: 'between two looks at a bulk order that waits for codes; an end that is noticed is looked at anyway',
  }),
  policyLimitFactor: numberVar('POLICY_LIMIT_FACTOR', {
    min: 0.01,
    max: 1_000_000,
    default: 1,
    description: 'multiplies every limit of data/policy/levels.json; for load tests',
  }),
  schedulerTickMs: durationVar('SCHEDULER_TICK_MS', { default: 250, min: 10 }),
  schedulerLimit: integerVar('SCHEDULER_LIMIT', {
    default: 32,
    min: 1,
    max: 1_000,
    description: 'rows per batch and calls to providers at once',
  }),
  schedulerLeaseMs: durationVar('SCHEDULER_LEASE_MS', { default: 45_000, min: 100, description: 'longer than the slowest step' }),
});

export type VerificationConfig = ConfigOf<typeof verificationConfig>;
