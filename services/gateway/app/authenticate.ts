/** Turns an Authorization header into a caller: access tokens are checked here, API keys by the auth service (cached). */
import { appError } from '#platform/errors/index.ts';
import type { Caller, CredentialVerifier } from './ports.ts';

export interface AuthenticateDependencies {
  readonly tokens: CredentialVerifier;
  readonly apiKeys: CredentialVerifier;
  /** True for text that has the form of an API key (not: that it is one). */
  readonly looksLikeApiKey: (credential: string) => boolean;
}

/** Longer than any token we issue; keeps hostile headers away from the parsers. */
const maxCredentialLength = 4096;

/** At once when the verifiers answer at once. */
export type Authenticate = (authorization: string | undefined) => Caller | undefined | Promise<Caller | undefined>;

/**
 * @returns undefined when there is no Authorization header at all.
 * @throws auth.unauthenticated when there is one and it is not a valid bearer credential.
 */
export const authenticate =
  ({ tokens, apiKeys, looksLikeApiKey }: AuthenticateDependencies): Authenticate =>
  (authorization) => {
    if (authorization === undefined) return undefined;
    const match = /^Bearer +([\x21-\x7e]+)$/i.exec(authorization);
    const credential = match?.[1];
    if (credential === undefined || credential.length > maxCredentialLength) {
      throw appError('auth.unauthenticated', { message: 'Send "Authorization: Bearer <access token or API key>".' });
    }
    return looksLikeApiKey(credential) ? apiKeys.verify(credential) : tokens.verify(credential);
  };
