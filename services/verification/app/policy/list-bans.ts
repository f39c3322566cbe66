import type { Clock } from '#platform/time/index.ts';
import type { NumberBan, NumberBans } from './ports.ts';

export interface BanPage {
  readonly bans: readonly NumberBan[];
  readonly next: string | undefined;
}

/** The bans that last, newest first. For operators. */
export const listBans =
  ({ bans, clock }: { readonly bans: NumberBans; readonly clock: Clock }) =>
  async (query: { before: string | undefined; limit: number }): Promise<BanPage> => {
    const rows = await bans.list({ at: clock.now(), before: query.before, limit: query.limit + 1 });
    const page = rows.slice(0, query.limit);
    return { bans: page, next: rows.length > query.limit ? page.at(-1)?.id : undefined };
  };
