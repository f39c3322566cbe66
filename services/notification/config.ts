import {
  addressVar,
  booleanVar,
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

export const notificationConfig = defineConfig({
  ...processConfig,
  ...grpcConfig,
  ...databaseConfig,
  authAddress: addressVar('AUTH_GRPC_ADDRESS'),
  mailboxUrl: urlVar('MAILBOX_URL', { protocols: ['http', 'https'], description: 'mailbox of the simulator: http://host:port/mailbox' }),
  publicUrl: urlVar('PUBLIC_URL', { protocols: ['http', 'https'], description: 'where links in mails lead' }),
  mailFrom: textVar('MAIL_FROM', { default: 'Namaskah <no-reply@namaskah.example>', description: 'sender of mails' }),
  mailTimeoutMs: durationVar('MAIL_TIMEOUT_MS', { default: 5_000, min: 50 }),
  sendIntervalMs: durationVar('SEND_INTERVAL_MS', { default: 1_000, min: 10, description: 'how often due mails are looked for' }),
  retryFirstMs: durationVar('RETRY_FIRST_MS', { default: 5_000, min: 10, description: 'first repetition; triples up to an hour' }),
  verificationAddress: addressVar('VERIFICATION_GRPC_ADDRESS', { description: 'numbers and codes for webhooks' }),
  encryptionKey: secretVar('NOTIFICATION_ENCRYPTION_KEY', {
    pattern: /^[A-Za-z0-9+/]{43}=$/,
    description: '32 bytes in base64: webhook secrets at rest',
  }),
  webhookAllowHttpLoopback: booleanVar('WEBHOOK_ALLOW_HTTP_LOOPBACK', {
    default: false,
    description: 'http to this very machine is allowed as a webhook address; refused in production',
  }),
  webhookConcurrency: integerVar('WEBHOOK_CONCURRENCY', { default: 128, min: 8, max: 1_000, description: 'requests in flight' }),
});

export type NotificationConfig = ConfigOf<typeof notificationConfig>;
