import type { Clock } from '#platform/time/index.ts';

/** How many requests a tenant made, in one hour of one window. The same id is never sent with another quantity. */
export interface CallReport {
  readonly id: string;
  readonly tenantId: string;
  readonly quantity: number;
  readonly occurredAt: Date;
}

export interface CallMeter {
  count(tenantId: string): void;
  /** Sends what was counted; what does not arrive is kept and sent again as it was. Never rejects. @returns whether nothing is left */
  flush(): Promise<boolean>;
}

export interface CallMeterDependencies {
  /** Rejects when it is not known to have arrived. */
  readonly send: (reports: readonly CallReport[]) => Promise<void>;
  readonly clock: Clock;
  /** Of this process alone, so that two replicas, or a process and the one before it, never use one id. */
  readonly processId: string;
  readonly onFailure: (error: unknown, reports: number) => void;
}

interface Count {
  quantity: number;
  lastAtMs: number;
}

const perCall = 1_000;
const windowHourMs = 3_600_000;

/**
 * Counts requests by tenant in memory, so that counting costs a request nothing. A window that is being sent is frozen, with its ids, until
 * it has been acknowledged; meanwhile the next one goes on counting, by hours, so that an outage of the receiver costs a few numbers per
 * tenant and no day gets what belongs to another. A killed process loses its window: what it counted since the last acknowledgement.
 */
export const callMeter = ({ send, clock, processId, onFailure }: CallMeterDependencies): CallMeter => {
  let counts = new Map<number, Map<string, Count>>();
  let frozen: CallReport[] = [];
  let windows = 0;
  let sending: Promise<boolean> | undefined;

  const freeze = (): void => {
    const window = `${processId}/${windows++}`;
    for (const [hour, tenants] of counts)
      for (const [tenantId, { quantity, lastAtMs }] of tenants)
        frozen.push({ id: `${window}/${hour}`, tenantId, quantity, occurredAt: new Date(lastAtMs) });
    counts = new Map();
  };

  const sendAll = async (): Promise<boolean> => {
    if (frozen.length === 0) freeze();
    while (frozen.length > 0) {
      const chunk = frozen.slice(0, perCall);
      try {
        await send(chunk);
      } catch (error) {
        onFailure(error, chunk.length);
        return false;
      }
      frozen = frozen.slice(chunk.length);
    }
    return counts.size === 0;
  };

  return {
    count: (tenantId) => {
      const now = clock.now().getTime();
      const hour = Math.floor(now / windowHourMs);
      let tenants = counts.get(hour);
      if (tenants === undefined) counts.set(hour, (tenants = new Map()));
      const seen = tenants.get(tenantId);
      if (seen === undefined) tenants.set(tenantId, { quantity: 1, lastAtMs: now });
      else {
        seen.quantity += 1;
        seen.lastAtMs = now;
      }
    },
    flush: () => (sending ??= sendAll().finally(() => (sending = undefined))),
  };
};
