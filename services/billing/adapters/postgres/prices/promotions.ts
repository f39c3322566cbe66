import { publishEvent } from '#platform/messaging/index.ts';
import { money } from '#platform/money/index.ts';
import { type Database, encodeCursor, isUniqueViolation, type Transaction } from '#platform/postgres/index.ts';
import { events } from '#events';
import type { Promotions, Redemption } from '../../../app/prices/ports.ts';
import type { Promotion, RedeemerFacts } from '../../../domain/prices/promotion.ts';
import { datedCursor } from '../dated-cursor.ts';
import { openWalletRow } from '../ledger/wallets.ts';
import { requestHash } from '../request-hash.ts';
import { PromotionRow, RedemptionRow } from './rows.ts';

const statements = {
  add: `insert into promotions (id, code, kind, percent_ppm, amount_micros, currency, products, minimum_micros, first_purchase_only, starts_at, ends_at,
      total_limit, tenant_limit, benefit_days, created_by, created_at, idempotency_key, request_hash)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) on conflict (created_by, idempotency_key) do nothing returning id`,
  earlier: 'select id, request_hash from promotions where created_by = $1 and idempotency_key = $2',
  end: 'update promotions set ends_at = least(ends_at, greatest($2, starts_at)) where id = $1 returning id',
  // One key with two codes locks two promotions: the tenant's calls come one after another.
  lockTenant: `select pg_advisory_xact_lock(hashtextextended('redemption ' || $1, 0))`,
  // Whoever redeems the same code waits here: limits are counted one after another.
  lock: 'select id from promotions where code = $1 for update',
  replay: 'select id, request_hash from redemptions where tenant_id = $1 and idempotency_key = $2',
  facts: `select
      (select count(*)::int from redemptions where promotion_id = $2 and tenant_id = $1) as redeemed_by_tenant,
      exists (select from entries e join accounts a on a.id = e.account_id and a.kind = 'wallet' and a.tenant_id = $1
               where e.type in ('charge', 'usage', 'subscription') and e.account_sequence is not null)
        or exists (select from holds where tenant_id = $1 and state = 'held') as has_bought,
      (select coalesce(sum(amount_micros), 0)::bigint from payments where tenant_id = $1 and status = 'succeeded') as paid_in`,
  redeem: `with counted as (update promotions set redeemed = redeemed + 1 where id = $3 returning id)
    insert into redemptions (id, tenant_id, promotion_id, transfer_id, benefit_ends_at, benefit, idempotency_key, request_hash, created_at)
    select $1, $2, id, $4, $5, $6, $7, $8, $9 from counted`,
  credit: `select post_to_wallet($1, $2, $3, $4, 0, 'promotion', 'promotion', '', $5, $6, null, null, null, null, $7) as done`,
} as const;

const promotionOf = (row: PromotionRow): Promotion => ({ ...row, endsAt: row.endsAt ?? undefined });

const redemptionOf = (row: RedemptionRow): Redemption => {
  const promotion = row.promotion as unknown as PromotionRow;
  return {
    id: row.id,
    tenantId: row.tenantId,
    promotionId: promotion.id,
    code: promotion.code,
    kind: promotion.kind,
    percentPpm: promotion.percentPpm,
    amountMicros: promotion.amountMicros,
    currency: promotion.currency,
    products: promotion.products,
    transferId: row.transferId ?? undefined,
    benefitEndsAt: row.benefitEndsAt ?? undefined,
    createdAt: row.createdAt,
  };
};

const olderThan = (cursor: string) => {
  const after = datedCursor(cursor, 'uuid');
  return after === undefined ? {} : { $or: [{ createdAt: { $lt: after.at } }, { createdAt: after.at, id: { $lt: String(after.tie) } }] };
};

const pageOf = <Row extends { readonly id: string; readonly createdAt: Date }>(rows: readonly Row[], limit: number) => {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return { shown, nextCursor: rows.length > limit && last !== undefined ? encodeCursor([last.createdAt, last.id]) : '' };
};

/** The credit, and what everybody hears of it. */
const giveCredit = async (tx: Transaction, { transferId = '', tenantId, code, createdAt, ...redemption }: Redemption): Promise<void> => {
  const { currency, amountMicros } = redemption;
  const reason = `Promotion ${code}`;
  await openWalletRow(tx, tenantId, createdAt);
  const [row] = await tx.query<{ done: boolean }>(statements.credit, [
    ...[transferId, tenantId, currency, amountMicros, reason, code, createdAt],
  ]);
  if (row?.done !== true) throw new Error('a credit was refused by its wallet');
  await publishEvent(tx, events.billing.creditGranted, {
    tenantId,
    aggregateId: transferId,
    aggregateVersion: 1n,
    occurredAt: createdAt,
    payload: { transferId, amount: money(currency, amountMicros), reason },
  });
};

