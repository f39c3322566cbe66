import { type Happening, next } from './state.ts';
import type { Verification } from './verification.ts';

/** What a change of state may carry along. */
export type Fields = Partial<
  Pick<
    Verification,
    | 'provider'
    | 'route'
    | 'activationId'
    | 'providerCostMicros'
    | 'phoneNumber'
    | 'holdId'
    | 'sealedCode'
    | 'reason'
    | 'expiresAt'
    | 'receivedAt'
    | 'endedAt'
    | 'dueAt'
    | 'cancellableAt'
    | 'reportReason'
    | 'codes'
    | 'another'
  >
>;

/**
 * The verification after something that leaves its state alone but can be seen: another message, a report. What the scheduler is to do
 * next stays as it was.
 */
export const amend = (from: Verification, fields: Omit<Fields, 'dueAt'>): Verification => ({
  ...from,
  ...fields,
  version: from.version + 1,
});

/**
 * The verification after `happening`. Unless `fields` names the next look of the scheduler, there is none.
 * @returns undefined when it cannot happen in the present state
 */
export const change = (from: Verification, happening: Happening, fields: Fields): Verification | undefined => {
  const state = next(from.state, happening);
  return state && { ...from, dueAt: undefined, ...fields, state, version: from.version + 1, attempts: 0 };
};
