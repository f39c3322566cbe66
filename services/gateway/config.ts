import {
  addressVar,
  defineConfig,
  durationVar,
  integerVar,
  numberVar,
  portVar,
  processConfig,
  textVar,
  urlVar,
  type ConfigOf,
} from '#platform/config/index.ts';

export const gatewayConfig = defineConfig({
  ...processConfig,
  host: textVar('GATEWAY_HOST', { default: '127.0.0.1', description: 'Address to listen on' }),
  port: portVar('GATEWAY_PORT', { default: 8080, description: 'Public HTTP port; 0 takes a free one' }),
  publicUrl: urlVar('PUBLIC_URL', {
    default: 'http://127.0.0.1:8080',
    description: 'How customers reach this gateway; issuer of access tokens',
  }),
  corsOrigins: textVar('CORS_ORIGINS', {
    default: '',
    minLength: 0,
    description: 'Comma-separated origins that browsers may call from; empty: none',
  }),
  rateLimitFactor: numberVar('RATE_LIMIT_FACTOR', { min: 0.01, max: 100_000, default: 1, description: "Multiplies every plan's limit" }),
  requestBudgetMs: integerVar('REQUEST_BUDGET_MS', {
    min: 100,
    max: 60_000,
    default: 10_000,
    description: 'Deadline of one request, passed on to every hop',
  }),
  bodyLimitBytes: integerVar('BODY_LIMIT_BYTES', {
    min: 1024,
    max: 16_777_216,
    default: 262_144,
    description: 'Largest accepted request body',
  }),
  maxEventLoopDelayMs: integerVar('MAX_EVENT_LOOP_DELAY_MS', {
    min: 50,
    max: 60_000,
    default: 1_000,
    description: 'Above this, requests are refused with 503',
  }),
  usageReportIntervalMs: integerVar('USAGE_REPORT_INTERVAL_MS', {
    min: 50,
    max: 60_000,
    default: 5_000,
    description: 'between two reports of counted requests to billing; a killed process loses at most these',
  }),
  streamWindowEvents: integerVar('STREAM_WINDOW_EVENTS', {
    min: 10,
    max: 1_000_000,
    default: 20_000,
    description: 'newest events of all tenants kept in memory for open streams; about 1 kB each',
  }),
  streamRetentionMs: durationVar('STREAM_RETENTION_MS', {
    default: 86_400_000,
    description: 'how old a last event id may be to be resumed',
  }),
  authAddress: addressVar('AUTH_GRPC_ADDRESS'),
  billingAddress: addressVar('BILLING_GRPC_ADDRESS'),
  verificationAddress: addressVar('VERIFICATION_GRPC_ADDRESS'),
  campaignAddress: addressVar('CAMPAIGN_GRPC_ADDRESS'),
  analyticsAddress: addressVar('ANALYTICS_GRPC_ADDRESS'),
  notificationAddress: addressVar('NOTIFICATION_GRPC_ADDRESS'),
});

export type GatewayConfig = ConfigOf<typeof gatewayConfig>;
