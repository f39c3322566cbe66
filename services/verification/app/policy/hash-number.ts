import type { Sealer } from '../ports.ts';
import type { HashNumber } from './ports.ts';

/** What stands for a number where it must be recognised but not read: an HMAC, under a key that the database does not have. */
export const numberHash =
  (sealer: Pick<Sealer, 'fingerprint'>): HashNumber =>
  (phoneNumber) =>
    sealer.fingerprint(`number\n${phoneNumber}`);
