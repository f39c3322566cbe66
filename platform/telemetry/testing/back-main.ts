/** The second process of the trace test: gRPC in, PostgreSQL out. */
import pg from 'pg';
import { startGrpcServer } from '#platform/grpc/index.ts';
import { hold, key, ledgerService } from '#platform/grpc/testing/ledger.ts';
import { createLogger } from '#platform/logging/index.ts';
import { activeTraceId, createMetrics, metricTable, shutdownTelemetry } from '../index.ts';

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 1 });
const getHold = async (id: string) => {
  await pool.query('select $1::text as phone', ['+447700900123']);
  return hold(id, activeTraceId());
};
const logger = createLogger({ service: 'back', level: 'info' });
const server = await startGrpcServer({
  host: '127.0.0.1',
  port: 0,
  principalKey: key,
  logger,
  metrics: createMetrics(metricTable),
  services: [ledgerService({ getHold })],
});
process.stdout.write(`listening ${server.port}\n`);
process.once('SIGTERM', () => void shutdownTelemetry().finally(() => process.exit(0)));
