import type { MemberRole } from './roles.ts';

/** Who calls: a person in a session, or an API key. */
export interface Actor {
  readonly tenantId: string;
  readonly kind: 'user' | 'key';
  /** Of the user or the key. */
  readonly id: string;
  readonly role: MemberRole;
  readonly scopes: readonly string[];
  readonly sessionId?: string;
}
