/**
 * Everything that will happen later, in one binary heap: no timer object per message, so a million waiting things cost
 * a million small rows. Equal times keep the order in which they were planned. Cancelling is O(1); the heap is compacted
 * once more than half of it is cancelled.
 */
export interface Planned {
  readonly dueMs: number;
  cancelled: boolean;
}

interface Entry extends Planned {
  readonly sequence: number;
  task: (() => void) | undefined;
}

export interface Agenda {
  /** Runs `task` once, when the time is `dueMs` or later. */
  at(dueMs: number, task: () => void): Planned;
  cancel(planned: Planned | undefined): void;
  /** Runs what is due at `nowMs`, including what those tasks plan for the same instant. @returns how many ran */
  runDue(nowMs: number): number;
  nextDueMs(): number | undefined;
  size(): number;
  clear(): void;
}

const before = (a: Entry, b: Entry): boolean => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence);

/** Moves the entry at `index` towards the root until its parent is due earlier. */
const siftUp = (heap: Entry[], index: number, entry: Entry): void => {
  let at = index;
  while (at > 0) {
    const parentAt = (at - 1) >> 1;
    const parent = heap[parentAt];
    if (parent === undefined || !before(entry, parent)) break;
    heap[at] = parent;
    at = parentAt;
  }
  heap[at] = entry;
};

const siftDown = (heap: Entry[], index: number, entry: Entry): void => {
  let at = index;
  for (;;) {
    let childAt = at * 2 + 1;
    let child = heap[childAt];
    if (child === undefined) break;
    const right = heap[childAt + 1];
    if (right !== undefined && before(right, child)) {
      child = right;
      childAt += 1;
    }
    if (!before(child, entry)) break;
    heap[at] = child;
    at = childAt;
  }
  heap[at] = entry;
};

const pop = (heap: Entry[]): Entry | undefined => {
  const first = heap[0];
  const last = heap.pop();
  if (last !== undefined && last !== first) siftDown(heap, 0, last);
  return first;
};

/** @param onEarlier called when a new entry becomes the first one, so that a waiting driver can wake sooner */
export const createAgenda = (onEarlier: () => void = () => {}): Agenda => {
  let heap: Entry[] = [];
  let sequence = 0;
  let cancelledCount = 0;

  const compact = (): void => {
    const kept = heap.filter((entry) => !entry.cancelled);
    heap = [];
    for (const entry of kept) siftUp(heap, heap.length, entry);
    cancelledCount = 0;
  };
  const dropCancelled = (): void => {
    while (heap[0]?.cancelled === true) {
      pop(heap);
      cancelledCount -= 1;
    }
  };

  return {
    at: (dueMs, task) => {
      const entry: Entry = { dueMs, cancelled: false, sequence: (sequence += 1), task };
      siftUp(heap, heap.length, entry);
      if (heap[0] === entry) onEarlier();
      return entry;
    },
    cancel: (planned) => {
      const entry = planned as Entry | undefined;
      if (entry === undefined || entry.cancelled || entry.task === undefined) return;
      entry.cancelled = true;
      entry.task = undefined;
      cancelledCount += 1;
      if (cancelledCount > 1024 && cancelledCount * 2 > heap.length) compact();
    },
    runDue: (nowMs) => {
      let ran = 0;
      for (;;) {
        dropCancelled();
        const first = heap[0];
        if (first === undefined || first.dueMs > nowMs) return ran;
        pop(heap);
        const task = first.task;
        first.task = undefined;
        task?.();
        ran += 1;
      }
    },
    nextDueMs: () => {
      dropCancelled();
      return heap[0]?.dueMs;
    },
    size: () => heap.length - cancelledCount,
    clear: () => {
      for (const entry of heap) {
        entry.cancelled = true;
        entry.task = undefined;
      }
      heap = [];
      cancelledCount = 0;
    },
  };
};
