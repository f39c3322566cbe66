import { money } from '#platform/money/index.ts';
import type { Database } from '#platform/postgres/index.ts';
import type { ChargeReader, ChargeStory, ExplainedCharge } from '../../../app/prices/ports.ts';

// What was charged when the hold was resolved already is no capture of it, but was charged for it.
const holds = `select h.id, h.amount_micros, h.captured_micros + coalesce(u.collected_micros, 0) as charged_micros, h.currency, h.product, h.reference, h.description, h.quote_id
  from holds h left join uncollected u on u.hold_id = h.id`;

const statements = {
  transfer: `select t.id, t.type, t.amount_micros, t.currency, t.created_at, t.description, t.reference, t.hold_id,
      (select a.discriminator from accounts a where a.id in (t.credit_account_id, t.debit_account_id) and a.kind = 'revenue') as product
    from transfers t where t.id = $1 and t.tenant_id = $2`,
  hold: `${holds} where h.id = $1 and h.tenant_id = $2`,
  holdOfPurchase: `${holds} where h.tenant_id = $1 and h.idempotency_key = $2`,
  charges: `select id, type, amount_micros, currency, created_at from transfers where hold_id = $1 and tenant_id = $2 order by created_at, id limit 1000`,
} as const;

interface TransferRow {
  readonly id: string;
  readonly type: string;
  readonly amount_micros: bigint;
  readonly currency: string;
  readonly created_at: Date;
}
interface OneTransferRow extends TransferRow {
  readonly description: string;
  readonly reference: string;
  readonly hold_id: string | null;
  readonly product: string | null;
}
interface HoldRow {
  readonly id: string;
  readonly amount_micros: bigint;
  readonly charged_micros: bigint;
  readonly currency: string;
  readonly product: string;
  readonly reference: string;
  readonly description: string;
  readonly quote_id: string | null;
}

const chargeOf = (row: TransferRow): ExplainedCharge => ({
  transactionId: row.id,
  type: row.type,
  amount: money(row.currency, row.amount_micros),
  at: row.created_at,
});

const storyOf = (hold: HoldRow, charges: readonly TransferRow[]): ChargeStory => ({
  charges: charges.map(chargeOf),
  description: hold.description,
  product: hold.product,
  reference: hold.reference,
  hold: {
    id: hold.id,
    amount: money(hold.currency, hold.amount_micros),
    captured: money(hold.currency, hold.charged_micros),
    quoteId: hold.quote_id ?? undefined,
  },
});

export const postgresCharges = (db: Database): ChargeReader => ({
  byTransaction: async (tenantId, transactionId) => {
    const [transfer] = await db.query<OneTransferRow>(statements.transfer, [transactionId, tenantId]);
    if (transfer === undefined) return undefined;
    const [hold] = transfer.hold_id === null ? [] : await db.query<HoldRow>(statements.hold, [transfer.hold_id, tenantId]);
    if (hold !== undefined) return storyOf(hold, [transfer]);
    const { description, reference, product } = transfer;
    return { charges: [chargeOf(transfer)], description, product: product ?? '', reference, hold: undefined };
  },

  byPurchase: async (tenantId, product, reference) => {
    const [hold] = await db.query<HoldRow>(statements.holdOfPurchase, [tenantId, `${product}:${reference}`]);
    return hold === undefined ? undefined : storyOf(hold, await db.query<TransferRow>(statements.charges, [hold.id, tenantId]));
  },
});
