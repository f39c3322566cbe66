import { defineEntity, p } from '@mikro-orm/core';
import type { Product } from '../../../domain/ledger.ts';

/** Written by post_provider_costs only. */
export const ProviderCostRow = defineEntity({
  name: 'ProviderCostRow',
  tableName: 'provider_costs',
  properties: {
    tenantId: p.uuid().primary(),
    product: p.text().$type<Product>().primary(),
    reference: p.text().primary(),
    provider: p.text(),
    amountMicros: p.bigint('bigint'),
    currency: p.text(),
    transferId: p.uuid(),
    occurredAt: p.datetime(),
  },
});
