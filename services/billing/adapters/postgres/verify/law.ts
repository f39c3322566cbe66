/** What a divergence is about: decides which rows are shown beside it. */
export type LawSubject =
  | 'nothing'
  | 'transfer'
  | 'wallet'
  | 'tenant'
  | 'grant'
  | 'block'
  | 'hold'
  | 'payment'
  | 'document'
  | 'period'
  | 'adjustment'
  | 'billed_period'
  | 'usage'
  | 'quote'
  | 'price_book'
  | 'promotion';

/** A statement about the books. Its query answers only with what breaks it: subject (an id first, then perhaps more), expected, found. */
export interface Law {
  readonly law: string;
  readonly about: LawSubject;
  readonly sql: string;
}

/** The rows around a subject, by the name of their table. $1 is the id; what follows it in the subject is left away. */
export const evidence: Readonly<Record<LawSubject, Readonly<Record<string, string>>>> = {
  nothing: {},
  transfer: {
    transfers: 'select * from transfers where id = $1::uuid',
    entries: 'select * from entries where transfer_id = $1::uuid',
    grant_entries: 'select * from grant_entries where transfer_id = $1::uuid',
    provider_costs: 'select * from provider_costs where transfer_id = $1::uuid',
  },
  wallet: {
    accounts: 'select * from accounts where id = $1::uuid',
    entries: 'select * from entries where account_id = $1::uuid order by account_sequence desc',
    grants: 'select * from grants where wallet_id = $1::uuid order by created_at desc',
  },
  tenant: {
    accounts: `select * from accounts where tenant_id = $1::uuid`,
    holds: `select * from holds where tenant_id = $1::uuid and state = 'held'`,
  },
  grant: { grants: 'select * from grants where id = $1::uuid', grant_entries: 'select * from grant_entries where grant_id = $1::uuid' },
  block: { ledger_blocks: 'select * from ledger_blocks where height between $1::bigint - 1 and $1::bigint' },
  hold: {
    holds: 'select * from holds where id = $1::uuid',
    transfers: 'select * from transfers where hold_id = $1::uuid',
    uncollected: 'select * from uncollected where hold_id = $1::uuid',
  },
  payment: {
    payments: 'select * from payments where id = $1::uuid',
    payment_attempts: 'select * from payment_attempts where payment_id = $1::uuid order by ordinal',
    refunds: 'select * from refunds where payment_id = $1::uuid',
    disputes: 'select * from disputes where payment_id = $1::uuid',
    transfers: 'select * from transfers where payment_id = $1::uuid',
    documents: 'select * from documents where payment_id = $1::uuid',
  },
  document: {
    documents: 'select * from documents where id = $1::uuid',
    closed_periods: 'select * from closed_periods where invoice_id = $1::uuid or credit_note_id = $1::uuid',
  },
  period: {
    closed_periods: 'select * from closed_periods where wallet_id = $1::uuid order by period_from desc',
    billing_schedules: 'select * from billing_schedules where wallet_id = $1::uuid',
  },
  adjustment: {
    adjustments: 'select * from adjustments where id = $1::uuid or transfer_id = $1::uuid',
    transfers: 'select * from transfers where id = $1::uuid or id = (select transfer_id from adjustments where id = $1::uuid)',
  },
  billed_period: {
    billed_periods: 'select * from billed_periods where id = $1::uuid',
    subscriptions: 'select * from subscriptions where id = (select subscription_id from billed_periods where id = $1::uuid)',
    transfers: 'select * from transfers where id = (select transfer_id from billed_periods where id = $1::uuid)',
  },
  quote: { quotes: 'select * from quotes where id = $1::uuid', holds: 'select * from holds where quote_id = $1::uuid' },
  price_book: {
    price_books: 'select * from price_books where book = (select book from price_books where id = $1::uuid) order by version desc',
  },
  promotion: {
    promotions: 'select * from promotions where id = $1::uuid',
    redemptions: 'select * from redemptions where promotion_id = $1::uuid order by created_at desc',
  },
  usage: {
    usage_totals: 'select * from usage_totals where period_id = $1::uuid',
    usage_charges: 'select * from usage_charges where period_id = $1::uuid order by meter, number',
  },
};
