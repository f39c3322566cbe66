/** What the gateway needs to know about a caller, and from whom it learns it. */
/** operator: runs the platform; people only, beside their role in their own tenant. */
export type Role = 'owner' | 'admin' | 'staff' | 'viewer' | 'operator';

export type Scope =
  | 'verifications:read'
  | 'verifications:write'
  | 'wallet:read'
  | 'payments:read'
  | 'payments:write'
  | 'transactions:read'
  | 'contacts:read'
  | 'contacts:write'
  | 'campaigns:read'
  | 'campaigns:write'
  | 'analytics:read'
  | 'api-keys:read'
  | 'api-keys:write'
  | 'members:read'
  | 'members:write'
  | 'usage:read'
  | 'usage:write'
  | 'budgets:read'
  | 'budgets:write'
  | 'webhooks:read'
  | 'webhooks:write'
  | 'catalog:read';

export interface Caller {
  readonly tenantId: string;
  /** 'user:<uuid>' or 'key:<uuid>' */
  readonly subject: string;
  readonly roles: readonly Role[];
  /** '*' or scopes */
  readonly scopes: readonly string[];
  readonly plan: string;
  readonly sessionId?: string;
}

export interface CredentialVerifier {
  /**
   * At once for a credential that is known, which nearly all are: a promise at every step is felt on every request.
   * @throws auth.unauthenticated, auth.token_expired; a promise rejects with them
   */
  verify(credential: string): Caller | Promise<Caller>;
}
