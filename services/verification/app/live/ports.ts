import type { Verification } from '../../domain/verification.ts';
import type { SealedMessage } from '../ports.ts';

/** A verification with its visible messages, oldest first, both of one moment. */
export interface Snapshot {
  readonly verification: Verification;
  readonly messages: readonly SealedMessage[];
}

export interface SnapshotReader {
  /** Those of `ids` that are the tenant's, in any order, by one look at the database. */
  snapshots(tenantId: string, ids: readonly string[]): Promise<readonly Snapshot[]>;
}
