/**
 * The secrets of one machine's platform: made once, kept in `<dataDir>/secrets.json` (mode 0600), the same at every start,
 * because what is encrypted or signed with them outlives a start.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Secrets {
  readonly principalKey: string;
  readonly authEncryptionKey: string;
  readonly verificationEncryptionKey: string;
  readonly notificationEncryptionKey: string;
  readonly paymentSimulatorSecret: string;
  readonly providerHandlerApiKey: string;
  readonly providerPushSecret: string;
  readonly smppSystemId: string;
  readonly smppPassword: string;
  readonly demoPassword: string;
  readonly operatorPassword: string;
  /** Superuser of the local PostgreSQL, when the runner starts one. */
  readonly postgresPassword: string;
  /** Password of each service's login role, by database name. */
  readonly databasePasswords: Readonly<Record<string, string>>;
}

const token = (bytes = 24): string => randomBytes(bytes).toString('base64url');
const key = (): string => randomBytes(32).toString('base64');

const generate = (): Omit<Secrets, 'databasePasswords'> => ({
  principalKey: key(),
  authEncryptionKey: key(),
  verificationEncryptionKey: key(),
  notificationEncryptionKey: key(),
  paymentSimulatorSecret: token(),
  providerHandlerApiKey: token(),
  providerPushSecret: token(),
  smppSystemId: 'namaskah',
  // SMPP 3.4 ends a password after eight octets.
  smppPassword: token(6),
  demoPassword: token(15),
  operatorPassword: token(15),
  postgresPassword: token(),
});

/** Only this user can read it, and a reader never sees half of it. */
export const writePrivateJson = async (path: string, value: unknown): Promise<void> => {
  const draft = `${path}.${process.pid}.tmp`;
  await writeFile(draft, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  await rename(draft, path);
};

/** @returns the parsed file, or undefined when there is none. A damaged file is an error: guessing would lose data. */
export const readJson = async <T>(path: string): Promise<T | undefined> => {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new Error(`${path} is damaged (not JSON)`, { cause });
  }
};

/** Reads the machine's secrets and makes those that are missing: all of them the first time, a new one after an update. */
export const loadSecrets = async (dataDir: string, databases: readonly string[]): Promise<Secrets> => {
  await mkdir(dataDir, { recursive: true });
  const path = join(dataDir, 'secrets.json');
  const known = (await readJson<Partial<Secrets>>(path)) ?? {};
  const databasePasswords = { ...Object.fromEntries(databases.map((name) => [name, token()])), ...known.databasePasswords };
  const secrets: Secrets = { ...generate(), ...known, databasePasswords };
  if (JSON.stringify(secrets) === JSON.stringify(known)) await chmod(path, 0o600);
  else await writePrivateJson(path, secrets);
  return secrets;
};
