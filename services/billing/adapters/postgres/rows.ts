import { planEntities } from './plans/rows.ts';
import { paymentEntities } from './payments/rows.ts';
import { AdjustmentRow } from './adjustments/rows.ts';
import { documentEntities } from './documents/rows.ts';
import { ProviderCostRow } from './margins/rows.ts';
import { ledgerEntities } from './ledger/rows.ts';
import { priceEntities } from './prices/rows.ts';
import { usageEntities } from './usage/rows.ts';

export const entities = [
  ...ledgerEntities,
  ...priceEntities,
  ...planEntities,
  ...usageEntities,
  AdjustmentRow,
  ProviderCostRow,
  ...documentEntities,
  ...paymentEntities,
];
