import { appError } from '#platform/errors/index.ts';
import { isUuid } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { requireNote } from './checks.ts';
import type { KillSwitches } from './ports.ts';

/** Lets purchases through again. @throws request.not_found, request.invalid on reason */
export const switchOn =
  ({ switches, clock }: { readonly switches: KillSwitches; readonly clock: Clock }) =>
  async (actor: string, { id, reason }: { id: string; reason: string }): Promise<void> => {
    const act = { actor, note: requireNote(reason, 'reason'), at: clock.now() };
    if (!isUuid(id) || !(await switches.lift(id, act))) throw appError('request.not_found');
  };
