/** Which port each part of the platform listens on: by the offsets of topology.ts, or any free ones. */
import { connect, createServer, type AddressInfo } from 'node:net';
import { listenSomewhere } from './infra/index.ts';
import { infrastructurePorts, type ProcessRow, type ServiceName } from '#topology';

export type PortRole = 'grpc' | 'admin' | 'http' | 'smpp';
export type ProcessPorts = Readonly<Partial<Record<PortRole, number>>>;

export interface PortPlan {
  readonly gateway: number;
  readonly postgres: number;
  readonly nats: number;
  readonly processes: Readonly<Partial<Record<ServiceName, ProcessPorts>>>;
}

export const localHost = '127.0.0.1';

/** The plan of `make up`: fixed ports, so that they can be remembered. */
export const fixedPorts = (rows: readonly ProcessRow[], portBase: number, gatewayPort: number): PortPlan => ({
  gateway: gatewayPort,
  postgres: portBase + infrastructurePorts.postgres,
  nats: portBase + infrastructurePorts.nats,
  processes: Object.fromEntries(
    rows.map(({ name, ports }) => [name, Object.fromEntries(Object.entries(ports).map(([role, offset]) => [role, portBase + offset]))]),
  ),
});

const listen = (port: number): Promise<ReturnType<typeof createServer>> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: localHost, exclusive: true }, () => resolve(server));
  });

/** Distinct ports that nobody listened on a moment ago: all are held at once before any is given back. */
export const freePorts = async (count: number): Promise<readonly number[]> => {
  const servers = await Promise.all(Array.from({ length: count }, () => listenSomewhere()));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
};

/** The plan of tests and benchmarks: free ports, so that several platforms live side by side. */
export const anyPorts = async (rows: readonly ProcessRow[]): Promise<PortPlan> => {
  const roles = rows.flatMap(({ name, ports }) => Object.keys(ports).map((role) => ({ name, role })));
  const [gateway = 0, postgres = 0, nats = 0, ...rest] = await freePorts(roles.length + 3);
  const processes: Partial<Record<ServiceName, Record<string, number>>> = {};
  for (const [index, { name, role }] of roles.entries()) (processes[name] ??= {})[role] = rest[index] ?? 0;
  return { gateway, postgres, nats, processes };
};

export interface PortClaim {
  readonly port: number;
  readonly part: string;
  /** The variable that moves it. */
  readonly setting: 'GATEWAY_PORT' | 'PORT_BASE';
}

export const portClaims = (
  plan: PortPlan,
  rows: readonly ProcessRow[],
  own: { readonly postgres: boolean; readonly nats: boolean; readonly gateway: boolean },
): readonly PortClaim[] => [
  ...(own.gateway ? [{ port: plan.gateway, part: 'gateway', setting: 'GATEWAY_PORT' } as const] : []),
  ...(own.postgres ? [{ port: plan.postgres, part: 'PostgreSQL', setting: 'PORT_BASE' } as const] : []),
  ...(own.nats ? [{ port: plan.nats, part: 'NATS', setting: 'PORT_BASE' } as const] : []),
  ...rows.flatMap(({ name }) =>
    Object.entries(plan.processes[name] ?? {}).map(([role, port]) => ({ port, part: `${name}, ${role}`, setting: 'PORT_BASE' }) as const),
  ),
];

/** Somebody accepts there. macOS lets one bind 127.0.0.1 beside a stranger's listener on every address. */
const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: localHost, timeout: 1_000 });
    const settle = (yes: boolean): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('timeout', () => settle(false));
  });

/** @returns the claims whose port cannot be opened now. */
export const takenPorts = async (claims: readonly PortClaim[]): Promise<readonly (PortClaim & { readonly reason: string })[]> => {
  const results = await Promise.all(
    claims.map(async (claim) => {
      if (await answers(claim.port)) return { ...claim, reason: 'EADDRINUSE' };
      try {
        const server = await listen(claim.port);
        await new Promise((resolve) => server.close(resolve));
        return undefined;
      } catch (error) {
        return { ...claim, reason: (error as NodeJS.ErrnoException).code ?? String(error) };
      }
    }),
  );
  return results.filter((taken) => taken !== undefined);
};
