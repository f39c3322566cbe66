import { newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { emailVerificationRequested, tenantRegistered, userRegistered } from '../domain/facts.ts';
import { firstPlan } from '../domain/plans.ts';
import { requireEmail, requireStrongPassword, requireText } from './credentials.ts';
import type { Accounts, PasswordHasher, TenantView, UserView } from './ports.ts';

export interface RegisterDeps {
  readonly accounts: Accounts;
  readonly passwords: PasswordHasher;
  readonly breached: ReadonlySet<string>;
  readonly requestVerificationMail: (email: string) => Promise<void>;
  readonly clock: Clock;
}
export interface RegisterInput {
  readonly email: string;
  readonly password: string;
  readonly organization: string;
}

export interface Registered {
  readonly user: UserView;
  readonly tenant: TenantView;
  /** For our own figures; never told to the caller. */
  readonly isNew: boolean;
}

/**
 * A new tenant with its owner. Whoever asks for an address that has an account gets the same answer after the same
 * work, with ids that exist nowhere; the password given is thrown away, and an unverified owner gets another mail.
 * @throws request.invalid, auth.weak_password, auth.busy
 */
export const register =
  (deps: RegisterDeps) =>
  async (input: RegisterInput): Promise<Registered> => {
    const email = requireEmail(input.email);
    const name = requireText(input.organization, 'organization', 120);
    requireStrongPassword(input.password, { email, organization: name }, deps.breached);
    const passwordHash = await deps.passwords.hash(input.password);

    const createdAt = deps.clock.now();
    const user = { id: newId(), email, createdAt };
    const tenant = { id: newId(), name, plan: firstPlan, createdAt };
    const occasion = { tenantId: tenant.id, at: createdAt };
    const isNew = await deps.accounts.register({ user: { ...user, passwordHash }, tenant }, [
      tenantRegistered(occasion, tenant.plan),
      userRegistered(occasion, user.id, 'owner'),
      emailVerificationRequested(occasion, user.id),
    ]);
    if (!isNew) await deps.requestVerificationMail(email);
    return { user, tenant, isNew };
  };
