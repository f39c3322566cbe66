/** Counted requests on their way to billing: in batches, under ids that make a repetition harmless. */
import { type GrpcClient, systemPrincipal } from '#platform/grpc/index.ts';
import { newId } from '#platform/ids/index.ts';
import { type Life, startWorker } from '#platform/lifecycle/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { UsageServiceService } from '#proto/namaskah/billing/v1/usage.ts';
import { callMeter, type CallMeter, type CallReport } from '../../app/call-meter.ts';

interface Parts {
  readonly usage: Pick<GrpcClient<typeof UsageServiceService>, 'recordUsage'>;
  readonly clock: Clock;
  readonly life: Pick<Life, 'logger' | 'metrics'>;
  readonly intervalMs: number;
}

/** Tries when stopping; billing may be on its way down too. */
const lastTries = 3;
const deadlineMs = 5_000;

export const reportCalls = ({
  usage,
  clock,
  life: { logger, metrics },
  intervalMs,
}: Parts): Pick<CallMeter, 'count'> & { close(): Promise<void> } => {
  const reported = metrics.counter('usage_reports_total');
  const send = async (reports: readonly CallReport[]): Promise<void> => {
    const { rejections } = await usage.recordUsage(
      {
        events: reports.map(({ id, tenantId, quantity, occurredAt }) => ({
          ...{ id, tenantId, meter: 'api.calls', quantity: BigInt(quantity), occurredAt, properties: {} },
        })),
      },
      // Of no tenant: the reports of all of them travel together, each naming its own.
      { principal: systemPrincipal('gateway', newId()), deadline: new Date(Date.now() + deadlineMs) },
    );
    reported.inc({ outcome: 'acknowledged' });
    if (rejections.length > 0)
      logger.error({ rejections: rejections.slice(0, 5), count: rejections.length }, 'billing refused reports of usage: they are lost');
  };
  const meter = callMeter({
    send,
    clock,
    processId: newId(),
    onFailure: (error, reports) => {
      reported.inc({ outcome: 'failed' });
      logger.warn({ err: error, reports }, 'usage could not be reported; it is kept and sent again');
    },
  });
  const worker = startWorker({
    name: 'usage reports',
    intervalMs,
    work: async () => (await meter.flush(), 0),
    onError: (error) => logger.error({ err: error }, 'the usage meter failed'),
  });
  return {
    count: meter.count,
    close: async () => {
      await worker.close();
      for (let count = 0; count < lastTries && !(await meter.flush()); count++);
    },
  };
};
