import { appError } from '#platform/errors/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { requireNote } from './checks.ts';
import type { NumberBans } from './ports.ts';

/** A banned number may be sold again. @throws request.not_found, request.invalid on reason */
export const liftBan =
  ({ bans, clock }: { readonly bans: NumberBans; readonly clock: Clock }) =>
  async (actor: string, { id, reason }: { id: string; reason: string }): Promise<void> => {
    const act = { actor, note: requireNote(reason, 'reason'), at: clock.now() };
    if (!isUuid(id) || !(await bans.lift(id, act))) throw appError('request.not_found');
  };