export const postgresPromotions = (db: Database): Promotions => {
  const find = async (id: string): Promise<Promotion | undefined> => {
    const row = await db.em().findOne(PromotionRow, { id });
    return row === null ? undefined : promotionOf(row);
  };
  return {
    add: async (promotion, { idempotencyKey, request }) => {
      const hash = requestHash(request);
      const { id, code, kind, percentPpm, amountMicros, currency, products, minimumMicros, firstPurchaseOnly } = promotion;
      const { startsAt, endsAt = null, totalLimit, tenantLimit, benefitDays, createdBy, createdAt } = promotion;
      try {
        const [added] = await db.query(statements.add, [
          ...[id, code, kind, percentPpm, amountMicros, currency, products, minimumMicros, firstPurchaseOnly, startsAt, endsAt],
          ...[totalLimit, tenantLimit, benefitDays, createdBy, createdAt, idempotencyKey, hash],
        ]);
        if (added !== undefined) return { outcome: 'done', promotion };
      } catch (error) {
        if (!isUniqueViolation(error, 'promotions_code_key')) throw error;
        // The first answer to this very key, perhaps.
      }
      const [first] = await db.query<{ id: string; request_hash: Buffer }>(statements.earlier, [createdBy, idempotencyKey]);
      if (first === undefined) return { outcome: 'code_taken' };
      const earlier = first.request_hash.equals(hash) ? await find(first.id) : undefined;
      return earlier === undefined ? { outcome: 'idempotency_conflict' } : { outcome: 'replayed', promotion: earlier };
    },

    list: async ({ limit, cursor }) => {
      const rows = await db.em().find(PromotionRow, olderThan(cursor), { orderBy: { createdAt: 'desc', id: 'desc' }, limit: limit + 1 });
      const { shown, nextCursor } = pageOf(rows, limit);
      return { promotions: shown.map(promotionOf), nextCursor };
    },

    end: async (id, at) => {
      const rows = await db.query(statements.end, [id, at]);
      return rows.length === 0 ? undefined : find(id);
    },

    redemptions: async (tenantId, { limit, cursor }) => {
      const where = { tenantId, ...olderThan(cursor) };
      const options = { orderBy: { createdAt: 'desc', id: 'desc' }, limit: limit + 1, populate: ['promotion'] } as const;
      const { shown, nextCursor } = pageOf(await db.em().find(RedemptionRow, where, options), limit);
      return { redemptions: shown.map((row) => redemptionOf(row as RedemptionRow)), nextCursor };
    },

    redeem: (command, decide) =>
      db.transaction(async (tx) => {
        const { tenantId, idempotencyKey, code } = command;
        const hash = requestHash(command.request);
        await tx.query(statements.lockTenant, [tenantId]);
        const [locked] = await tx.query<{ id: string }>(statements.lock, [code]);
        // After the locks, so that a twin of this call has either committed or is not there.
        const [earlier] = await tx.query<{ id: string; request_hash: Buffer }>(statements.replay, [tenantId, idempotencyKey]);
        if (earlier !== undefined) {
          if (!earlier.request_hash.equals(hash)) return { outcome: 'idempotency_conflict' } as const;
          const row = await tx.em.findOneOrFail(RedemptionRow, { id: earlier.id, tenantId }, { populate: ['promotion'] });
          return { outcome: 'replayed', redemption: redemptionOf(row as RedemptionRow) } as const;
        }
        if (locked === undefined) return undefined;
        const promotion = promotionOf(await tx.em.findOneOrFail(PromotionRow, { id: locked.id }));
        const redemption = await decide({
          promotion,
          facts: async (): Promise<RedeemerFacts> => {
            const [row] = await tx.query<{ redeemed_by_tenant: number; has_bought: boolean; paid_in: bigint }>(statements.facts, [
              ...[tenantId, promotion.id],
            ]);
            if (row === undefined) throw new Error('a statement answered nothing');
            return { redeemedByTenant: row.redeemed_by_tenant, hasBought: row.has_bought, paidInMicros: row.paid_in };
          },
          redeem: async (made) => {
            const benefit = made.kind !== 'credit';
            await tx.query(statements.redeem, [
              ...[made.id, tenantId, promotion.id, made.transferId ?? null, made.benefitEndsAt ?? null, benefit, idempotencyKey, hash],
              made.createdAt,
            ]);
            if (!benefit) await giveCredit(tx, made);
            await publishEvent(tx, events.billing.promotionRedeemed, {
              tenantId,
              aggregateId: made.id,
              aggregateVersion: 1n,
              occurredAt: made.createdAt,
              payload: { redemptionId: made.id, promotionId: promotion.id, kind: made.kind },
            });
          },
        });
        return { outcome: 'done', redemption } as const;
      }),
  };
};
