/** The closed list of what an API key can be limited to. `*` is everything its role allows. */
export const scopes = [
  '*',
  'verifications:read',
  'verifications:write',
  'wallet:read',
  'payments:read',
  'payments:write',
  'transactions:read',
  'contacts:read',
  'contacts:write',
  'campaigns:read',
  'campaigns:write',
  'analytics:read',
  'api-keys:read',
  'api-keys:write',
  'members:read',
  'members:write',
  'catalog:read',
  'usage:read',
  'usage:write',
  'budgets:read',
  'budgets:write',
  'webhooks:read',
  'webhooks:write',
] as const;
export type Scope = (typeof scopes)[number];

export const everyScope: readonly Scope[] = ['*'];

export const isScope = (text: string): text is Scope => (scopes as readonly string[]).includes(text);

/** Whether somebody who holds `granted` may hand out `wanted`. */
export const scopesCover = (granted: readonly string[], wanted: readonly string[]): boolean =>
  granted.includes('*') || wanted.every((scope) => granted.includes(scope));
