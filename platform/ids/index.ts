import { fromString, typeid, TypeID } from 'typeid-js';
import { v7 } from 'uuid';

/**
 * Ids are UUIDv7 inside (time-ordered, so indexes stay local) and TypeIDs at the edge (`ver_01h…`), so that a pasted id
 * says what it is. Only the gateway and the simulator know the edge form.
 */
export const idPrefixes = {
  user: 'usr',
  tenant: 'ten',
  apiKey: 'key',
  invitation: 'inv',
  payment: 'pay',
  transaction: 'txn',
  hold: 'hld',
  verification: 'ver',
  message: 'msg',
  contact: 'con',
  campaign: 'cmp',
  delivery: 'dlv',
  quote: 'quo',
  priceBook: 'pbk',
  promotion: 'prm',
  redemption: 'rdm',
} as const;

export type IdKind = keyof typeof idPrefixes;

/** A new UUIDv7. */
export const newId = (): string => v7();

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export const isUuid = (value: string): boolean => uuidPattern.test(value);

/** @param uuid in lower-case canonical form */
export const toTypeId = (kind: IdKind, uuid: string): string => TypeID.fromUUID(idPrefixes[kind], uuid).toString();

/** @returns the UUID inside, or undefined when `value` is not an id of this kind. */
export const fromTypeId = (kind: IdKind, value: string): string | undefined => {
  try {
    return fromString(value, idPrefixes[kind]) && TypeID.fromString(value).toUUID();
  } catch {
    return undefined;
  }
};

export { typeid };
