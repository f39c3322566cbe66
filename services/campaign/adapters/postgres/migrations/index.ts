import { platformMigration, type NamedMigration } from '#platform/postgres/index.ts';
import { sendingMigration } from './20261121-0001-sending.ts';
import { ratesMigration } from './20261121-0002-rates.ts';
import { actorsMigration } from './20261121-0080-actors.ts';

export const migrations: readonly NamedMigration[] = [platformMigration, sendingMigration, ratesMigration, actorsMigration];
