/**
 * The whole platform, or a part of it, as one object: the local runner, the whole-system tests and the benchmark start it
 * here. Everything of it lives under `dataDir`; with free ports any number of platforms run side by side.
 *
 *   const platform = await startPlatform({ dataDir });
 *   await platform.kill('billing');            // kill -9, stays dead unless autoRestart is on
 *   await platform.restart('billing');         // and is back, ready
 *   await platform.stop();                     // nothing is left running
 */
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { topology, type ProcessRow, type ServiceName } from '#topology';
import { adminUrl, gatewayUrl, grpcAddress, processEnvironment, simulatorUrl, type Environment } from './env.ts';
import { ensureNatsServer } from './infra/index.ts';
import { pidFiles } from './pids.ts';
import { anyPorts, fixedPorts, freePorts, portClaims, takenPorts, type PortPlan } from './ports.ts';
import { launchProcess, openLineLog, type LineLog } from './process.ts';
import { loadSecrets, writePrivateJson, type Secrets } from './secrets.ts';
import { seedDemo, type DemoAccount } from './seed.ts';
import { createDatabases, createStreams, launchNats, launchPostgres, migrateAll } from './servers.ts';
import { StartError, supervise, type Part, type SupervisorEvent } from './supervisor.ts';
import { createProgress } from './terminal.ts';

/** A process of topology.ts, a server that the platform started itself, or a further replica ("billing.2"). */
export type PartName = ServiceName | 'postgres' | 'nats' | `${ServiceName}.${number}`;

export interface PlatformOptions {
  /** Databases, streams, logs, pid files and secrets; made when missing. */
  readonly dataDir: string;
  /** Fixed ports from here on (see topology.ts); any free ones when left out. */
  readonly portBase?: number;
  /** Only together with portBase. */
  readonly gatewayPort?: number;
  /** Start these processes only. */
  readonly only?: readonly ServiceName[];
  /** What to run instead of topology.ts. */
  readonly rows?: readonly ProcessRow[];
  /** Keys that win over the computed environment, for "all" or for one process. */
  readonly env?: Readonly<Partial<Record<ServiceName | 'all', Environment>>>;
  /** Say nothing on the terminal. */
  readonly quiet?: boolean;
  /** Use this server (superuser's address) instead of starting one. */
  readonly postgresUrl?: string;
  /** Put before database and role names on a shared server. */
  readonly databasePrefix?: string;
  readonly natsUrl?: string;
  /** False: PostgreSQL without fsync; enough for every kill, not for a power cut. */
  readonly durable?: boolean;
  /** Bring back what dies by itself. Off by default: a test that kills wants to see it dead. */
  readonly autoRestart?: boolean;
  /** Register the demo customer: default true when all processes run. */
  readonly seed?: boolean;
  readonly readyTimeoutMs?: number;
  /** Gives up a start that is under way: what runs already is stopped, and the start throws the reason. */
  readonly signal?: AbortSignal;
  readonly onLine?: (part: PartName, line: string) => void;
  readonly onEvent?: (part: PartName, event: SupervisorEvent) => void;
}

export interface Platform {
  readonly gatewayUrl: string;
  readonly simulatorUrl: string;
  readonly natsUrl: string;
  /** Superuser's address; empty when no process owns a database. */
  readonly postgresUrl: string;
  readonly ports: PortPlan;
  readonly secrets: Secrets;
  /** The demo customer, when seeded. */
  readonly demo: DemoAccount | undefined;
  /** As the service's own role. */
  databaseUrl(database: string): string;
  /** Base of /metrics, /health/live and /health/ready. */
  adminUrl(name: ServiceName): string;
  /** host:port */
  grpcAddress(name: ServiceName): string;
  /** What this process was started with. */
  environment(name: ServiceName): Environment;
  /** The parts in the order of their start. */
  parts(): readonly PartName[];
  start(name: PartName): Promise<void>;
  /** In good order, when it runs; no restart follows until start or restart. */
  shutdown(name: PartName): Promise<void>;
  /** Stops it (if it runs) and starts it; resolves when it is ready. */
  restart(name: PartName): Promise<void>;
  /** SIGKILL unless told otherwise; SIGSTOP and SIGCONT pause and go on. Ending signals are waited for. */
  kill(name: PartName, signal?: NodeJS.Signals): Promise<void>;
  waitReady(name: PartName, timeoutMs?: number): Promise<void>;
  /** One more instance on free ports, with the same database and streams. Stopped with the platform, or by shutdown(name). */
  replica(
    name: ServiceName,
  ): Promise<{ readonly name: PartName; readonly gatewayUrl?: string; readonly grpcAddress?: string; readonly adminUrl: string }>;
  pid(name: PartName): number | undefined;
  restarts(name: PartName): number;
  /** Latest output lines of a process, oldest first; everything is in `<dataDir>/logs`. */
  logs(name: PartName): readonly string[];
  stop(): Promise<void>;
}

