/**
 * The floor's back half: gRPC in, one row into or out of PostgreSQL. Nothing of the platform: what grpc-js and pg cost.
 * argv: database URL. Prints its port.
 */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import pg from 'pg';
import { v7 } from 'uuid';
import { Verification, VerificationServiceService, type VerificationServiceServer } from '#proto/namaskah/verification/v1/verification.ts';

const pool = new pg.Pool({ connectionString: process.argv[2], max: 10 });
await pool.query(
  'create table if not exists floor (id uuid primary key, service text not null, country text not null, created_at timestamptz not null default now())',
);

const server = new Server();
const implementation: Partial<VerificationServiceServer> = {
  createVerification: (call, callback) => {
    const { service, country } = call.request;
    pool.query('insert into floor (id, service, country) values ($1, $2, $3)', [v7(), service, country]).then(
      () => callback(null, { verification: undefined }),
      (error: Error) => callback(error),
    );
  },
  getVerification: (call, callback) => {
    pool
      .query({ name: 'floor-read', text: 'select id, service, country, created_at from floor where id = $1', values: [call.request.id] })
      .then(
        ({ rows: [row] }) => callback(null, { verification: Verification.fromPartial({ ...row, createdAt: row.created_at }) }),
        (error: Error) => callback(error),
      );
  },
};
const unused = { listVerifications: () => {}, cancelVerification: () => {} };
server.addService(VerificationServiceService, { ...unused, ...implementation });
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${port}\n`);
});
process.on('SIGTERM', () => process.exit(0));
