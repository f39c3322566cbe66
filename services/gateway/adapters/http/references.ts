import { type IdKind, fromTypeId, idPrefixes, isUuid } from '#platform/ids/index.ts';
import { edgeId, orNull } from './mapping.ts';

/**
 * A rental is bought in orders: the first one, extensions, renewals. Their transactions name the rental, as "rental:<id>"; those of
 * before name the order by its bare id, which leads nowhere and is shown as it is.
 */
const rentalReference = 'rental:';
const kinds: Readonly<Record<string, IdKind>> = {
  verification: 'verification',
  campaign: 'campaign',
  payment: 'payment',
  adjustment: 'adjustment',
};

/** Billing knows what it charges for by its raw id; outside every id says what it is. @param kind the product, else the type */
export const edgeReference = (kind: string, reference: string): string | null => {
  if (reference.startsWith(rentalReference)) {
    const raw = reference.slice(rentalReference.length);
    return isUuid(raw) ? edgeId('rental', raw) : reference;
  }
  const known = kinds[kind];
  return known !== undefined && isUuid(reference) ? edgeId(known, reference) : orNull(reference);
};

/** What billing knows it by; a text that is no id of ours is looked for as it is. */
export const rawReference = (reference: string): string => {
  const kind = (Object.keys(idPrefixes) as IdKind[]).find((each) => reference.startsWith(`${idPrefixes[each]}_`));
  const raw = kind && fromTypeId(kind, reference);
  if (raw === undefined) return reference;
  return kind === 'rental' ? rentalReference + raw : raw;
};
