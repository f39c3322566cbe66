import type { Law } from '../verify/law.ts';

export const marginLaws: readonly Law[] = [
  {
    law: "a provider's cost is one transfer of its amount, out of the costs of its product and into what is owed to its provider",
    about: 'transfer',
    sql: `select coalesce(c.transfer_id, t.id) as subject, c.amount_micros || ' ' || c.product || ' ' || c.provider as expected,
             t.amount_micros || ' ' || d.discriminator || ' ' || p.discriminator as found
        from provider_costs c full join (select * from transfers where type = 'provider_cost') t on t.id = c.transfer_id
        left join accounts d on d.id = t.debit_account_id left join accounts p on p.id = t.credit_account_id
       where c.transfer_id is null or t.id is null or c.amount_micros <> t.amount_micros or c.tenant_id <> t.tenant_id
          or c.reference <> t.reference or c.currency <> t.currency
          or d.kind is distinct from 'provider_cost' or d.discriminator <> c.product or p.kind is distinct from 'payable' or p.discriminator <> c.provider`,
  },
];