/** What `<dataDir>/platform.json` says while a platform runs: where it is. Other tools find it there; no secret is in it. */
export interface PlatformFile {
  readonly gatewayUrl: string;
  readonly simulatorUrl: string;
  readonly natsUrl: string;
  readonly ports: PortPlan;
}

export const platformFile = (dataDir: string): string => join(dataDir, 'platform.json');

/** A port that the platform needs is in use: nothing was started. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
}

const choosePorts = async (options: PlatformOptions, rows: readonly ProcessRow[]): Promise<PortPlan> => {
  // Those that do not run have an address too: a caller is configured with it and finds nobody there.
  const everyRow = options.rows ?? topology;
  if (options.portBase === undefined) return anyPorts(everyRow);
  const [anyGateway = 0] = options.gatewayPort === undefined ? await freePorts(1) : [];
  const plan = fixedPorts(everyRow, options.portBase, options.gatewayPort ?? anyGateway);
  const own = {
    postgres: options.postgresUrl === undefined && rows.some((row) => row.database !== undefined),
    nats: options.natsUrl === undefined,
    gateway: rows.some((row) => row.name === 'gateway'),
  };
  const claims = portClaims(plan, rows, own);
  const claimants = Map.groupBy(claims, ({ port }) => port);
  const taken = await takenPorts(claims);
  const lines = [...claimants]
    .filter(([, parts]) => parts.length > 1)
    .map(([port, parts]) => `port ${port} is wanted twice: ${parts.map(({ part }) => part).join(' and ')}`);
  const wantedTwice = lines.length > 0;
  if (!wantedTwice && taken.length === 0) return plan;
  for (const { port, part, reason } of taken) {
    if ((claimants.get(port)?.length ?? 0) > 1 && reason === 'EADDRINUSE') continue;
    lines.push(`port ${port} (${part}) ${reason === 'EADDRINUSE' ? 'is in use' : `cannot be opened: ${reason}`}`);
  }
  const settings = new Set(taken.map(({ setting }) => setting));
  const gateway = settings.has('GATEWAY_PORT') ? [`GATEWAY_PORT=${plan.gateway < 65_535 ? plan.gateway + 1 : 8081}`] : [];
  const otherBase = options.portBase <= 64_000 ? options.portBase + 1_000 : options.portBase - 1_000;
  const base = settings.has('PORT_BASE') || wantedTwice ? [`PORT_BASE=${otherBase}`] : [];
  lines.push(`Choose other ports: make up ${[...gateway, ...base].join(' ')}`);
  throw new PortTakenError(lines.join('\n'));
};

/** Stops, dependents first, as much at once as the order allows. */
const stopInOrder = async (rows: readonly ProcessRow[], stop: (name: ServiceName) => Promise<void>): Promise<void> => {
  const stopped = new Map<ServiceName, Promise<void>>();
  // A later row may depend on an earlier one, never the other way round: from the end, every dependent is known already.
  for (const row of rows.toReversed()) {
    const dependents = rows.filter(({ dependsOn }) => dependsOn.includes(row.name)).flatMap(({ name }) => stopped.get(name) ?? []);
    stopped.set(
      row.name,
      Promise.allSettled(dependents).then(() => stop(row.name)),
    );
  }
  await Promise.allSettled(stopped.values());
};

