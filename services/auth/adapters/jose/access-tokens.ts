import { exportJWK, generateKeyPair, calculateJwkThumbprint, importJWK, SignJWT } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { appError } from '#platform/errors/index.ts';
import type { AccessTokens, SigningKeyFactory, StoredSigningKey, Vault } from '../../app/ports.ts';
import { signingKeyPurpose } from '../../app/keep-signing-keys.ts';
import { accessTokenLifeMs } from '../../domain/session.ts';
import { publishedKeys, signingKeyAt } from '../../domain/signing-keys.ts';

const algorithm = 'EdDSA';
const notLoaded = () => appError('platform.unavailable', { retryAfterMs: 1_000 });
const audience = 'namaskah';

/** The key id is the RFC 7638 thumbprint of the public key. */
export const signingKeyFactory: SigningKeyFactory = {
  create: async () => {
    const { privateKey, publicKey } = await generateKeyPair(algorithm, { crv: 'Ed25519', extractable: true });
    const [privateJwk, bare] = await Promise.all([exportJWK(privateKey), exportJWK(publicKey)]);
    const kid = await calculateJwkThumbprint(bare);
    return { kid, publicJwk: { ...bare, kid, alg: algorithm, use: 'sig' }, privateJwk: { ...privateJwk, kid, alg: algorithm } };
  },
};

interface LoadedKey {
  readonly kid: string;
  readonly publicJwk: StoredSigningKey['publicJwk'];
  readonly createdAt: Date;
  readonly signsFrom: Date;
  readonly privateKey: CryptoKey;
}

export interface AccessTokenSigner extends AccessTokens {
  /** Replaces the keys in memory by these; opened keys are kept. */
  load(keys: readonly StoredSigningKey[]): Promise<void>;
  isLoaded(): boolean;
}

export const createAccessTokens = (options: { readonly issuer: string; readonly vault: Vault }): AccessTokenSigner => {
  let keys: readonly LoadedKey[] = [];

  const open = async (stored: StoredSigningKey): Promise<LoadedKey> => {
    const known = keys.find((key) => key.kid === stored.kid);
    if (known !== undefined) return known;
    const jwk = JSON.parse(options.vault.open(stored.sealedPrivateJwk, signingKeyPurpose(stored.kid))) as JWK;
    const { kid, publicJwk, createdAt, signsFrom } = stored;
    return { kid, publicJwk, createdAt, signsFrom, privateKey: (await importJWK(jwk, algorithm)) as CryptoKey };
  };

  return {
    load: async (stored) => {
      keys = await Promise.all(stored.map(open));
    },
    sign: async (claims, now) => {
      const key = signingKeyAt(keys, now);
      if (key === undefined) throw notLoaded();
      const issuedAt = Math.floor(now.getTime() / 1000);
      const expiresInSeconds = accessTokenLifeMs / 1000;
      const { userId, tenantId, role, isOperator, plan, sessionId } = claims;
      const token = await new SignJWT({ tid: tenantId, role, plan, sid: sessionId, scopes: ['*'], ...(isOperator && { operator: true }) })
        .setProtectedHeader({ alg: algorithm, kid: key.kid, typ: 'at+jwt' })
        .setIssuer(options.issuer)
        .setAudience(audience)
        .setSubject(userId)
        .setIssuedAt(issuedAt)
        .setNotBefore(issuedAt)
        .setExpirationTime(issuedAt + expiresInSeconds)
        .setJti(crypto.randomUUID())
        .sign(key.privateKey);
      return { token, expiresInSeconds };
    },
    // Never an empty document: a verifier would believe and keep it.
    jwks: (now) => {
      if (keys.length === 0) throw notLoaded();
      return JSON.stringify({ keys: publishedKeys(keys, now).map((key) => key.publicJwk) });
    },
    isLoaded: () => keys.length > 0,
  };
};
