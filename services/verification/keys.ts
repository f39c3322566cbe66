/**
 * Keys of tenants, on the machine, with the service's own credentials (DATABASE_URL, VERIFICATION_ENCRYPTION_KEY and, while it is being changed,
 * VERIFICATION_ENCRYPTION_KEYS_PREVIOUS); docs/runbooks/tenant-keys.md.
 *   node services/verification/keys.ts rewrap                      wraps all keys by the present VERIFICATION_ENCRYPTION_KEY
 *   node services/verification/keys.ts rotate <tenant id>          another key for what the tenant gets from now on
 *   node services/verification/keys.ts rotate --older-than <days>  the same for all whose key is older
 *   node services/verification/keys.ts shred <tenant id> --yes     destroys the tenant's keys: all texts and codes are gone for good
 */
import { databaseConfig, defineConfig } from '#platform/config/index.ts';
import { fromTypeId, isUuid } from '#platform/ids/index.ts';
import { openDatabase } from '#platform/postgres/index.ts';
import { addMs, dayMs, systemClock } from '#platform/time/index.ts';
import { postgresKeys } from './adapters/postgres/keys/store.ts';
import { encryptionConfig } from './config.ts';
import { keysOf } from './open-keys.ts';

export type KeyCommand =
  | { readonly kind: 'rewrap' }
  | { readonly kind: 'rotate' | 'shred'; readonly tenantId: string }
  | { readonly kind: 'rotateOld'; readonly days: number };

const tenantOf = (text: string | undefined): string | undefined => {
  if (text === undefined) return undefined;
  if (isUuid(text)) return text;
  return text.startsWith('ten_') ? fromTypeId('tenant', text) : undefined;
};

/** @returns undefined when the arguments name no command */
export const readKeyCommand = ([action, first, second, ...more]: readonly string[]): KeyCommand | undefined => {
  if (more.length > 0) return undefined;
  if (action === 'rewrap' && first === undefined) return { kind: 'rewrap' };
  if (action === 'rotate' && first === '--older-than')
    return /^[1-9]\d{0,3}$/.test(second ?? '') ? { kind: 'rotateOld', days: Number(second) } : undefined;
  const tenantId = tenantOf(first);
  if (tenantId === undefined) return undefined;
  if (action === 'rotate' && second === undefined) return { kind: 'rotate', tenantId };
  return action === 'shred' && second === '--yes' ? { kind: 'shred', tenantId } : undefined;
};

const batch = 500;

interface Settings {
  readonly databaseUrl: string;
  readonly encryptionKey: string;
  readonly encryptionKeysPrevious?: string | undefined;
}

/** @returns what was done, for people */
export const runKeyCommand = async (settings: Settings, command: KeyCommand, now: () => Date): Promise<string> => {
  const db = await openDatabase({ url: settings.databaseUrl, applicationName: 'verification-keys', poolMax: 2 });
  try {
    const store = postgresKeys(db);
    const { keys } = await keysOf({ encryptionKeysPrevious: undefined, ...settings }, store, now);
    switch (command.kind) {
      case 'rewrap': {
        let sum = 0;
        for (let done = batch; done === batch; sum += done) done = await keys.rewrap(batch);
        return `${sum} keys wrapped anew`;
      }
      case 'rotate':
        return `version ${await keys.rotate(command.tenantId)} seals from now on, in every process within five minutes`;
      case 'rotateOld': {
        const before = addMs(now(), -command.days * dayMs);
        let sum = 0;
        for (let more = true; more;) {
          const owners = (await store.ownersOlderThan(before, batch)).filter((owner) => isUuid(owner));
          for (const owner of owners) await keys.rotate(owner);
          sum += owners.length;
          more = owners.length > 0;
        }
        return `${sum} tenants have another key`;
      }
      case 'shred':
        return `${await keys.destroy(command.tenantId)} keys destroyed; processes forget them within five minutes`;
    }
  } finally {
    await db.close();
  }
};

const usage =
  'usage: node services/verification/keys.ts rewrap | rotate <tenant id> | rotate --older-than <days> | shred <tenant id> --yes\n';

if (import.meta.main) {
  const command = readKeyCommand(process.argv.slice(2));
  if (command === undefined) {
    process.stderr.write(usage);
    process.exitCode = 2;
  } else {
    // An entry point of its own, beside main.ts.
    // oxlint-disable-next-line node/no-process-env
    const settings = defineConfig({ databaseUrl: databaseConfig.databaseUrl, ...encryptionConfig }).parse(process.env);
    process.stdout.write(`${await runKeyCommand(settings, command, () => systemClock.now())}\n`);
  }
}
