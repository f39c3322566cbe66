import { isUuid } from '#platform/ids/index.ts';
import type { AdjustmentStatus } from '../../domain/adjustment.ts';
import { check, refuseInvalid } from '../checks.ts';
import type { PageAsk } from '../ports.ts';
import type { AdjustmentPage, AdjustmentReader } from './ports.ts';

/** Of all tenants, newest first; an empty tenant and an undefined status let everything through. @throws request.invalid */
export const listAdjustments =
  ({ reader }: { readonly reader: AdjustmentReader }) =>
  async (tenantId: string, status: AdjustmentStatus | undefined, page: PageAsk): Promise<AdjustmentPage> => {
    refuseInvalid(check(tenantId === '' || isUuid(tenantId), 'tenant_id', 'Must be the id of a tenant.'));
    return reader.list({ ...(tenantId !== '' && { tenantId }), ...(status !== undefined && { status }) }, page);
  };
