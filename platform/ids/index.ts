import { v7 } from 'uuid';
import { decodeUuid, encodeUuid } from './typeid.ts';

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
  refund: 'ref',
  dispute: 'dsp',
  paymentMethod: 'pm',
  transaction: 'txn',
  hold: 'hld',
  verification: 'ver',
  rental: 'rnt',
  message: 'msg',
  batch: 'bat',
  contact: 'con',
  campaign: 'cmp',
  delivery: 'dlv',
  quote: 'quo',
  priceBook: 'pbk',
  promotion: 'prm',
  redemption: 'rdm',
  subscription: 'sub',
  billedPeriod: 'per',
  document: 'doc',
  adjustment: 'adj',
  budget: 'bdg',
  usageAlert: 'alr',
  webhook: 'whk',
  webhookDelivery: 'wdl',
  event: 'evt',
  policyDecision: 'pdc',
  killSwitch: 'ksw',
  numberBan: 'ban',
  abuseReport: 'abr',
} as const;

export type IdKind = keyof typeof idPrefixes;

/** Random bytes are drawn for hundreds of ids at once: asking the generator for 16 of them costs more than all the rest of an id. */
const pool = new Uint8Array(4_096);
let used = pool.length;
const randomBytes = (): Uint8Array => {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  used += 16;
  return pool.subarray(used - 16, used);
};

const sequence = { msecs: 0, seq: 0 };

/** A new UUIDv7; ids of one process rise, within a millisecond too. */
export const newId = (): string => {
  const random = randomBytes();
  const now = Date.now();
  if (now > sequence.msecs) {
    sequence.msecs = now;
    // 31 random bits: a millisecond has 2³¹ further ids before the counter is full.
    sequence.seq = ((random[0]! & 0x7f) << 24) | (random[1]! << 16) | (random[2]! << 8) | random[3]!;
  } else {
    sequence.seq = (sequence.seq + 1) >>> 0;
    if (sequence.seq === 0) sequence.msecs += 1;
  }
  return v7({ random, msecs: sequence.msecs, seq: sequence.seq });
};

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export const isUuid = (value: string): boolean => uuidPattern.test(value);

/** @param uuid in lower-case canonical form */
export const toTypeId = (kind: IdKind, uuid: string): string => `${idPrefixes[kind]}_${encodeUuid(uuid)}`;

/** @returns the UUID inside, or undefined when `value` is not an id of this kind. */
export const fromTypeId = (kind: IdKind, value: string): string | undefined => {
  const prefix = `${idPrefixes[kind]}_`;
  return value.startsWith(prefix) ? decodeUuid(value.slice(prefix.length)) : undefined;
};
