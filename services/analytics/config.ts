import { type ConfigOf, databaseConfig, defineConfig, durationVar, grpcConfig, integerVar, processConfig } from '#platform/config/index.ts';

export const analyticsConfig = defineConfig({
  ...processConfig,
  ...grpcConfig,
  ...databaseConfig,
  batchMaxEvents: integerVar('BATCH_MAX_EVENTS', { min: 1, max: 512, default: 256, description: 'Events stored in one transaction' }),
  batchMaxWaitMs: durationVar('BATCH_MAX_WAIT_MS', {
    max: 10_000,
    default: 200,
    description: 'How long the first event of a batch waits for company while others come, one alone is taken at once',
  }),
  partitionIntervalMs: durationVar('PARTITION_INTERVAL_MS', {
    min: 1_000,
    default: 3_600_000,
    description: 'How often the coming months are prepared',
  }),
});

export type AnalyticsConfig = ConfigOf<typeof analyticsConfig>;
