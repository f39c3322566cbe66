export { coalesce, type CoalesceOptions } from './coalesce.ts';
export * from './cursor.ts';
export { openDatabase, type DatabaseOptions, type EntityList } from './database.ts';
export { isUniqueViolation, refusedByDatabase } from './errors.ts';
export { withIdempotency, type IdempotentRequest } from './idempotency.ts';
export { migrate, sqlMigration, type MigrateOptions, type NamedMigration } from './migrate.ts';
export { platformMigration } from './platform-migration.ts';
export type * from './types.ts';
