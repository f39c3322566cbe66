/** The first process of the trace test: HTTP in, gRPC out. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ledgerClient, principal } from '#platform/grpc/testing/ledger.ts';
import { activeTraceHeaders, activeTraceId, continueTrace, shutdownTelemetry } from '../index.ts';

const client = ledgerClient(Number(process.env['BACK_PORT']));
const answer = async (): Promise<string> => {
  const { hold } = await client.getHold({ holdId: 'h' }, { principal: principal() });
  return JSON.stringify({ front: activeTraceId(), back: hold?.reference, headers: activeTraceHeaders() });
};
const server = createServer((request, response) => {
  continueTrace(request.headers, () => {
    answer().then(
      (text) => response.end(text),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`listening ${(server.address() as AddressInfo).port}\n`));
process.once('SIGTERM', () => void shutdownTelemetry().finally(() => process.exit(0)));
