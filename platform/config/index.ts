export { ConfigError, defineConfig } from './config.ts';
export type { ConfigOf, ConfigProblem, ConfigRow, ConfigSchema, Environment, Values, Variables } from './config.ts';
export { isDevelopmentSecret } from './development.ts';
export { databaseConfig, grpcConfig, grpcTlsConfig, processConfig } from './fragments.ts';
export { addressVar, booleanVar, choiceVar, durationVar, integerVar, numberVar, portVar, secretVar, textVar, urlVar } from './variables.ts';
export type { Variable } from './variables.ts';
