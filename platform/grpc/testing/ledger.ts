/** A ledger that does what the id of the hold says, for the tests of gRPC itself. */
import assert from 'node:assert/strict';
import { createLogger, type Logger } from '#platform/logging/index.ts';
import { createMetrics, type Metrics, metricTable } from '#platform/telemetry/index.ts';
import { eventually } from '#platform/testing/eventually.ts';
import { type Hold, HoldState, LedgerServiceClient, LedgerServiceService } from '#proto/namaskah/billing/v1/billing.ts';
import {
  allow,
  type BoundService,
  type CallContext,
  grpcClient,
  type GrpcClientOptions,
  type GrpcServer,
  type GrpcServerOptions,
  grpcService,
  method,
  type Principal,
  publicMethod,
  startGrpcServer,
  systemPrincipal,
} from '../index.ts';

export const key = 'a-test-key-of-at-least-32-characters';
export const otherKey = 'another-key-of-at-least-32-characters';

export const principal = (change: Partial<Principal> = {}): Principal => ({
  tenantId: '0192d3a0-0000-7000-8000-000000000001',
  subject: 'user:0192d3a0-0000-7000-8000-000000000002',
  roles: ['owner'],
  scopes: [],
  plan: 'free',
  ...change,
});

export const hold = (id: string, reference = ''): Hold => ({
  id,
  state: HoldState.HOLD_STATE_HELD,
  amount: undefined,
  captured: undefined,
  product: '',
  reference,
  expiresAt: undefined,
  createdAt: undefined,
});

export type GetHold = (holdId: string, call: CallContext<Principal | undefined>) => Promise<Hold> | Hold;
export interface Behaviour {
  /** getHold is marked NO_SIDE_EFFECTS, allowed to owner and system. */
  readonly getHold: GetHold;
  /** releaseHold is public here. */
  readonly releaseHold?: GetHold;
}

export const ledgerService = ({ getHold, releaseHold = getHold }: Behaviour): BoundService =>
  grpcService(LedgerServiceService, {
    placeHold: method(allow('owner', 'admin', 'staff'), (request) => ({ hold: hold(request.reference) })),
    placeHolds: method(allow('system'), () => ({ results: [] })),
    captureHold: method(allow('owner', 'admin', { scope: 'holds:write' }), (request) => ({ hold: hold(request.holdId) })),
    releaseHold: method(publicMethod(), async ({ holdId }, call) => ({ hold: await releaseHold(holdId, call) })),
    getHold: method(allow('owner', 'system'), async ({ holdId }, call) => ({ hold: await getHold(holdId, call) })),
    grantCredit: method(allow('system'), (_request, call) => ({ transferId: call.principal.subject })),
  });

export interface Lines {
  readonly logger: Logger;
  readonly lines: Record<string, unknown>[];
}
export const collectingLogger = (): Lines => {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line) as Record<string, unknown>);
  return { logger: createLogger({ service: 'ledger', level: 'debug', destination: { write } }), lines };
};

export interface Running {
  readonly server: GrpcServer;
  readonly client: ReturnType<typeof ledgerClient>;
  readonly metrics: Metrics;
  readonly lines: Lines['lines'];
  close(): Promise<void>;
}

export const ledgerClient = (port: number, options: Partial<GrpcClientOptions> = {}) =>
  grpcClient(LedgerServiceClient, { address: `127.0.0.1:${port}`, principalKey: key, caller: 'verification', ...options });

export const startLedger = async (
  behaviour: Behaviour,
  options: Partial<GrpcServerOptions> = {},
  clientOptions: Partial<GrpcClientOptions> = {},
): Promise<Running> => {
  const { logger, lines } = collectingLogger();
  const metrics = createMetrics(metricTable);
  const server = await startGrpcServer({
    host: '127.0.0.1',
    port: 0,
    principalKey: key,
    logger,
    metrics,
    services: [ledgerService(behaviour)],
    ...options,
  });
  const client = ledgerClient(server.port, { metrics, ...clientOptions });
  return {
    server,
    client,
    metrics,
    lines,
    close: async () => {
      await client.close();
      await server.close();
    },
  };
};

/** How many calls have come to the server over lanes. */
export const laneCalls = async ({ metrics }: Running): Promise<number> =>
  Number(/^rpc_server_lane_calls_total (\d+)$/m.exec((await metrics.expose()).body)?.[1] ?? 0);

/** Calls until a lane is open, so that what follows goes over it. */
export const openLane = async (running: Running, client = running.client): Promise<void> => {
  const before = await laneCalls(running);
  const grant = { idempotencyKey: '', tenantId: '', amount: undefined, reason: '' };
  await eventually(async () => {
    await client.grantCredit(grant, { principal: systemPrincipal('verification', 't') });
    assert.ok((await laneCalls(running)) > before, 'no lane yet');
  });
};

/** The two ways in which a unary call travels: whatever is said of calls has to hold for both. */
export const ways = [
  { way: 'by itself', start: startLedger },
  {
    way: 'over a lane',
    start: async (...args: Parameters<typeof startLedger>): Promise<Running> => {
      const running = await startLedger(...args);
      await openLane(running);
      return running;
    },
  },
] as const;
