import {
  databaseConfig,
  defineConfig,
  grpcConfig,
  grpcTlsConfig,
  processConfig,
  secretVar,
  urlVar,
  type ConfigOf,
} from '#platform/config/index.ts';

export const authConfig = defineConfig({
  ...processConfig,
  ...grpcConfig,
  ...grpcTlsConfig,
  ...databaseConfig,
  encryptionKey: secretVar('AUTH_ENCRYPTION_KEY', {
    pattern: /^[A-Za-z0-9+/]{43}=$/,
    description: '32 bytes in base64: signing keys and pending tokens at rest, refresh tokens',
  }),
  publicUrl: urlVar('PUBLIC_URL', { description: 'issuer of access tokens', protocols: ['http', 'https'] }),
});
export type AuthConfig = ConfigOf<typeof authConfig>;
