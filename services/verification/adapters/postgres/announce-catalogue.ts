import { events } from '#events';
import { publishEvent } from '#platform/messaging/index.ts';
import type { Database } from '#platform/postgres/index.ts';

/** Of what concerns everybody. */
const nobody = '00000000-0000-0000-0000-000000000000';

const sql = `
insert into catalogue_version as c (version, number, since) values ($1, 1, $2)
on conflict (single) do update set version = excluded.version, number = c.number + 1, since = excluded.since where c.version <> excluded.version
returning number`;

/** Tells that the catalogue is another one than before, once, whichever replica starts first with it. @returns whether this one told it */
export const announceCatalogue = (db: Database, version: string, now: Date): Promise<boolean> =>
  db.transaction(async (tx) => {
    const [row] = await tx.query<{ number: bigint }>(sql, [version, now]);
    if (row === undefined) return false;
    const about = { tenantId: nobody, aggregateId: 'catalogue', aggregateVersion: row.number, occurredAt: now };
    await publishEvent(tx, events.verification.catalogueChanged, { ...about, payload: { version } });
    return true;
  });
