import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { decrypt, encrypt, keyBytes, sealedBytes } from './cipher.ts';
import type { DataKey, KeyStore } from './keys.ts';
import { createSealer, deriveKey, type Sealer } from './sealer.ts';

/** First byte of a text that a data key sealed; the key's version follows in four bytes. */
const formatVersion = 2;
const headBytes = 5;
const legacyFormat = 1;

/** Where a ciphertext lives. */
export interface Place {
  /** Whose key seals it. */
  readonly owner: string;
  /** Owner and row: authenticated, not stored. */
  readonly context: string;
}

export interface EnvelopeOptions {
  /** 32 bytes each; the first one wraps, all of them unwrap. */
  readonly wrappers: readonly Uint8Array[];
  /** Separates the uses of one secret; part of the format, never change it. */
  readonly purpose: string;
  readonly store: KeyStore;
  readonly now: () => Date;
  /** Whose first key opens texts of format 1, which `createSealer` made before there was an envelope. */
  readonly legacyOwner?: string;
  /** Owners whose keys are kept unwrapped in memory, and for how long at most: so long another process may go on with keys that were destroyed. */
  readonly cache?: { readonly max: number; readonly maxAgeMs: number };
}

/**
 * Texts at rest under a key of their owner. Each owner has random keys, stored wrapped; a text names its key's version. An owner's keys
 * are read once and kept, so sealing and opening ask nobody as long as they are kept.
 */
export interface Envelope {
  seal(plain: string, place: Place): Promise<Buffer>;
  /** @returns undefined when the key was destroyed. @throws when it was sealed for another place, by another key, or changed */
  open(sealed: Uint8Array, place: Place): Promise<string | undefined>;
  /** The material of an owner's first key; `make` says what it is when there is none yet. For keys that are no random ones. */
  firstKey(owner: string, make: () => Uint8Array): Promise<Buffer>;
  /** Another key for what this owner seals from now on; other processes follow when they look again (`maxAgeMs`). Old texts stay readable. */
  rotate(owner: string): Promise<number>;
  /** Wraps keys by the first wrapper that others wrap. @returns how many; as many as `limit`: there may be more */
  rewrap(limit: number): Promise<number>;
  /** Destroys the owner's keys: nothing that they sealed can be read again, in no backup without keys of before either. @returns how many */
  destroy(owner: string): Promise<number>;
}

interface Ring {
  /** 0: none that may seal. */
  readonly newest: number;
  /** Of every version there has been. */
  readonly highest: number;
  readonly keys: ReadonlyMap<number, KeyObject | 'destroyed'>;
}

const usual = { max: 10_000, maxAgeMs: 300_000 };
const unreadable = (why: string): Error => new Error(`the text cannot be opened: ${why}`);

interface Wrapper {
  readonly id: string;
  readonly sealer: Sealer;
}

const wrapperOf = (key: Uint8Array, purpose: string): Wrapper => ({
  // Says nothing about the key, and is the same in every process that has it.
  id: deriveKey(key, `${purpose} wrapper id`).export().subarray(0, 8).toString('hex'),
  sealer: createSealer(key, `${purpose} wrapper`),
});

const wrapContext = ({ owner, version }: Pick<DataKey, 'owner' | 'version'>): string => `data-key:${owner}:${version}`;
const secret = (material: Uint8Array): KeyObject => createSecretKey(Buffer.from(material));

