/**
 * The demo customer of a local platform: registered, with a verified address, plan enterprise, an API key and some credit; and
 * a platform operator beside it.
 * Safe to repeat: what exists is kept, what a crash left out is made up for.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { isAppError } from '#platform/errors/index.ts';
import { grpcClient, systemPrincipal, type Principal } from '#platform/grpc/index.ts';
import { ApiKeyServiceClient, AuthInternalServiceClient, AuthServiceClient } from '#proto/namaskah/auth/v1/auth.ts';
import { LedgerServiceClient } from '#proto/namaskah/billing/v1/billing.ts';
import { changeOperator } from '../services/auth/operators.ts';
import { readJson, writePrivateJson } from './secrets.ts';

/** What `<dataDir>/demo.json` holds. */
export interface DemoAccount {
  readonly gateway: string;
  readonly email: string;
  readonly password: string;
  readonly apiKey: string;
  /** Runs the platform: opens /v2/admin/… */
  readonly operatorEmail: string;
  readonly operatorPassword: string;
}

export interface SeedOptions {
  readonly dataDir: string;
  readonly gatewayUrl: string;
  readonly authAddress: string;
  readonly billingAddress: string;
  readonly principalKey: string;
  /** For a new account; an existing one keeps its own. */
  readonly password: string;
  readonly operatorPassword: string;
  /** Operators are made in the database: no API does it. */
  readonly authDatabaseUrl: string;
}

const caller = 'seed';
/** Argon2 on a busy machine takes its time. */
const deadlineMs = 15_000;
const credit = { currency: 'USD', micros: 50_000_000n };

export const demoFile = (dataDir: string): string => join(dataDir, 'demo.json');

const tenantOf = (accessToken: string): { tenantId: string; userId: string } => {
  // Issued by our own auth service a moment ago: read, not verified.
  const claims = JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
  const tenantId = claims['tid'];
  const userId = claims['sub'];
  if (typeof tenantId !== 'string' || typeof userId !== 'string') throw new Error('the access token names no tenant');
  return { tenantId, userId };
};

export const seedDemo = async (options: SeedOptions): Promise<DemoAccount> => {
  const { authAddress, billingAddress, principalKey } = options;
  const common = { principalKey, caller, defaultDeadlineMs: deadlineMs };
  const auth = grpcClient(AuthServiceClient, { ...common, address: authAddress });
  const internal = grpcClient(AuthInternalServiceClient, { ...common, address: authAddress });
  const keys = grpcClient(ApiKeyServiceClient, { ...common, address: authAddress });
  const ledger = grpcClient(LedgerServiceClient, { ...common, address: billingAddress });

  const login = async (email: string, password: string): Promise<string | undefined> => {
    try {
      const { tokens } = await auth.login({ email, password, userAgent: 'make up', ipAddress: '127.0.0.1' }, {});
      return tokens?.accessToken;
    } catch (error) {
      if (isAppError(error, 'auth.invalid_credentials')) return undefined;
      throw error;
    }
  };

  const keyWorks = async (key: string): Promise<boolean> => {
    try {
      await keys.verifyApiKey({ key }, {});
      return true;
    } catch (error) {
      if (isAppError(error) && error.row.owner === 'client') return false;
      throw error;
    }
  };

  /** Registers where necessary. @returns the address that the password opens, with an access token */
  const findOrRegister = async (email: string, password: string, organization: string): Promise<string | undefined> => {
    const existing = await login(email, password);
    if (existing !== undefined) return existing;
    // The answer is the same for a known address: only the login tells.
    await auth.register({ email, password, organization }, {});
    return login(email, password);
  };

  /** Somebody with this password and a verified address. `name` is what is before the @. */
  const person = async (name: string, organization: string, known: { email?: string | undefined; password: string }) => {
    let email = known.email ?? `${name}@namaskah.example`;
    let token = await findOrRegister(email, known.password, organization);
    if (token === undefined) {
      // The address exists with another password (changed by hand, or demo.json is of another database): take a new one.
      email = `${name}-${randomBytes(3).toString('hex')}@namaskah.example`;
      token = await findOrRegister(email, known.password, organization);
    }
    if (token === undefined) throw new Error(`${email} was registered but cannot log in`);
    const { tenantId, userId } = tenantOf(token);
    const { token: proof } = await internal.issueEmailVerification({ userId }, { principal: systemPrincipal(caller, tenantId) });
    if (proof !== '') await auth.verifyEmail({ token: proof }, {});
    return { email, tenantId, userId };
  };

  try {
    const kept = await readJson<DemoAccount>(demoFile(options.dataDir));
    const password = kept?.password ?? options.password;
    const operatorPassword = kept?.operatorPassword ?? options.operatorPassword;
    const [{ email, tenantId, userId }, operator] = await Promise.all([
      person('demo', 'Demo', { email: kept?.email, password }),
      person('operator', 'Namaskah', { email: kept?.operatorEmail, password: operatorPassword }),
    ]);
    await changeOperator(options.authDatabaseUrl, { email: operator.email, isOperator: true, by: 'make up' });
    const system = { principal: systemPrincipal(caller, tenantId) };
    await internal.setTenantPlan({ tenantId, plan: 'enterprise' }, system);
    await ledger.grantCredit(
      { idempotencyKey: `demo-credit-${tenantId}`, tenantId, amount: credit, reason: 'Welcome to the demo' },
      system,
    );

    let apiKey = kept?.email === email ? kept.apiKey : undefined;
    if (apiKey === undefined || !(await keyWorks(apiKey))) {
      const owner: Principal = { tenantId, subject: `user:${userId}`, roles: ['owner'], scopes: ['*'], plan: 'enterprise' };
      const idempotencyKey = `demo-${randomBytes(9).toString('base64url')}`;
      const created = await keys.createApiKey({ name: 'Demo', scopes: [], expiresAt: undefined, idempotencyKey }, { principal: owner });
      apiKey = created.key;
    }
    const account: DemoAccount = {
      gateway: options.gatewayUrl,
      email,
      password,
      apiKey,
      operatorEmail: operator.email,
      operatorPassword,
    };
    await writePrivateJson(demoFile(options.dataDir), account);
    return account;
  } finally {
    await Promise.allSettled([auth.close(), internal.close(), keys.close(), ledger.close()]);
  }
};
