import { appError } from '#platform/errors/index.ts';
import type { Adjustment, BalancePorts } from './ports.ts';

/** Newest first. @throws request.not_found for a name that is no provider's */
export const listAdjustments =
  ({ balances, providers }: Pick<BalancePorts, 'balances' | 'providers'>) =>
  async (query: {
    provider: string;
    before: string | undefined;
    limit: number;
  }): Promise<{ rows: readonly Adjustment[]; next: string | undefined }> => {
    if (!providers.includes(query.provider)) throw appError('request.not_found');
    const rows = await balances.list({ ...query, limit: query.limit + 1 });
    const page = rows.slice(0, query.limit);
    return { rows: page, next: rows.length > query.limit ? page.at(-1)?.id : undefined };
  };