/** @throws RangeError for a wrapper of another length than 32 bytes */
export const createEnvelope = (options: EnvelopeOptions): Envelope => {
  const { store, purpose, now, legacyOwner } = options;
  const { max, maxAgeMs } = options.cache ?? usual;
  const wrappers = options.wrappers.map((key) => wrapperOf(key, purpose));
  const [current] = wrappers;
  if (current === undefined) throw new RangeError('there must be a key to wrap by');

  const wrap = (owner: string, version: number, material: Uint8Array): DataKey => {
    const wrapped = current.sealer.seal(Buffer.from(material).toString('base64'), wrapContext({ owner, version }));
    return { owner, version, wrapperId: current.id, wrapped, createdAt: now() };
  };
  const unwrap = (key: DataKey, wrapped: Uint8Array): Buffer => {
    const wrapper = wrappers.find(({ id }) => id === key.wrapperId);
    if (wrapper === undefined) throw new Error(`a data key is wrapped by ${key.wrapperId}, which is not configured`);
    return Buffer.from(wrapper.sealer.open(wrapped, wrapContext(key)), 'base64');
  };
  const ringOf = (stored: readonly DataKey[]): Ring => ({
    newest: stored.findLast(({ wrapped }) => wrapped !== undefined)?.version ?? 0,
    highest: stored.at(-1)?.version ?? 0,
    keys: new Map(stored.map((key) => [key.version, key.wrapped ? secret(unwrap(key, key.wrapped)) : 'destroyed'])),
  });

  // Promises, so that many texts of one owner at once ask once.
  const rings = new LRUCache<string, Promise<Ring>>({ max, ttl: maxAgeMs, ttlResolution: 0, perf: { now: () => now().getTime() } });
  const keep = (owner: string, ring: Promise<Ring>): Promise<Ring> => {
    rings.set(owner, ring);
    ring.catch(() => {
      if (rings.peek(owner) === ring) rings.delete(owner);
    });
    return ring;
  };
  const load = (owner: string): Promise<Ring> => keep(owner, store.read(owner).then(ringOf));
  const known = (owner: string): Promise<Ring> => rings.get(owner) ?? load(owner);
  const add = (owner: string, version: number, material: Uint8Array): Promise<Ring> =>
    keep(owner, store.add(wrap(owner, version, material)).then(ringOf));

  /** A ring with a key that may seal; an owner gets the first one with the first text. */
  const sealing = async (owner: string): Promise<Ring> => {
    const ring = await known(owner);
    return ring.newest > 0 ? ring : add(owner, ring.highest + 1, randomBytes(keyBytes));
  };
  const keyOf = async (owner: string, version: number): Promise<KeyObject | 'destroyed'> => {
    // A version that is not known here was made by another process meanwhile.
    const key = (await known(owner)).keys.get(version) ?? (await load(owner)).keys.get(version);
    if (key === undefined) throw unreadable('its key does not exist');
    return key;
  };

  const bound = (version: number, context: string): string => `${formatVersion}:${version}:${context}`;
  const openWith = (key: KeyObject | 'destroyed', sealed: Uint8Array, head: number, context: string): string | undefined =>
    key === 'destroyed' ? undefined : decrypt(key, sealed, head, context);

  return {
    seal: async (plain, { owner, context }) => {
      const { newest, keys } = await sealing(owner);
      const key = keys.get(newest);
      if (key === undefined || key === 'destroyed') throw new Error('there is no key to seal with');
      const head = Buffer.alloc(headBytes);
      head.writeUInt8(formatVersion);
      head.writeUInt32BE(newest, 1);
      return encrypt(key, head, plain, bound(newest, context));
    },
    open: async (sealed, { owner, context }) => {
      if (sealed[0] === legacyFormat && legacyOwner !== undefined) {
        if (sealed.length < 1 + sealedBytes) throw unreadable('it is too short');
        return openWith(await keyOf(legacyOwner, 1), sealed, 1, context);
      }
      if (sealed[0] !== formatVersion || sealed.length < headBytes + sealedBytes) throw unreadable('it has another format');
      const version = Buffer.from(sealed.buffer, sealed.byteOffset, headBytes).readUInt32BE(1);
      return openWith(await keyOf(owner, version), sealed, headBytes, bound(version, context));
    },
    firstKey: async (owner, make) => {
      const ring = await known(owner);
      const key = (ring.highest > 0 ? ring : await add(owner, 1, make())).keys.get(1);
      if (key === undefined || key === 'destroyed') throw new Error(`the first key of ${owner} was destroyed`);
      return key.export();
    },
    rotate: async (owner) => {
      const { highest } = await load(owner);
      return (await add(owner, highest + 1, randomBytes(keyBytes))).newest;
    },
    rewrap: async (limit) => {
      const others = await store.wrappedByOthers(current.id, limit);
      for (const key of others) {
        if (key.wrapped === undefined) continue;
        const { wrapperId, wrapped } = wrap(key.owner, key.version, unwrap(key, key.wrapped));
        if (wrapped) await store.rewrap(key, { wrapperId, wrapped });
      }
      return others.length;
    },
    destroy: async (owner) => {
      const destroyed = await store.destroy(owner, now());
      rings.delete(owner);
      return destroyed;
    },
  };
};
