/** Reads many verifications and rentals at once, for those who deliver events. */
import type { BoundService } from '#platform/grpc/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import { liveService } from './adapters/grpc/live.ts';
import { snapshotReader } from './adapters/postgres/live/reader.ts';
import { rentalReader } from './adapters/postgres/rental/store.ts';
import { getRentals } from './app/live/get-rentals.ts';
import { getVerifications } from './app/live/get-verifications.ts';
import type { Ports } from './app/ports.ts';

export const openLive = ({ db, sealer, freshViews }: { readonly db: Database } & Pick<Ports, 'sealer' | 'freshViews'>): BoundService =>
  liveService({
    getVerifications: getVerifications({ reader: snapshotReader(db), sealer, freshViews }),
    getRentals: getRentals({ store: rentalReader(db), sealer }),
  });
