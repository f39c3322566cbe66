import type { EventWindow, LiveEvent } from './event-window.ts';
import type { Position } from './position.ts';

export interface OlderStep {
  /** The reader's, after this step. */
  readonly position: Position;
  /** undefined: nothing of the tenant's for a while. */
  readonly event: LiveEvent | undefined;
}

/** What happens, as this gateway hears it. */
export interface LiveFeed {
  readonly window: EventWindow;
  /** Of the sources: a position means something only within its epoch. */
  epoch(): number;
  /** Whether events reach this process, as far as it knows; what happens while they do not is heard later. */
  hears(): boolean;
  /**
   * The tenant's events after `from`, as far as the window does not hold them: source by source, each in its order.
   * @returns undefined when the sources do not keep them any more
   */
  older(tenantId: string, from: Position): Promise<AsyncIterable<OlderStep> | undefined>;
}
