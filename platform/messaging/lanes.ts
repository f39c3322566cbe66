/**
 * Runs tasks of one key one after the other, in the order of their sequence numbers, and tasks of different keys side by
 * side, at most `concurrency` at once. A key can be held: its next task waits until the hold is over, or until the task whose
 * return is awaited (or an older one) arrives.
 */
export interface Lanes<T> {
  add(key: string, sequence: number, task: T): void;
  /** @param sequence of the task whose return is awaited */
  hold(key: string, sequence: number, ms: number): void;
  /** Tasks that have not started, oldest first; they are forgotten. Nothing starts any more. */
  stop(): T[];
  /** Resolves when no task runs. */
  idle(): Promise<void>;
  /** Every task that is waiting or running. */
  all(): Iterable<T>;
  running(): number;
}

interface Lane<T> {
  readonly key: string;
  readonly waiting: { readonly sequence: number; readonly task: T }[];
  running: T | undefined;
  hold: { readonly timer: NodeJS.Timeout; readonly sequence: number } | undefined;
  /** Already in the ready list. */
  listed: boolean;
}

export const createLanes = <T>(concurrency: number, run: (task: T, key: string) => Promise<void>): Lanes<T> => {
  const lanes = new Map<string, Lane<T>>();
  const ready: Lane<T>[] = [];
  let active = 0;
  let stopped = false;
  let whenIdle: (() => void)[] = [];

  const offer = (lane: Lane<T>): void => {
    if (lane.running !== undefined || lane.hold !== undefined || lane.listed) return;
    if (lane.waiting.length === 0) {
      lanes.delete(lane.key);
      return;
    }
    lane.listed = true;
    ready.push(lane);
  };

  const start = async (lane: Lane<T>, task: T): Promise<void> => {
    active++;
    lane.running = task;
    try {
      await run(task, lane.key);
    } finally {
      active--;
      lane.running = undefined;
      offer(lane);
      fill();
      if (active === 0) {
        for (const resolve of whenIdle) resolve();
        whenIdle = [];
      }
    }
  };

  const fill = (): void => {
    while (!stopped && active < concurrency) {
      const lane = ready.shift();
      if (lane === undefined) return;
      lane.listed = false;
      if (lane.hold !== undefined || lane.waiting.length === 0) continue;
      void start(lane, lane.waiting.shift()!.task);
    }
  };

  const release = (lane: Lane<T>): void => {
    clearTimeout(lane.hold?.timer);
    lane.hold = undefined;
    offer(lane);
    fill();
  };

  const laneOf = (key: string): Lane<T> => {
    const existing = lanes.get(key);
    if (existing !== undefined) return existing;
    const lane: Lane<T> = { key, waiting: [], running: undefined, hold: undefined, listed: false };
    lanes.set(key, lane);
    return lane;
  };

  return {
    add: (key, sequence, task) => {
      const lane = laneOf(key);
      const position = lane.waiting.findLastIndex((entry) => entry.sequence <= sequence) + 1;
      lane.waiting.splice(position, 0, { sequence, task });
      if (lane.hold !== undefined && sequence <= lane.hold.sequence) release(lane);
      else offer(lane);
      fill();
    },
    hold: (key, sequence, ms) => {
      const lane = laneOf(key);
      clearTimeout(lane.hold?.timer);
      const timer = setTimeout(() => release(lane), ms);
      timer.unref();
      lane.hold = { timer, sequence };
    },
    stop: () => {
      stopped = true;
      const left = [...lanes.values()].flatMap((lane) => {
        clearTimeout(lane.hold?.timer);
        return lane.waiting.splice(0);
      });
      ready.length = 0;
      return left.toSorted((a, b) => a.sequence - b.sequence).map(({ task }) => task);
    },
    idle: () => (active === 0 ? Promise.resolve() : new Promise((resolve) => whenIdle.push(resolve))),
    *all() {
      for (const lane of lanes.values()) {
        if (lane.running !== undefined) yield lane.running;
        for (const { task } of lane.waiting) yield task;
      }
    },
    running: () => active,
  };
};
