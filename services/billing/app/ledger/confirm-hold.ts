import { addMs, hourMs } from '#platform/time/index.ts';
import type { HoldSettlement } from './ports.ts';

/** A code may come until the activation ends; its event may come later still. */
const graceMs = hourMs;

/** A number was rented on this hold: it has to outlive the rental. @returns false when there is no such hold */
export const confirmHold =
  ({ holds }: { readonly holds: HoldSettlement }) =>
  (tenantId: string, holdId: string, rentedUntil: Date): Promise<boolean> =>
    holds.extend({ tenantId, holdId, expiresAt: addMs(rentedUntil, graceMs) });
