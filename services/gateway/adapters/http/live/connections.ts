import { appError } from '#platform/errors/index.ts';
import type { Metrics } from '#platform/telemetry/index.ts';
import type { Caller } from '../../../app/ports.ts';
import type { EndReason, Sink } from './sink.ts';

/** Open streams of a tenant at one gateway, of all kinds together. */
export const streamsByPlan: Readonly<Record<string, number>> = { starter: 20, pro: 100, enterprise: 500 };

export interface Connections {
  /** @throws request.rate_limited when the tenant has as many as its plan allows */
  admit(caller: Caller): void;
  /** Counts it until it closes; one too many, or too late, is ended at once. */
  open(caller: Caller, sink: Sink): void;
  /** Ends all, each with another moment to come back, so that they do not come all at once; what opens later is ended too. */
  endAll(): void;
  size(): number;
}

const retryBetweenMs = { min: 500, max: 3_000 } as const;
/** Also a hint for one that was ended for itself. */
export const retryMs = (): number => Math.round(retryBetweenMs.min + Math.random() * (retryBetweenMs.max - retryBetweenMs.min));

export const createConnections = (metrics: Metrics): Connections => {
  const open = new Set<Sink>();
  const perTenant = new Map<string, number>();
  const gauge = metrics.gauge('realtime_clients');
  const ended = metrics.counter('realtime_ended_total');
  let stopping = false;

  const admit = ({ tenantId, plan }: Caller): void => {
    const limit = streamsByPlan[plan] ?? streamsByPlan['starter'] ?? 1;
    if ((perTenant.get(tenantId) ?? 0) >= limit)
      throw appError('request.rate_limited', { message: `At most ${limit} open streams on your plan.`, retryAfterMs: 5_000 });
  };
  return {
    admit,
    open: (caller, sink) => {
      const refuse = (reason: EndReason): void => sink.end(reason, retryMs());
      if (stopping) return refuse('shutdown');
      try {
        admit(caller);
      } catch {
        return refuse('too_many_streams');
      }
      const { tenantId } = caller;
      const { transport } = sink;
      open.add(sink);
      gauge.inc({ transport });
      perTenant.set(tenantId, (perTenant.get(tenantId) ?? 0) + 1);
      sink.onClose(() => {
        open.delete(sink);
        gauge.dec({ transport });
        ended.inc({ transport, reason: sink.ended() ?? 'gone' });
        const left = (perTenant.get(tenantId) ?? 1) - 1;
        if (left > 0) perTenant.set(tenantId, left);
        else perTenant.delete(tenantId);
      });
    },
    endAll: () => {
      stopping = true;
      for (const sink of open) sink.end('shutdown', retryMs());
    },
    size: () => open.size,
  };
};
