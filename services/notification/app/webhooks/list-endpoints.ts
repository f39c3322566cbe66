import type { Endpoints } from './ports.ts';

/** All of a tenant, oldest first. */
export const listEndpoints =
  ({ endpoints }: { endpoints: Pick<Endpoints, 'list'> }) =>
  (tenantId: string) =>
    endpoints.list(tenantId);
