import { addMs } from '#platform/time/index.ts';
import type { PolicyRules } from './rules.ts';

/**
 * The weight of reports of one number for one service, one by each tenant: each counts 1 when it is made and half of that after each
 * half-life. So one angry tenant bans nothing, and what was bad long ago is not bad for ever.
 */
export const scoreOf = (reportedAt: readonly Date[], at: Date, { halfLifeMs }: PolicyRules['bans']): number =>
  reportedAt.reduce((sum, then) => sum + 2 ** (-Math.max(0, at.getTime() - then.getTime()) / halfLifeMs), 0);

/** When a ban by these reports ends: when their weight has decayed to the score that ends one; undefined: they make none. */
export const banUntil = (reportedAt: readonly Date[], at: Date, rules: PolicyRules['bans']): Date | undefined => {
  const score = scoreOf(reportedAt, at, rules);
  // Rounded up to a millionth: two reports in one moment weigh two, whatever a float makes of it.
  if (score + 1e-6 < rules.threshold) return undefined;
  return addMs(at, Math.ceil(rules.halfLifeMs * Math.log2(score / rules.endScore)));
};
