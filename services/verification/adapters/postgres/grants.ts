import { coalesce, type Database } from '#platform/postgres/index.ts';
import type { Saved } from '../../app/ports.ts';
import type { Verification } from '../../domain/verification.ts';
import type { OutboxRow } from './store.ts';

/** A number that a provider has granted, and what is written with it. */
export interface Granted {
  readonly from: Verification;
  readonly to: Verification;
  readonly numberHash: Uint8Array;
  readonly event: OutboxRow;
  /** For the history. */
  readonly change: string;
}

const parameters = 17;

const grantSql = `select changed as position, outcome from grant_verifications(${Array.from({ length: parameters }, (_, index) => `$${index + 1}`).join(', ')})`;

/** Grants of purchases beside each other in one statement, each with the lease of its number (migration 0121). */
export const createGrants = (db: Database): ((granted: Granted) => Promise<Saved>) =>
  coalesce<Granted, Saved>({
    ...{ maxBatch: 128, maxConcurrent: 1, maxWaiting: 5_000 },
    run: async (batch) => {
      const column = <T>(of: (granted: Granted) => T): T[] => batch.map(of);
      const rows = await db.query<{ readonly position: bigint; readonly outcome: Saved }>(
        grantSql,
        [
          column(({ from }) => from.id),
          column(({ from }) => from.tenantId),
          column(({ from }) => from.state),
          column(({ from }) => from.version),
          column(({ to }) => to.activationId),
          column(({ to }) => to.providerCostMicros),
          column(({ to }) => to.phoneNumber),
          column(({ to }) => to.holdId),
          column(({ to }) => to.expiresAt),
          column(({ to }) => to.dueAt),
          column(({ to }) => to.cancellableAt),
          column(({ change }) => change),
          column(({ numberHash }) => numberHash),
          column(({ event }) => event.id),
          column(({ event }) => event.subject),
          column(({ event }) => event.headers),
          column(({ event }) => event.payload),
        ],
        { name: 'verification-grant' },
      );
      if (rows.some(({ outcome }) => outcome === 'saved' || outcome === 'pushWaits')) db.signalOutbox();
      const outcomes = new Map(rows.map(({ position, outcome }) => [Number(position), outcome]));
      return batch.map((_, index) => outcomes.get(index + 1) ?? 'lost');
    },
  });
