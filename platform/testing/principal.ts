import type { Principal } from '#platform/grpc/index.ts';
import { newId } from '#platform/ids/index.ts';

/** Signs the principals of tests. */
export const testPrincipalKey = 'test-principal-key-0123456789abcdef0123456789';

/** A principal of a new tenant, unless told otherwise. */
export const testPrincipal = (overrides: Partial<Principal> = {}): Principal => ({
  tenantId: newId(),
  subject: `user:${newId()}`,
  roles: ['owner'],
  scopes: [],
  plan: 'free',
  ...overrides,
});
