import type { Life, Worker } from '#platform/lifecycle/index.ts';
import { type Bus, startBatchConsumer, startConsumer } from '#platform/messaging/index.ts';
import type { Database, Transaction } from '#platform/postgres/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { campaignReaders, saysOfHolds, settleEvents, tenantHandlers, verificationReaders } from './adapters/nats/handlers.ts';
import { postgresChain } from './adapters/postgres/ledger/chain.ts';
import { postgresHolds } from './adapters/postgres/ledger/hold-ledger.ts';
import { postgresHoldSettlement } from './adapters/postgres/ledger/hold-settlement.ts';
import { openWalletRow, postgresWallets } from './adapters/postgres/ledger/wallets.ts';
import { captureHold } from './app/ledger/capture-hold.ts';
import { chargeWallet } from './app/ledger/charge-wallet.ts';
import { expireHolds } from './app/ledger/expire-holds.ts';
import { getHold } from './app/ledger/get-hold.ts';
import { getWallet } from './app/ledger/get-wallet.ts';
import { grantCredit } from './app/ledger/grant-credit.ts';
import { lapseCredit } from './app/ledger/lapse-credit.ts';
import { listGrants } from './app/ledger/list-grants.ts';
import { placeHold } from './app/ledger/place-hold.ts';
import { refundCharge } from './app/ledger/refund-charge.ts';
import { releaseHold } from './app/ledger/release-hold.ts';
import { sealTransfers } from './app/ledger/seal-transfers.ts';
import { settleHolds } from './app/ledger/settle-holds.ts';
import type { BillingMonitor } from './app/ports.ts';
import type { BillingConfig } from './config.ts';

/** Starts a worker of the service, closed with it. `pauseMs`: before the next look while there is work; at once when left out. */
export type StartWorker = (name: string, intervalMs: number, work: () => Promise<number>, pauseMs?: number) => Promise<Worker>;

export interface LedgerParts {
  readonly config: BillingConfig;
  readonly life: Life;
  readonly db: Database;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly monitor: BillingMonitor;
  readonly worker: StartWorker;
}

/** In batches: on a busy wallet many small transactions would spend their time waiting for each other. */
const settling = { maxBatch: 64, maxWaitMs: 100 } as const;

/** Under load, blocks of what came within this time: one a second would keep a core busy for as long as several batches of commands take. */
const sealPauseMs = 100;

/** Part of the composition root: holds, wallets, credit, and the consumers that settle holds. */
export const openLedger = async ({ config, life, db, bus, clock, monitor, worker }: LedgerParts) => {
  const { logger, metrics } = life;
  const holds = postgresHolds(db);
  const wallets = postgresWallets(db);

  await worker('hold sweeper', config.sweepIntervalMs, expireHolds({ holds, clock, monitor }));
  await worker('credit sweeper', config.sweepIntervalMs, lapseCredit({ credits: wallets, clock, monitor }));

  const seal = sealTransfers({ chain: postgresChain(db), clock, monitor });
  await worker('sealer', config.sealIntervalMs, seal, Math.min(sealPauseMs, config.sealIntervalMs));

  const openWalletIn = (tx: Transaction) => async (tenantId: string) => void (await openWalletRow(tx, tenantId, clock.now()));
  const settleHoldsIn = (tx: Transaction) => settleHolds({ holds: postgresHoldSettlement(tx), clock, monitor });
  const consuming = { db, bus, logger, metrics };
  await life.own('tenant events', startConsumer({ ...consuming, durable: 'billing-tenant', handlers: tenantHandlers(openWalletIn) }));
  await life.own(
    'verification events',
    startBatchConsumer({
      ...consuming,
      ...settling,
      durable: 'billing-verification',
      handle: settleEvents(settleHoldsIn, verificationReaders),
      concerns: saysOfHolds(verificationReaders),
    }),
  );
  await life.own(
    'campaign events',
    startBatchConsumer({
      ...consuming,
      ...settling,
      durable: 'billing-campaign',
      handle: settleEvents(settleHoldsIn, campaignReaders),
      concerns: saysOfHolds(campaignReaders),
    }),
  );

  return {
    placeHold: placeHold({ holds, clock, monitor }),
    captureHold: captureHold({ holds, clock, monitor }),
    releaseHold: releaseHold({ holds, clock, monitor }),
    chargeWallet: chargeWallet({ holds, clock, monitor }),
    getHold: getHold({ holds }),
    grantCredit: grantCredit({ wallets, clock }),
    refundCharge: refundCharge({ wallets, clock }),
    getWallet: getWallet({ wallets }),
    listGrants: listGrants({ wallets }),
  };
};
