/** What the person at the keyboard may set: by the environment, which `make up NAME=value` fills too. An empty value is none. */
import { statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { defaultGatewayPort, defaultPortBase } from '#topology';
import { root } from './run.ts';

export interface Settings {
  readonly dataDir: string;
  readonly gatewayPort: number;
  readonly portBase: number;
  readonly postgresUrl: string | undefined;
  readonly natsUrl: string | undefined;
}

/** Wrong use, with a message for the person; no stack trace is shown. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const read = (name: string): string | undefined => {
  const value = process.env[name];
  return value === undefined || value === '' ? undefined : value;
};

const readPort = (name: string, fallback: number, max: number): number => {
  const text = read(name);
  if (text === undefined) return fallback;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > max) throw new UsageError(`${name} must be a whole number from 1 to ${max}, not "${text}"`);
  return port;
};

/** The highest offset of topology.ts stays below this. */
const offsets = 100;

export const readSettings = (): Settings => ({
  dataDir: resolve(root, read('DATA_DIR') ?? '.data'),
  gatewayPort: readPort('GATEWAY_PORT', defaultGatewayPort, 65_535),
  portBase: readPort('PORT_BASE', defaultPortBase, 65_535 - offsets),
  postgresUrl: read('POSTGRES_URL'),
  natsUrl: read('NATS_URL'),
});

/** Data that another user made would first fail half-way, then belong to two users: refused before anything is touched. */
export const requireOwnData = (dataDir: string): void => {
  const uid = process.getuid?.();
  let owner: number;
  try {
    owner = statSync(dataDir).uid;
  } catch {
    return;
  }
  if (uid === undefined || owner === uid) return;
  const me = userInfo().username;
  throw new UsageError(
    uid === 0
      ? `${dataDir} belongs to user ${owner}, and this is root. Run as that user, or set DATA_DIR to another directory.`
      : `${dataDir} belongs to ${owner === 0 ? 'root' : `user ${owner}`}, and this is ${me}. Either hand it over:  sudo rm -rf ${dataDir}   (start afresh), or  make up DATA_DIR=<another directory>`,
  );
};
