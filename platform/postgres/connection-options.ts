import type { ClientConfig, PoolConfig } from 'pg';

export interface SessionOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly statementTimeoutMs?: number;
  readonly lockTimeoutMs?: number;
}

const tlsOf = (url: string): PoolConfig['ssl'] => {
  const mode = new URL(url).searchParams.get('sslmode');
  if (mode === null || mode === 'disable' || mode === 'prefer') return undefined;
  return { rejectUnauthorized: mode !== 'no-verify' };
};

/** How long an answer is waited for: the server, which cancels first, may be out of reach. */
export const readTimeoutMs = ({ statementTimeoutMs = 5_000 }: Pick<SessionOptions, 'statementTimeoutMs'>): number =>
  statementTimeoutMs + 2_000;

/**
 * Everything a session needs goes out in the start-up packet, so a checkout costs no statement.
 * Behind PgBouncer list these in `ignore_startup_parameters` and set them on the role instead.
 */
export const connectionOptions = ({ url, applicationName, statementTimeoutMs = 5_000, lockTimeoutMs }: SessionOptions): PoolConfig => {
  const ssl = tlsOf(url);
  return {
    application_name: applicationName,
    statement_timeout: statementTimeoutMs,
    lock_timeout: lockTimeoutMs ?? Math.max(1, Math.floor(statementTimeoutMs * 0.8)),
    idle_in_transaction_session_timeout: statementTimeoutMs * 2,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    idleTimeoutMillis: 60_000,
    // A locked advisory lock or row must be freed soon after a client's machine has vanished.
    options: '-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c timezone=UTC',
    ...(ssl === undefined ? {} : { ssl }),
  };
};

/**
 * For a connection outside MikroORM's pool. Only what MikroORM reads of an address, so that one address means one thing: pg would let each parameter
 * in it overrule an option, and understands other `sslmode`s by it.
 */
export const clientOptions = (session: SessionOptions): ClientConfig => {
  const { hostname, port, username, password, pathname } = new URL(session.url);
  return {
    host: decodeURIComponent(hostname),
    ...(port === '' ? {} : { port: Number(port) }),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname).replace(/^\//, ''),
    ...connectionOptions(session),
  };
};
