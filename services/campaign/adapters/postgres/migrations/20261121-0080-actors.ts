import { sqlMigration } from '#platform/postgres/index.ts';

/** Who launched it, "user:<id>" or "key:<id>": billing shows it with the charges. Kept, so that a launch that is carried on says the same. */
export const actorsMigration = sqlMigration('20261121-0080-actors', 'alter table campaigns add column launch_actor text');
