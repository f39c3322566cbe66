import type { DataKey, KeyStore } from '../keys.ts';

export interface MemoryKeys extends KeyStore {
  /** Questions and changes so far. */
  calls: number;
}

/** Data keys in memory; passes the contract of `key-store.contract.ts`. */
export const memoryKeys = (): MemoryKeys => {
  let rows: DataKey[] = [];
  const of = (owner: string): readonly DataKey[] => rows.filter((key) => key.owner === owner).toSorted((a, b) => a.version - b.version);
  const same = (a: DataKey) => (b: DataKey) => a.owner === b.owner && a.version === b.version;
  const store: MemoryKeys = {
    calls: 0,
    read: async (owner) => {
      store.calls += 1;
      return of(owner);
    },
    add: async (key) => {
      store.calls += 1;
      if (!rows.some(same(key))) rows.push(key);
      return of(key.owner);
    },
    wrappedByOthers: async (wrapperId, limit) =>
      rows.filter((key) => key.wrapped !== undefined && key.wrapperId !== wrapperId).slice(0, limit),
    rewrap: async (from, to) => {
      const found = rows.find((key) => same(from)(key) && key.wrapperId === from.wrapperId && key.wrapped !== undefined);
      rows = rows.map((key) => (key === found ? { ...key, ...to } : key));
      return found !== undefined;
    },
    ownersOlderThan: async (before, limit) =>
      [...new Set(rows.map(({ owner }) => owner))]
        .filter((owner) => {
          const newest = of(owner).findLast(({ wrapped }) => wrapped !== undefined);
          return newest !== undefined && newest.createdAt < before;
        })
        .toSorted()
        .slice(0, limit),
    destroy: async (owner) => {
      const live = rows.filter((key) => key.owner === owner && key.wrapped !== undefined);
      rows = rows.map((key) => (live.includes(key) ? { ...key, wrapped: undefined } : key));
      return live.length;
    },
  };
  return store;
};