/** Starts everything; what was started is stopped again when something fails. */
export const startPlatform = async (options: PlatformOptions): Promise<Platform> => {
  const dataDir = resolve(options.dataDir);
  const rows = (options.rows ?? topology).filter(({ name }) => options.only === undefined || options.only.includes(name));
  const databases = rows.flatMap(({ database }) => (database === undefined ? [] : [database]));
  const progress = createProgress(options.quiet);
  await mkdir(join(dataDir, 'logs'), { recursive: true });
  await rm(platformFile(dataDir), { force: true });
  const ports = await choosePorts(options, rows);
  const secrets = await loadSecrets(dataDir, databases);
  const pids = pidFiles(dataDir);

  const parts = new Map<PartName, Part>();
  const logs = new Map<PartName, LineLog>();
  const replicas = new Map<PartName, ServiceName>();
  let databaseUrls: ReadonlyMap<string, string> = new Map();
  let demo: DemoAccount | undefined;

  const natsUrl = options.natsUrl ?? `nats://127.0.0.1:${ports.nats}`;
  const ownPostgres = options.postgresUrl === undefined && databases.length > 0;
  const postgresUrl =
    options.postgresUrl ??
    (ownPostgres ? `postgres://postgres:${encodeURIComponent(secrets.postgresPassword)}@127.0.0.1:${ports.postgres}/postgres` : '');

  const databaseUrl = (database: string): string => {
    const url = databaseUrls.get(database);
    if (url === undefined) throw new Error(`there is no database ${database}`);
    return url;
  };
  const rowOf = (name: ServiceName): ProcessRow => {
    const row = rows.find((candidate) => candidate.name === name);
    if (row === undefined) throw new Error(`${name} is not part of this platform`);
    return row;
  };
  const part = (name: PartName): Part => {
    const found = parts.get(name);
    if (found === undefined) throw new Error(`${name} is not part of this platform`);
    return found;
  };
  const environment = (row: ProcessRow, replicaPorts: Readonly<Record<string, number>> = {}): Environment =>
    processEnvironment(row, {
      ports,
      secrets,
      natsUrl,
      databaseUrl,
      replicaPorts,
      ...(options.env === undefined ? {} : { overrides: options.env }),
    });

  const add = (name: PartName, launch: Parameters<typeof supervise>[0]['launch']): Part => {
    const supervised = supervise({
      name,
      launch,
      autoRestart: options.autoRestart ?? false,
      lastLines: () => logs.get(name)?.last(25) ?? [],
      onEvent: (event) => options.onEvent?.(name, event),
      ...(options.readyTimeoutMs === undefined ? {} : { readyTimeoutMs: options.readyTimeoutMs }),
    });
    parts.set(name, supervised);
    return supervised;
  };

  const addProcess = (name: PartName, row: ProcessRow, replicaPorts: Readonly<Record<string, number>> = {}): Part => {
    const log = openLineLog(join(dataDir, 'logs', `${name}.log`), (line) => options.onLine?.(name, line));
    logs.set(name, log);
    const env = environment(row, replicaPorts);
    return add(name, () =>
      launchProcess({ name, entry: row.entry, env, readyUrl: `http://127.0.0.1:${env['ADMIN_PORT']}/health/ready`, log, pids }),
    );
  };

  let stopping = false;
  const stop = async (): Promise<void> => {
    stopping = true;
    await rm(platformFile(dataDir), { force: true });
    await Promise.allSettled([...replicas.keys()].flatMap((name) => parts.get(name)?.stop() ?? []));
    await stopInOrder(rows, async (name) => parts.get(name)?.stop());
    await parts.get('nats')?.stop();
    await parts.get('postgres')?.stop();
    await Promise.allSettled([...logs.values()].map((log) => log.close()));
    process.off('exit', killAll);
  };
  /** Last resort, when the runner itself falls over. */
  const killAll = (): void => {
    for (const { pid } of parts.values()) {
      const id = pid();
      if (id !== undefined) process.kill(id, 'SIGTERM');
    }
  };
  process.on('exit', killAll);

  const startServers = async (): Promise<void> => {
    // May install the package, so before anything else is started.
    if (options.natsUrl === undefined) await progress.step('nats-server', async () => ensureNatsServer());
    await Promise.all([
      ownPostgres
        ? progress.step(`PostgreSQL on port ${ports.postgres}`, () =>
            add('postgres', () =>
              launchPostgres({
                dataDir: join(dataDir, 'postgres'),
                port: ports.postgres,
                durable: options.durable ?? true,
                password: secrets.postgresPassword,
                pids,
              }),
            ).start(),
          )
        : undefined,
      options.natsUrl === undefined
        ? progress.step(`NATS on port ${ports.nats}`, () =>
            add('nats', () => launchNats({ dir: join(dataDir, 'nats'), port: ports.nats, pids })).start(),
          )
        : undefined,
    ]);
  };

  const startProcesses = async (): Promise<void> => {
    const started = new Map<ServiceName, Promise<void>>();
    for (const row of rows) {
      const before = Promise.all(row.dependsOn.flatMap((name) => started.get(name) ?? []));
      const port =
        row.name === 'gateway'
          ? ports.gateway
          : (row.ports.grpc ?? row.ports.http) === undefined
            ? undefined
            : (ports.processes[row.name]?.grpc ?? ports.processes[row.name]?.http);
      const run = before.then(() => {
        if (stopping) throw new Error('the platform is being stopped');
        return progress.step(`${row.name}${port === undefined ? '' : ` on port ${port}`}`, () => addProcess(row.name, row).start());
      });
      run.catch(() => {});
      started.set(row.name, run);
    }
    await Promise.all(started.values());
  };

  const prepare = async (): Promise<void> => {
    databaseUrls = await createDatabases(postgresUrl, rows, secrets.databasePasswords, options.databasePrefix);
    await migrateAll(rows, databaseUrls);
  };
  const seed = (): Promise<DemoAccount> =>
    seedDemo({
      dataDir,
      gatewayUrl: gatewayUrl(ports),
      authAddress: grpcAddress(ports, 'auth'),
      billingAddress: grpcAddress(ports, 'billing'),
      principalKey: secrets.principalKey,
      password: secrets.demoPassword,
      operatorPassword: secrets.operatorPassword,
      authDatabaseUrl: databaseUrls.get('auth') ?? '',
    });
  const startAll = async (): Promise<void> => {
    await startServers();
    await Promise.all([
      databases.length === 0 ? undefined : progress.step('databases and migrations', prepare),
      progress.step('event streams', () => createStreams(natsUrl)),
    ]);
    await startProcesses();
    const whole = options.only === undefined && options.rows === undefined;
    if (options.seed ?? whole) demo = await progress.step('demo customer', seed);
  };
  const aborted = new Promise<never>((_resolve, reject) => {
    options.signal?.addEventListener('abort', () => reject(options.signal?.reason as Error), { once: true });
  });
  aborted.catch(() => {});

  try {
    options.signal?.throwIfAborted();
    const starting = startAll();
    starting.catch(() => {});
    await Promise.race([starting, aborted]);
  } catch (error) {
    await stop();
    throw error;
  }

  const where: PlatformFile = {
    gatewayUrl: gatewayUrl(ports),
    simulatorUrl: rows.some(({ name }) => name === 'simulator') ? simulatorUrl(ports) : '',
    natsUrl,
    ports,
  };
  // The address of a server of one's own may hold a password: only the local one is written down.
  await writePrivateJson(platformFile(dataDir), { ...where, natsUrl: options.natsUrl === undefined ? natsUrl : '' });

  return {
    ...where,
    postgresUrl,
    secrets,
    demo,
    databaseUrl,
    adminUrl: (name) => adminUrl(ports, name),
    grpcAddress: (name) => grpcAddress(ports, name),
    environment: (name) => environment(rowOf(name)),
    parts: () => [...parts.keys()],
    start: (name) => part(name).start(),
    shutdown: (name) => part(name).stop(),
    restart: async (name) => {
      await part(name).stop();
      await part(name).start();
    },
    kill: (name, signal) => part(name).kill(signal),
    waitReady: (name, timeoutMs) => part(name).waitReady(timeoutMs),
    replica: async (name) => {
      const row = rowOf(name);
      const roles = [...Object.keys(row.ports), ...(name === 'gateway' ? ['gateway'] : [])];
      const free = await freePorts(roles.length);
      const own = Object.fromEntries(roles.map((role, index) => [role, free[index] ?? 0]));
      const count = [...replicas.values()].filter((original) => original === name).length;
      const replicaName: PartName = `${name}.${count + 2}`;
      replicas.set(replicaName, name);
      await addProcess(replicaName, row, own).start();
      return {
        name: replicaName,
        adminUrl: `http://127.0.0.1:${own['admin']}`,
        ...(own['gateway'] === undefined ? {} : { gatewayUrl: `http://127.0.0.1:${own['gateway']}` }),
        ...(own['grpc'] === undefined ? {} : { grpcAddress: `127.0.0.1:${own['grpc']}` }),
      };
    },
    pid: (name) => part(name).pid(),
    restarts: (name) => part(name).restarts(),
    logs: (name) => logs.get(name)?.lines() ?? [],
    stop,
  };
};

export { StartError };
