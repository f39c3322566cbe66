import type { Database } from '#platform/postgres/index.ts';
import type { SigningKeys } from '../../app/ports.ts';
import { SigningKeyRow } from './rows.ts';

export const createSigningKeys = (db: Database): SigningKeys => ({
  list: async () => {
    const rows = await db.em().find(SigningKeyRow, {}, { orderBy: { signsFrom: 'desc', kid: 'asc' } });
    return rows.map(({ kid, publicJwk, sealedPrivateJwk, createdAt, signsFrom }) => ({
      kid,
      publicJwk,
      sealedPrivateJwk,
      createdAt,
      signsFrom,
    }));
  },
  add: async (key, known) =>
    await db.transaction(async (tx) => {
      // Replicas that start at once take turns; the later one sees the key of the first.
      await tx.query('lock table signing_keys in share row exclusive mode');
      const rows = await tx.query(
        `insert into signing_keys (kid, public_jwk, sealed_private_jwk, created_at, signs_from)
         select $1, $2::jsonb, $3, $4, $5 where not exists (select 1 from signing_keys where kid <> all ($6::text[]))
         returning kid`,
        [key.kid, JSON.stringify(key.publicJwk), key.sealedPrivateJwk, key.createdAt, key.signsFrom, known],
      );
      return rows.length > 0;
    }),
  remove: async (kids) => void (await db.query('delete from signing_keys where kid = any ($1::text[])', [kids])),
});
