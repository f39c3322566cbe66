import { newId } from '#platform/ids/index.ts';
import { addMs, type Clock } from '#platform/time/index.ts';
import { banUntil } from '../../domain/policy/bans.ts';
import type { PolicyRules } from '../../domain/policy/rules.ts';
import type { NumberBans } from './ports.ts';

const batch = 100;

/**
 * Bans numbers that several tenants reported, and forgets what is too old to count. Run again and again by every replica: each number
 * is taken by one of them, and a ban set twice is one ban. @returns how many numbers were weighed
 */
export const weighReports =
  ({ bans, rules, clock }: { readonly bans: NumberBans; readonly rules: PolicyRules['bans']; readonly clock: Clock }) =>
  async (): Promise<number> => {
    const at = clock.now();
    const reported = await bans.takeReported(addMs(at, -rules.reportMemoryMs), batch);
    for (const { numberHash, service, reportedAt } of reported) {
      const until = banUntil(reportedAt, at, rules);
      if (until === undefined) continue;
      const act = { actor: 'service:verification', note: `reported by ${reportedAt.length} tenants`, at };
      await bans.set(numberHash, { id: newId(), service, until, origin: 'reports' }, act);
    }
    await bans.forget(addMs(at, -rules.reportMemoryMs), addMs(at, -rules.leaseMemoryMs));
    return reported.length;
  };
