import { type Clock, isTimeZone } from '#platform/time/index.ts';
import type { BillingDetails } from '../../domain/documents/document.ts';
import { periodEnd } from '../../domain/documents/period.ts';
import { check, checkText, refuseInvalid } from '../checks.ts';
import type { DetailsStore } from './ports.ts';

const maxLines = 6;
// oxlint-disable-next-line eslint/no-control-regex -- what a document cannot show
const control = /[\u0000-\u001f\u007f]/;

export const getBillingDetails =
  ({ store }: { readonly store: DetailsStore }) =>
  (tenantId: string): Promise<BillingDetails> =>
    store.details(tenantId);

/**
 * Replaces the tenant's billing details; documents that are issued already keep those of their time. A new time zone moves the end of
 * the running billing month.
 * @param by who does it: the subject of the principal
 * @throws request.invalid naming every field that is wrong
 */
export const setBillingDetails =
  ({ store, clock }: { readonly store: DetailsStore; readonly clock: Clock }) =>
  async (tenantId: string, by: string, asked: BillingDetails): Promise<BillingDetails> => {
    const details = { ...asked, timeZone: asked.timeZone === '' ? 'UTC' : asked.timeZone };
    const { name, address, country, taxId, timeZone } = details;
    refuseInvalid(
      check(name.trim().length > 0, 'name', 'Say who the documents are for.'),
      checkText(name, 'name', 200),
      check(address.length <= maxLines, 'address', `At most ${maxLines} lines.`),
      ...address.map((line, index) => check(line.length > 0 && line.length <= 100, `address[${index}]`, '1 to 100 characters.')),
      check(/^[A-Z]{2}$/.test(country), 'country', 'ISO 3166-1 alpha-2, for example "GB".'),
      check(/^[A-Za-z0-9 ./-]{0,32}$/.test(taxId), 'tax_id', 'At most 32 letters, digits, spaces, dots, slashes and dashes.'),
      check(timeZone.length <= 64 && isTimeZone(timeZone), 'time_zone', 'An IANA time zone, for example "Asia/Jakarta".'),
      check(![name, ...address].some((text) => control.test(text)), 'name', 'Name and address must not contain control characters.'),
    );
    await store.replace(tenantId, details, by, clock.now(), (from) => periodEnd(from, timeZone));
    return details;
  };
