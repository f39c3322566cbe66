import { appError } from '#platform/errors/index.ts';
import type { Addressees } from '../app/ports.ts';

/** The owner of people and tokens, in memory: a new token of a subject ends the one before it. */
export const fakeAddressees = () => {
  const tokens = new Map<string, string>();
  const state = { unavailable: false, notNeeded: false, issued: 0 };
  const addressees: Addressees = {
    issue: async ({ subjectId }) => {
      if (state.unavailable) throw appError('platform.unavailable', { message: 'secret-of-auth is away' });
      if (state.notNeeded) return { outcome: 'not-needed' };
      const token = `token-${++state.issued}-of-${subjectId}`;
      tokens.set(subjectId, token);
      return { outcome: 'issued', email: `ann-${subjectId}@example.com`, emailMasked: 'a***@example.com', token, tenantName: 'Ada Ltd' };
    },
  };
  return {
    addressees,
    state,
    addressOf: (subjectId: string): string => `ann-${subjectId}@example.com`,
    /** The token that works now. */
    working: (subjectId: string): string => tokens.get(subjectId) ?? '',
  };
};
