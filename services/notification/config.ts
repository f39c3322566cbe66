import {
  addressVar,
  type ConfigOf,
  databaseConfig,
  defineConfig,
  durationVar,
  grpcConfig,
  processConfig,
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
});

export type NotificationConfig = ConfigOf<typeof notificationConfig>;
