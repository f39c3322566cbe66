import { isUuid } from '#platform/ids/index.ts';
import { check, refuseInvalid } from '../checks.ts';
import type { PageAsk } from '../ports.ts';
import type { Disputes } from './ports.ts';

const statuses = ['', 'open', 'won', 'lost'];

export interface DisputeFilter {
  /** Empty: of all payments. */
  readonly paymentId: string;
  /** Empty: any. */
  readonly status: string;
}

/** Disputes, newest first, of a tenant or, for operators, of all (undefined). @throws request.invalid */
export const listDisputes =
  ({ disputes }: { readonly disputes: Pick<Disputes, 'list'> }) =>
  async (tenantId: string | undefined, { paymentId, status }: DisputeFilter, page: PageAsk): ReturnType<Disputes['list']> => {
    refuseInvalid(
      check(paymentId === '' || isUuid(paymentId), 'payment_id', 'Must be an id.'),
      check(statuses.includes(status), 'status', 'One of open, won, lost.'),
      check(tenantId === undefined || isUuid(tenantId), 'tenant_id', 'Must be an id.'),
    );
    const filter = { tenantId, paymentId: paymentId || undefined, status: status || undefined };
    return disputes.list(filter, page);
  };
