import type { Logger } from '#platform/logging/index.ts';
import type { Metrics } from '#platform/telemetry/index.ts';
import { minuteMs, secondMs } from '#platform/time/index.ts';
import { cancelExpiring } from '../../app/cancel-expiring.ts';
import { claimMessages } from '../../app/claim-messages.ts';
import { finishCancellations } from '../../app/finish-cancellations.ts';
import { handleInbound, type HandleInboundDeps } from '../../app/handle-inbound.ts';
import type { LaunchCampaignDeps } from '../../app/launch-campaign.ts';
import { matchOrphans } from '../../app/match-orphans.ts';
import { parkLostClaims } from '../../app/park-lost-claims.ts';
import type { CampaignReads, Carrier, CarrierListener, SettledJob } from '../../app/ports.ts';
import { recordOutcomes } from '../../app/record-outcomes.ts';
import { recordReceipts } from '../../app/record-receipts.ts';
import { recoverLaunches } from '../../app/recover-launches.ts';
import { submitMessage } from '../../app/submit-message.ts';
import { settle } from '../../domain/outcome.ts';
import type { Receipt } from '../../domain/receipt.ts';
import { createBatcher } from './batcher.ts';
import { startDispatcher, type Dispatcher } from './dispatcher.ts';
import { startKeeper } from './keeper.ts';

type AppDeps = Omit<LaunchCampaignDeps, 'wake'> & Omit<HandleInboundDeps, 'wake'> & { readonly campaigns: CampaignReads };

export interface SendingOptions extends AppDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly batchSize: number;
  readonly pollMs: number;
  readonly openCarrier: (listener: CarrierListener) => Carrier & { close(): Promise<void> };
}

export interface Sending {
  wake(): void;
  close(): Promise<void>;
}

/** Answers wait in memory while the database is away; their claims are parked as unknown if this process dies meanwhile. */
const outcomeRetryMs = (failures: number): number => Math.min(5_000, 50 * 2 ** Math.min(failures, 10));

const metered = (metrics: Metrics, answer: SettledJob): SettledJob => {
  const { state, messageIds } = answer.settlement;
  metrics.counter('campaign_messages_total').inc({ status: state });
  metrics.counter('campaign_segments_total').inc(messageIds.length);
  return answer;
};

/**
 * Everything that happens by itself: the dispatcher, what the carrier tells, and the chores that repair what a crash
 * left. Closed in the order dispatcher → carrier → stores, so that no answer is dropped.
 */
export const startSending = (options: SendingOptions): Sending => {
  const { logger, metrics, campaigns, templates } = options;
  const random = Math.random;
  const record = recordOutcomes(options);
  // Called only by what happens later, when there is a dispatcher.
  const wake = (): void => dispatcher.wake();

  const outcomes = createBatcher<SettledJob>({
    maxBatch: 500,
    maxWaitMs: 10,
    flush: record,
    retryAfterMs: (failures, error) => {
      logger.warn({ err: error, failures }, 'answers of the carrier cannot be stored yet');
      return outcomeRetryMs(failures);
    },
  });
  // A receipt that is not stored is not acknowledged, so the carrier repeats it.
  const receipts = createBatcher<Receipt>({ maxBatch: 500, maxWaitMs: 10, flush: recordReceipts(options) });
  const inbound = handleInbound({ ...options, wake });

  const carrier = options.openCarrier({
    receipt: receipts.add,
    inbound,
    lateAnswer: ({ id, attempt }, outcome) => {
      void outcomes.add(metered(metrics, { id, attempt, settlement: settle(outcome, { attempt, refusals: 0 }, random()) }));
    },
  });

  const dispatcher: Dispatcher = startDispatcher({
    carrier,
    claim: claimMessages(options),
    submit: (job, templateOf) => {
      const startedAt = performance.now();
      return submitMessage({ carrier, templateOf, random })(job).then((answer) => {
        metrics
          .histogram('campaign_submit_duration_seconds')
          .observe({ outcome: answer.settlement.state }, (performance.now() - startedAt) / 1_000);
        return metered(metrics, answer);
      });
    },
    putBack: ({ id, attempt, refusals }) => ({ id, attempt, settlement: settle({ kind: 'not-sent' }, { attempt, refusals }, random()) }),
    loadTemplates: async (ids) => new Map([...(await campaigns.bodies(ids))].map(([id, body]) => [id, templates.compile(body)])),
    record: outcomes.add,
    logger,
    batchSize: options.batchSize,
    pollMs: options.pollMs,
  });

  const launching = { ...options, wake };
  const keeper = startKeeper({
    logger,
    chores: [
      { name: 'park-lost-claims', everyMs: 5 * secondMs, run: parkLostClaims(options) },
      { name: 'recover-launches', everyMs: 5 * secondMs, run: recoverLaunches(launching) },
      { name: 'finish-cancellations', everyMs: 5 * secondMs, run: finishCancellations(options) },
      { name: 'match-orphans', everyMs: secondMs, run: matchOrphans(options) },
      { name: 'cancel-expiring', everyMs: 10 * minuteMs, run: cancelExpiring(options) },
      {
        name: 'gauges',
        everyMs: secondMs,
        run: () => {
          metrics.gauge('smpp_bound').set(carrier.isReady() ? 1 : 0);
          metrics.gauge('campaign_queue').set(dispatcher.inFlight());
          return Promise.resolve(0);
        },
      },
    ],
  });

  return {
    wake,
    close: async () => {
      await keeper.close();
      await dispatcher.close();
      await carrier.close();
      await Promise.all([receipts.close(), outcomes.close()]);
    },
  };
};
