/**
 * What waits for an answer, by a number that is used once. A Map would do the same at a price that shows under load: when it grows or shrinks,
 * V8 keeps its old table, with everything in it, for iterators that might be under way; once such a table has grown old, whole graphs of
 * requests that are long over are copied by every collection of young garbage. Slots of an array are emptied when they are left.
 */
const slotBits = 16;
const maxSlots = 2 ** slotBits;
const maxTurn = 2 ** (32 - slotBits) - 1;

export interface Slots<T> {
  /** @returns an id of 32 bits, from 1 */
  put(value: T): number;
  /** Empties the slot. @returns undefined when the id has been taken, or never was */
  take(id: number): T | undefined;
  takeAll(): T[];
  readonly size: number;
  /** A slot has been used so often that its ids would come again, or there is none left. */
  readonly exhausted: boolean;
}

export const createSlots = <T>(): Slots<T> => {
  const values: (T | undefined)[] = [];
  /** How often each slot has been used: the upper half of its id. */
  const turns: number[] = [];
  const free: number[] = [];
  let exhausted = false;

  const take = (id: number): T | undefined => {
    const slot = id % maxSlots;
    const value = values[slot];
    if (value === undefined || turns[slot] !== Math.floor(id / maxSlots)) return undefined;
    values[slot] = undefined;
    free.push(slot);
    return value;
  };
  return {
    put: (value) => {
      const slot = free.pop() ?? values.length;
      const turn = (turns[slot] ?? 0) + 1;
      turns[slot] = turn;
      values[slot] = value;
      if (turn >= maxTurn || (free.length === 0 && values.length >= maxSlots)) exhausted = true;
      return turn * maxSlots + slot;
    },
    take,
    takeAll: () => values.flatMap((value, slot) => (value === undefined ? [] : [take((turns[slot] ?? 0) * maxSlots + slot) ?? value])),
    get size() {
      return values.length - free.length;
    },
    get exhausted() {
      return exhausted;
    },
  };
};
