import type { Verification } from '../../domain/verification.ts';
import type { SealedMessage } from '../ports.ts';
import type { VerificationView } from '../view.ts';

/** A verification with its visible messages, oldest first, both of one moment. */
export interface Snapshot {
  readonly verification: Verification;
  readonly messages: readonly SealedMessage[];
}

export interface SnapshotReader {
  /** Those of `ids` that are the tenant's, in any order, by one look at the database. */
  snapshots(tenantId: string, ids: readonly string[]): Promise<readonly Snapshot[]>;
}

/** What was written a moment ago, as its customer sees it: most events are shown before anything else happens to what they are about. */
export interface FreshViews {
  keep(tenantId: string, view: VerificationView): void;
  /**
   * Once only, and only for a second: what happens to it afterwards, elsewhere, is not seen here.
   * @param version of the event that is to be shown: an older reading would not know of it
   */
  take(tenantId: string, id: string, version: number): VerificationView | undefined;
}
