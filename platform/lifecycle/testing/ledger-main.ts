/** A process for the tests: one gRPC service, told by its arguments how to behave. */
import { setTimeout as delay } from 'node:timers/promises';
import { defineConfig, grpcConfig, integerVar, processConfig, choiceVar } from '#platform/config/index.ts';
import { startGrpcServer } from '#platform/grpc/index.ts';
import { hold, ledgerService } from '#platform/grpc/testing/ledger.ts';
import { runMain, startService } from '../index.ts';

const { adminPort, adminHost, logLevel, principalKey, readinessDelayMs, shutdownTimeoutMs } = processConfig;
const schema = defineConfig({
  ...{ adminPort, adminHost, logLevel, principalKey, readinessDelayMs, shutdownTimeoutMs },
  ...grpcConfig,
  workMs: integerVar('WORK_MS', { default: 0 }),
  fault: choiceVar('FAULT', ['none', 'hanging-close', 'failing-close', 'failing-open', 'uncaught', 'unhandled'], { default: 'none' }),
});

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const closable = (name: string, close: () => Promise<void> = () => Promise.resolve()) => ({
  close: () => {
    say(`closing ${name}`);
    return close();
  },
});

await runMain(() => {
  const config = schema.parse(process.env);
  return startService('ledger', config, async (life) => {
    await life.own('first', closable('first'));
    if (config.fault === 'hanging-close')
      await life.own(
        'hanging',
        closable('hanging', () => new Promise(() => undefined)),
      );
    if (config.fault === 'failing-close')
      await life.own(
        'failing',
        closable('failing', () => Promise.reject(new Error('no'))),
      );
    if (config.fault === 'failing-open') await life.own('broken', Promise.reject<never>(new Error('cannot open')));
    let begun = 0;
    const getHold = async (id: string) => {
      say(`begun ${++begun}`);
      await delay(config.workMs);
      if (config.fault === 'uncaught')
        setImmediate(() => {
          throw new Error('uncaught by anybody');
        });
      if (config.fault === 'unhandled') void Promise.reject(new Error('handled by nobody'));
      return hold(id);
    };
    const { principalKey: key, grpcHost: host, grpcPort: port } = config;
    const { logger, metrics } = life;
    const grpc = await life.own(
      'grpc',
      startGrpcServer({ host, port, principalKey: key, logger, metrics, services: [ledgerService({ getHold })] }),
    );
    await life.own('last', closable('last'));
    life.readiness('always', () => Promise.resolve());
    life.address('grpc', grpc.port);
    say(`serving ${grpc.port} ${process.pid}`);
  });
});
