/**
 * A map that forgets its oldest rows, so that a simulator that runs for days stays small.
 * @param capacity how many rows are kept
 * @param onForgotten for what hangs on a row (an index of another key)
 */
export interface BoundedMap<K, V> extends Iterable<V> {
  get(key: K): V | undefined;
  set(key: K, value: V): void;
  delete(key: K): boolean;
  /** Newest first. */
  newest(limit: number, matches?: (value: V) => boolean): V[];
  oldest(): V | undefined;
  clear(): void;
  readonly size: number;
}

export const boundedMap = <K, V>(capacity: number, onForgotten: (value: V, key: K) => void = () => {}): BoundedMap<K, V> => {
  const rows = new Map<K, V>();
  return {
    get: (key) => rows.get(key),
    set: (key, value) => {
      rows.set(key, value);
      if (rows.size <= capacity) return;
      for (const [oldestKey, oldest] of rows) {
        rows.delete(oldestKey);
        onForgotten(oldest, oldestKey);
        return;
      }
    },
    delete: (key) => rows.delete(key),
    newest: (limit, matches = () => true) => {
      const found: V[] = [];
      const values = [...rows.values()];
      for (let at = values.length - 1; at >= 0 && found.length < limit; at -= 1) {
        const value = values[at];
        if (value !== undefined && matches(value)) found.push(value);
      }
      return found;
    },
    oldest: () => rows.values().next().value,
    clear: () => rows.clear(),
    [Symbol.iterator]: () => rows.values(),
    get size() {
      return rows.size;
    },
  };
};
