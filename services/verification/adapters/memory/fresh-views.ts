/** Readings of verifications that were written a moment ago, for those who show what happens while it happens. */
import type { FreshViews } from '../../app/live/ports.ts';
import type { VerificationView } from '../../app/view.ts';

/** An event reaches a gateway within milliseconds. Codes do not stay in memory. */
const keptForMs = 1_000;
const kept = 1_000;

interface Kept {
  readonly view: VerificationView;
  readonly tenantId: string;
  readonly untilMs: number;
}

export const createFreshViews = (nowMs: () => number = () => performance.now()): FreshViews => {
  /** In the order of their writing, hence of their end. */
  const views = new Map<string, Kept>();
  let sweeping: NodeJS.Timeout | undefined;
  const sweep = (): void => {
    const now = nowMs();
    for (const [id, { untilMs }] of views) {
      if (untilMs > now) break;
      views.delete(id);
    }
    sweeping = views.size === 0 ? undefined : setTimeout(sweep, keptForMs).unref();
  };
  return {
    keep: (tenantId, view) => {
      views.delete(view.id);
      views.set(view.id, { view, tenantId, untilMs: nowMs() + keptForMs });
      if (sweeping === undefined) sweeping = setTimeout(sweep, keptForMs).unref();
      if (views.size > kept) for (const [oldest] of views) return void views.delete(oldest);
    },
    take: (tenantId, id, version) => {
      const found = views.get(id);
      if (found === undefined || found.tenantId !== tenantId) return undefined;
      views.delete(id);
      return found.untilMs > nowMs() && found.view.version >= version ? found.view : undefined;
    },
  };
};
