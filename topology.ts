/**
 * Every process of the platform: name, command, ports, dependencies. The local runner, the whole-system tests, the
 * benchmark and the deployment checks read this table; nothing else knows which processes there are.
 */
export type ServiceName = 'auth' | 'billing' | 'verification' | 'campaign' | 'analytics' | 'notification' | 'gateway' | 'simulator';

export interface ProcessRow {
  readonly name: ServiceName;
  /** Entry point, run by Node directly. */
  readonly entry: string;
  /** Offsets from the port base; the gateway's public port is GATEWAY_PORT. */
  readonly ports: Readonly<Partial<Record<'grpc' | 'admin' | 'http' | 'smpp', number>>>;
  /** Owns a database of this name, with a login role of the same name. */
  readonly database?: string;
  /** Started after these are ready. Every service can in fact start in any order; this only keeps first logs quiet. */
  readonly dependsOn: readonly ServiceName[];
  /** gRPC services of others that it calls: each becomes <NAME>_GRPC_ADDRESS in its environment. */
  readonly calls: readonly ServiceName[];
}

/**
 * What every process is started with, before its entry point. A service shares its cores with others, so its garbage collector must not
 * need a second one at once: the young generation is cleaned by the main thread alone and is as large from the start as it may become, so that
 * it is cleaned seldom (docs/adr/0077); little of it is alive then, for what is made for a call is young (docs/adr/0076).
 */
export const nodeArguments = [
  '--min-semi-space-size=32',
  '--max-semi-space-size=32',
  '--no-parallel-scavenge',
  '--no-allocation-site-pretenuring',
  '--concurrent-marking-max-worker-num=1',
  '--import',
  './platform/telemetry/register.ts',
] as const;

export const topology: readonly ProcessRow[] = [
  { name: 'simulator', entry: 'services/simulator/main.ts', ports: { http: 70, smpp: 71, admin: 72 }, dependsOn: [], calls: [] },
  { name: 'auth', entry: 'services/auth/main.ts', ports: { grpc: 10, admin: 11 }, database: 'auth', dependsOn: [], calls: [] },
  {
    name: 'billing',
    entry: 'services/billing/main.ts',
    ports: { grpc: 20, admin: 21 },
    database: 'billing',
    dependsOn: ['simulator'],
    calls: [],
  },
  {
    name: 'verification',
    entry: 'services/verification/main.ts',
    ports: { grpc: 30, admin: 31 },
    database: 'verification',
    dependsOn: ['billing', 'simulator'],
    calls: ['billing'],
  },
  {
    name: 'campaign',
    entry: 'services/campaign/main.ts',
    ports: { grpc: 40, admin: 41 },
    database: 'campaign',
    dependsOn: ['billing', 'simulator'],
    calls: ['billing'],
  },
  {
    name: 'analytics',
    entry: 'services/analytics/main.ts',
    ports: { grpc: 50, admin: 51 },
    database: 'analytics',
    dependsOn: [],
    calls: [],
  },
  {
    name: 'notification',
    entry: 'services/notification/main.ts',
    ports: { grpc: 60, admin: 61 },
    database: 'notification',
    dependsOn: ['auth', 'simulator'],
    calls: ['auth', 'verification'],
  },
  {
    name: 'gateway',
    entry: 'services/gateway/main.ts',
    ports: { admin: 81 },
    dependsOn: ['auth', 'billing', 'verification', 'campaign', 'analytics', 'notification'],
    calls: ['auth', 'billing', 'verification', 'campaign', 'analytics', 'notification'],
  },
];

export const defaultPortBase = 18_000;
export const defaultGatewayPort = 8080;
/** Offsets of the infrastructure that the local runner starts itself. */
export const infrastructurePorts = { postgres: 0, nats: 1 } as const;
