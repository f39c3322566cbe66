import { dayMs } from '#platform/time/index.ts';
import { isProduct, products } from '../../domain/ledger.ts';
import { check, checkText, isDay, refuseInvalid } from '../checks.ts';
import type { MarginLine, MarginReader } from './ports.ts';

export interface MarginRequest {
  readonly from: string;
  readonly to: string;
  /** Empty: all. */
  readonly product: string;
  readonly provider: string;
}

const mostDays = 92;

const daysBetween = (from: string, to: string): number => (Date.parse(to) - Date.parse(from)) / dayMs + 1;

/**
 * What was charged, given back and paid to providers, by day (UTC), product and provider, over all tenants.
 * @throws request.invalid naming the field
 */
export const reportMargins =
  ({ margins }: { readonly margins: MarginReader }) =>
  async ({ from, to, product, provider }: MarginRequest): Promise<readonly MarginLine[]> => {
    const days = isDay(from) && isDay(to) ? daysBetween(from, to) : undefined;
    refuseInvalid(
      check(isDay(from), 'from', 'A day as YYYY-MM-DD.'),
      check(isDay(to), 'to', 'A day as YYYY-MM-DD.'),
      check(days === undefined || days >= 1, 'to', 'Must not be before from.'),
      check(days === undefined || days <= mostDays, 'to', `At most ${mostDays} days.`),
      check(product === '' || isProduct(product), 'product', `One of ${products.join(', ')}.`),
      checkText(provider, 'provider', 100),
    );
    return margins.margins({
      from,
      to,
      product: isProduct(product) ? product : undefined,
      provider: provider === '' ? undefined : provider,
    });
  };
