/** Readings of verifications that were written a moment ago, for those who show what happens while it happens. */
import type { FreshViews } from '../../app/live/ports.ts';
import type { VerificationView } from '../../app/view.ts';

/** An event reaches a gateway within milliseconds. Codes do not stay in memory. */
const keptForMs = 1_000;
const kept = 1_000;

/** Emptied when it goes: tables that a map has outgrown hold what was in them until the next full collection. */
interface Kept {
  view: VerificationView | undefined;
  readonly tenantId: string;
  readonly untilMs: number;
}

export const createFreshViews = (nowMs: () => number = () => performance.now()): FreshViews => {
  /** In the order of their writing, hence of their end. */
  const views = new Map<string, Kept>();
  let sweeping: NodeJS.Timeout | undefined;
  const drop = (id: string, cell: Kept): VerificationView | undefined => {
    const { view } = cell;
    cell.view = undefined;
    views.delete(id);
    return view;
  };
  const sweep = (): void => {
    const now = nowMs();
    for (const [id, cell] of views) {
      if (cell.untilMs > now) break;
      drop(id, cell);
    }
    sweeping = views.size === 0 ? undefined : setTimeout(sweep, keptForMs).unref();
  };
  return {
    keep: (tenantId, view) => {
      const before = views.get(view.id);
      if (before) drop(view.id, before);
      views.set(view.id, { view, tenantId, untilMs: nowMs() + keptForMs });
      if (sweeping === undefined) sweeping = setTimeout(sweep, keptForMs).unref();
      if (views.size > kept) for (const [oldest, cell] of views) return void drop(oldest, cell);
    },
    take: (tenantId, id, version) => {
      const found = views.get(id);
      if (found === undefined || found.tenantId !== tenantId) return undefined;
      const view = drop(id, found);
      return view && found.untilMs > nowMs() && view.version >= version ? view : undefined;
    },
  };
};
