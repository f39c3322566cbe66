import type { Clock } from '#platform/time/index.ts';
import type { BillingMonitor } from '../ports.ts';
import type { LedgerChain } from './ports.ts';

const blockSize = 1_000;
/** Bounds one run, so that a long backlog does not keep a stopping process. */
const maxBlocks = 50;

/**
 * Seals new transfers into the chain of blocks. Each block's hash is also told to the monitor: kept outside of the database, it
 * binds whoever can write there. Safe beside other replicas. @returns how many transfers were sealed
 */
export const sealTransfers =
  ({ chain, clock, monitor }: { readonly chain: LedgerChain; readonly clock: Clock; readonly monitor: BillingMonitor }) =>
  async (): Promise<number> => {
    let total = 0;
    for (let count = 0; count < maxBlocks; count++) {
      const block = await chain.seal(clock.now(), blockSize);
      if (block === undefined) break;
      monitor.blockSealed(block);
      total += block.transfers;
      if (block.transfers < blockSize) break;
    }
    return total;
  };
