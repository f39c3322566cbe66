import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isAppError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { money } from '#platform/money/index.ts';
import type { Ledger } from '../app/ports.ts';

export interface LedgerUnderTest {
  readonly ledger: Ledger;
  setBalance(micros: bigint): void;
  /** The next call: its answer is lost, after or before its effect. */
  failNext(fault: 'unavailable' | 'lost'): void;
  close(): Promise<void>;
}

/** What a launch relies on, from any ledger. */
export const ledgerContract = (name: string, open: () => Promise<LedgerUnderTest>): void => {
  describe(`ledger: ${name}`, () => {
    let t: LedgerUnderTest;
    before(async () => {
      t = await open();
    });
    after(() => t.close());
    const request = (micros: bigint) => ({
      tenantId: newId(),
      campaignId: newId(),
      campaignName: 'Autumn',
      amount: money('USD', micros),
      quoteId: undefined,
      expiresAt: new Date('2026-12-20T00:00:00Z'),
    });

    it('holds once per campaign, whatever is repeated', async () => {
      t.setBalance(10n);
      const call = request(6n);
      const { holdId } = await t.ledger.placeHold(call);
      assert.equal((await t.ledger.placeHold(call)).holdId, holdId);
      await assert.rejects(t.ledger.placeHold(request(6n)), (e) => isAppError(e, 'billing.insufficient_credit'));
    });

    it('tells the price of a segment', async () => {
      const price = await t.ledger.priceOfSegment({ tenantId: newId(), listPrice: money('USD', 5n), country: 'GB' });
      assert.deepEqual(price, money('USD', 5n));
    });

    it('promises a price for each country, and the sum of them', async () => {
      const planned = [
        { country: 'GB', segments: 3n },
        { country: 'US', segments: 2n },
      ];
      const quote = await t.ledger.quoteMessages({ tenantId: newId(), listPrice: money('USD', 5n), planned });
      assert.deepEqual(
        [...quote.prices],
        [
          ['GB', 5n],
          ['US', 5n],
        ],
      );
      assert.equal(quote.total.micros, 25n);
    });

    for (const fault of ['unavailable', 'lost'] as const) {
      it(`is asked again after "${fault}" and holds once`, async () => {
        t.setBalance(10n);
        const call = request(6n);
        t.failNext(fault);
        await assert.rejects(t.ledger.placeHold(call), (e) => isAppError(e) && e.row.retryable);
        await t.ledger.placeHold(call);
        await assert.rejects(t.ledger.placeHold(request(6n)), (e) => isAppError(e, 'billing.insufficient_credit'));
      });
    }
  });
};
