import { ConfigError } from '#platform/config/index.ts';
import { createLogger, type Logger } from '#platform/logging/index.ts';
import { shutdownTelemetry } from '#platform/telemetry/index.ts';
import type { RunningService } from './service.ts';

const telemetryFlushMs = 2_000;

const flushTelemetry = async (logger: Logger): Promise<void> => {
  const giveUp = new Promise<void>((resolve) => setTimeout(resolve, telemetryFlushMs).unref());
  try {
    await Promise.race([shutdownTelemetry(), giveUp]);
  } catch (error) {
    logger.warn({ err: error }, 'the last spans could not be sent');
  }
};

/**
 * The life of a process: start, wait for SIGTERM or SIGINT, drain, exit 0. A second signal exits at once with 1. An error
 * that nobody caught leaves the process in an unknown state: it is logged and the process exits with 1; what was in
 * flight is repaired like after any crash. A signal during the start is honoured when the start is through.
 */
export const runMain = async (start: () => Promise<RunningService>): Promise<void> => {
  let logger = createLogger({ service: 'main', level: 'info' });
  const fatal = (error: unknown, message: string): never => {
    logger.fatal({ err: error }, message);
    process.exit(1);
  };
  process.on('uncaughtException', (error) => fatal(error, 'uncaught exception'));
  process.on('unhandledRejection', (reason) => fatal(reason, 'unhandled rejection'));

  const signalled = Promise.withResolvers<NodeJS.Signals>();
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (++signals > 1) {
      logger.warn({ signal }, 'second signal: exiting at once');
      process.exit(1);
    }
    signalled.resolve(signal);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);

  let service: RunningService;
  try {
    service = await start();
  } catch (error) {
    if (error instanceof ConfigError) {
      process.stderr.write(`${error.message}\n`);
      process.exit(1);
    }
    return fatal(error, 'the service could not start');
  }
  logger = service.logger;

  const signal = await signalled.promise;
  logger.info({ signal }, 'signal received');
  let exitCode = 0;
  try {
    await service.close();
  } catch (error) {
    logger.error({ err: error }, 'not everything could be closed');
    exitCode = 1;
  }
  await flushTelemetry(logger);
  process.exit(exitCode);
};
