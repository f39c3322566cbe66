import { check, isDay, refuseInvalid } from '../checks.ts';
import { isMeter, meterNames } from '../../domain/usage-meters.ts';
import type { PageAsk } from '../ports.ts';
import type { UsageReader } from './ports.ts';

export const checkMeter = (meter: string) => check(meter === '' || isMeter(meter), 'meter', `One of ${meterNames.join(', ')}.`);

/** Quantities by day of the tenant's calendar, newest first. @throws request.invalid on a meter, a day or a cursor that is none */
export const listUsageDays =
  ({ usage }: { readonly usage: Pick<UsageReader, 'days'> }) =>
  async (
    tenantId: string,
    { meter, from, to, ...page }: PageAsk & { readonly meter: string; readonly from: string; readonly to: string },
  ) => {
    refuseInvalid(
      checkMeter(meter),
      check(from === '' || isDay(from), 'from', 'A day as YYYY-MM-DD.'),
      check(to === '' || isDay(to), 'to', 'A day as YYYY-MM-DD.'),
    );
    const filter = { meter: isMeter(meter) ? meter : undefined, from: from === '' ? undefined : from, to: to === '' ? undefined : to };
    return usage.days(tenantId, filter, page);
  };
