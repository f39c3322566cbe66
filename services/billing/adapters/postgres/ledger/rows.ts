import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import type { CreditKind } from '../../../domain/credit.ts';
import type { HoldState } from '../../../domain/hold.ts';
import type { Product, SystemAccountKind } from '../../../domain/ledger.ts';

/** Rows that are read through the EntityManager; the ledger's tables change only by its functions. */
export const AccountRow = defineEntity({
  name: 'AccountRow',
  tableName: 'accounts',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid().nullable(),
    kind: p.text().$type<'wallet' | SystemAccountKind>(),
    currency: p.text(),
    balanceMicros: p.bigint('bigint'),
    heldMicros: p.bigint('bigint'),
    promotionalMicros: p.bigint('bigint'),
    entryCount: p.bigint('bigint'),
    creditExpiresAt: p.datetime().nullable(),
  },
});

export const HoldRow = defineEntity({
  name: 'HoldRow',
  tableName: 'holds',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    state: p.text().$type<HoldState>(),
    amountMicros: p.bigint('bigint'),
    capturedMicros: p.bigint('bigint'),
    currency: p.text(),
    product: p.text().$type<Product>(),
    reference: p.text(),
    description: p.text(),
    actor: p.text(),
    expiresAt: p.datetime(),
    createdAt: p.datetime(),
  },
});
export type HoldRow = InferEntity<typeof HoldRow>;

export const GrantRow = defineEntity({
  name: 'GrantRow',
  tableName: 'grants',
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    walletId: p.uuid(),
    kind: p.text().$type<CreditKind>(),
    priority: p.integer(),
    amountMicros: p.bigint('bigint'),
    remainingMicros: p.bigint('bigint'),
    open: p.boolean(),
    expiresAt: p.datetime().nullable(),
    createdAt: p.datetime(),
  },
});
export type GrantRow = InferEntity<typeof GrantRow>;

export const ledgerEntities = [AccountRow, HoldRow, GrantRow];
