export type { Readiness } from '#platform/http/index.ts';
export type { ReadinessCheck } from './readiness.ts';
export type { Closable } from './resources.ts';
export { runMain } from './run-main.ts';
export { startService } from './service.ts';
export type { Life, ProcessConfig, RunningService } from './service.ts';
export { startWorker } from './worker.ts';
export type { Work, Worker, WorkerOptions } from './worker.ts';
