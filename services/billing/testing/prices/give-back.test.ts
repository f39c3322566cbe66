/** What a service gives back of what it sold: exactly once, never more than was charged, to nobody else. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isAppError, type ErrorCode } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { formatDecimal } from '#platform/money/index.ts';
import { postgresAudit } from '../../adapters/postgres/ledger/audit.ts';
import { listEntries } from '../../adapters/postgres/ledger/entries.ts';
import { refundCharge } from '../../app/ledger/refund-charge.ts';
import { giveBack, type GiveBackRequest } from '../../app/prices/give-back.ts';
import { capturing, granting, placing, releasing, start, usd } from '../ledger/books.contract.ts';
import { openPriceHouse, type PriceHouse } from './price-house.ts';

const refused = (code: ErrorCode) => (error: unknown) => isAppError(error, code) || assert.fail(`expected ${code}, got ${String(error)}`);

describe('giving back what a service sold', () => {
  let house: PriceHouse;
  before(async () => {
    house = await openPriceHouse();
    house.clock.set(start);
  });
  after(() => house.close());

  const useCase = (wallets: Parameters<typeof refundCharge>[0]['wallets'] = house.ledger) =>
    giveBack({ charges: house.charges, refundCharge: refundCharge({ wallets, clock: house.clock }) });
  const balance = async (tenantId: string): Promise<bigint> => (await house.ledger.wallet(tenantId))?.balanceMicros ?? 0n;
  /** A rental of 600 out of 1000, captured. A service names its hold by what was bought. */
  const bought = async () => {
    const [tenantId, reference] = [newId(), newId()];
    await house.ledger.grant(granting(tenantId, 1_000n));
    const place = placing(tenantId, 600n, { product: 'rental', reference, idempotencyKey: `rental:${reference}` });
    await house.ledger.place(place);
    await house.ledger.capture(capturing(tenantId, place.holdId, 600n));
    const request = (micros: bigint, over: Partial<GiveBackRequest> = {}): GiveBackRequest => ({
      ...{ idempotencyKey: newId(), product: 'rental', reference, amount: usd(micros), reason: 'Rental released before its end', ...over },
    });
    return { tenantId, request };
  };
  const lawful = async (): Promise<void> => assert.equal(await postgresAudit(house.db).firstDivergence(), undefined);

  it('returns to the credit, in parts, and together never more than the charge', async () => {
    const { tenantId, request } = await bought();
    assert.equal(await balance(tenantId), 400n);
    await useCase()(tenantId, request(250n));
    assert.equal(await balance(tenantId), 650n);
    await assert.rejects(useCase()(tenantId, request(351n)), refused('billing.refund_exceeds_charge'));
    await useCase()(tenantId, request(350n));
    await assert.rejects(useCase()(tenantId, request(1n)), refused('billing.refund_exceeds_charge'));
    assert.equal(await balance(tenantId), 1_000n);
    await lawful();
  });

  it('a refusal says what is left of the charge, whoever gave back the rest', async () => {
    const { tenantId, request } = await bought();
    const refundable = (micros: bigint) => (error: unknown) => {
      assert.ok(isAppError(error, 'billing.refund_exceeds_charge'));
      assert.equal(error.meta['refundable'], formatDecimal(micros));
      return true;
    };
    await assert.rejects(useCase()(tenantId, request(601n)), refundable(600n));
    const { charges } = (await house.charges.byPurchase(tenantId, 'rental', request(1n).reference)) ?? assert.fail('it was charged');
    const operators = {
      idempotencyKey: newId(),
      transferId: charges[0]?.transactionId ?? '',
      amount: usd(500n),
      reason: 'Out of kindness',
    };
    await refundCharge({ wallets: house.ledger, clock: house.clock })(tenantId, operators);
    await assert.rejects(useCase()(tenantId, request(300n)), refundable(100n));
    await useCase()(tenantId, request(100n));
    await assert.rejects(useCase()(tenantId, request(300n)), refundable(0n));
    await lawful();
  });

  it('the same request is one refund, twenty times at once too; another one under its key conflicts', async () => {
    const { tenantId, request } = await bought();
    const one = request(200n);
    const ids = await Promise.all(Array.from({ length: 20 }, () => useCase()(tenantId, one)));
    assert.equal(new Set(ids).size, 1);
    assert.equal(await useCase()(tenantId, one), ids[0]);
    assert.equal(await balance(tenantId), 600n);
    await assert.rejects(useCase()(tenantId, { ...one, amount: usd(201n) }), refused('request.idempotency_conflict'));
    await assert.rejects(useCase()(tenantId, { ...one, reason: 'Another' }), refused('request.idempotency_conflict'));
    assert.equal(await balance(tenantId), 600n);
    await lawful();
  });

  it('charges and refunds of one purchase, and of others of one thing, are found by the one reference that their holds have', async () => {
    const [tenantId, reference] = [newId(), `rental:${newId()}`];
    await house.ledger.grant(granting(tenantId, 1_000n));
    for (const order of [newId(), newId()]) {
      const place = placing(tenantId, 300n, { product: 'rental', reference, idempotencyKey: `rental:${order}` });
      await house.ledger.place(place);
      await house.ledger.capture(capturing(tenantId, place.holdId, 300n));
      const part = { product: 'rental', reference: order, amount: usd(100n), reason: 'Rental released before its end' };
      await useCase()(tenantId, { idempotencyKey: newId(), ...part });
    }
    const { entries } = await listEntries(house.db, tenantId, { reference }, { limit: 10, cursor: '' });
    assert.deepEqual(
      entries.map(({ type, amountMicros, product }) => [type, amountMicros, product]),
      [
        ['refund', 100n, 'rental'],
        ['charge', -300n, 'rental'],
        ['refund', 100n, 'rental'],
        ['charge', -300n, 'rental'],
      ],
    );
    assert.deepEqual((await listEntries(house.db, newId(), { reference }, { limit: 10, cursor: '' })).entries, []);
    await lawful();
  });

  it('a lost reply is found out by repeating: nothing is given back twice', async () => {
    const { tenantId, request } = await bought();
    const one = request(300n);
    const deaf = {
      ...house.ledger,
      refund: async (...args: Parameters<typeof house.ledger.refund>) => {
        await house.ledger.refund(...args);
        throw new Error('the reply was lost');
      },
    };
    await assert.rejects(useCase(deaf)(tenantId, one), /lost/);
    assert.equal(await balance(tenantId), 700n);
    await useCase()(tenantId, one);
    assert.equal(await balance(tenantId), 700n);
    await lawful();
  });

  it('two parts that exceed the charge together, at once: one of them is refused', async () => {
    const { tenantId, request } = await bought();
    const answers = await Promise.allSettled([useCase()(tenantId, request(400n)), useCase()(tenantId, request(400n))]);
    const failed = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []));
    assert.equal(failed.length, 1);
    refused('billing.refund_exceeds_charge')(failed[0]);
    assert.equal(await balance(tenantId), 800n);
    await lawful();
  });

  it("nobody gives back another tenant's charge, what was never charged, or what was only held", async () => {
    const { tenantId, request } = await bought();
    const stranger = newId();
    await house.ledger.grant(granting(stranger, 1_000n));
    await assert.rejects(useCase()(stranger, request(1n)), refused('request.not_found'));
    await assert.rejects(useCase()(tenantId, request(1n, { reference: newId() })), refused('request.not_found'));
    await assert.rejects(useCase()(tenantId, request(1n, { product: 'verification' })), refused('request.not_found'));
    const reference = newId();
    const held = placing(tenantId, 100n, { product: 'rental', reference, idempotencyKey: `rental:${reference}` });
    await house.ledger.place(held);
    await assert.rejects(useCase()(tenantId, request(1n, { reference })), refused('request.not_found'));
    await house.ledger.release(releasing(tenantId, held.holdId));
    await assert.rejects(useCase()(tenantId, request(1n, { reference })), refused('request.not_found'));
    for (const amount of [0n, -1n]) await assert.rejects(useCase()(tenantId, request(amount)), refused('request.invalid'));
    await assert.rejects(useCase()(tenantId, request(1n, { reason: '' })), refused('request.invalid'));
    assert.deepEqual([await balance(tenantId), await balance(stranger)], [400n, 1_000n]);
    await lawful();
  });
});
