/** A data key as it is stored: wrapped by a key that the database does not have. */
export interface DataKey {
  /** Whose texts it seals, for example a tenant's id. */
  readonly owner: string;
  /** From 1; texts name it. The highest one that is not destroyed seals new texts. */
  readonly version: number;
  /** Which key it is wrapped by. */
  readonly wrapperId: string;
  /** Undefined: destroyed, and with it everything that it sealed. */
  readonly wrapped: Uint8Array | undefined;
  readonly createdAt: Date;
}

export interface KeyStore {
  /** All versions of one owner, in their order. */
  read(owner: string): Promise<readonly DataKey[]>;
  /** Writes a version unless it is there already. @returns all versions of its owner, as they are now: of two writers both get the first one's */
  add(key: DataKey): Promise<readonly DataKey[]>;
  /** Keys, not destroyed, that another key than this one wraps. */
  wrappedByOthers(wrapperId: string, limit: number): Promise<readonly DataKey[]>;
  /** @returns false when the key is not wrapped by `from.wrapperId` any more: then nothing changes */
  rewrap(from: DataKey, to: { readonly wrapperId: string; readonly wrapped: Uint8Array }): Promise<boolean>;
  /** Owners whose newest key was made before then. */
  ownersOlderThan(before: Date, limit: number): Promise<readonly string[]>;
  /** Forgets all of an owner's keys for good. @returns how many there were */
  destroy(owner: string, at: Date): Promise<number>;
}
