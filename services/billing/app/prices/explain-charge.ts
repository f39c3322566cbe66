import { appError } from '#platform/errors/index.ts';
import { compare } from '#platform/money/index.ts';
import type { Quote } from '../../domain/prices/quote.ts';
import { check, checkText, refuseInvalid, requireId } from '../checks.ts';
import type { ChargeReader, ChargeStory, Quotes } from './ports.ts';

export type ExplainAsk = { readonly transactionId: string } | { readonly product: string; readonly reference: string };

export interface Explanation extends ChargeStory {
  readonly quote: Quote | undefined;
  /** In words: what is known, and what is not. */
  readonly words: string;
}

const withoutHold: Readonly<Record<string, string>> = {
  charge: 'Charged at once, without a reservation: the description says for what.',
  payment: 'Money that was paid in through a payment gateway.',
  promotion: 'Credit that was given: a promotion, or by hand.',
  refund: 'A charge that was given back, whole or in part.',
  payment_refund: 'A payment that went back through its gateway.',
  dispute: 'A payment that its payer has disputed.',
  subscription: 'The price of the plan for its period.',
  usage: 'What was used beyond what the plan includes.',
  adjustment: 'Corrected by hand: the description says why.',
  expiry: 'Credit that was not used in its time.',
};

const wordsFor = ({ hold, charges }: ChargeStory, quote: Quote | undefined): string => {
  if (hold === undefined) return withoutHold[charges[0]?.type ?? ''] ?? 'The description says what it is.';
  const reserved =
    quote === undefined
      ? 'The amount was named by the product when it was reserved; it was bought without a quote.'
      : 'The price was promised by the quote; its lines show how it came about, and add up to it exactly.';
  if (charges.length === 0) return `${reserved} Nothing has been charged.`;
  return compare(hold.captured, hold.amount) < 0 ? `${reserved} Less than what was reserved has been charged.` : reserved;
};

/**
 * Why a charge is what it is: charge → hold → quote → lines.
 * @throws request.not_found · request.invalid
 */
export const explainCharge =
  ({ charges, quotes }: { readonly charges: ChargeReader; readonly quotes: Quotes }) =>
  async (tenantId: string, ask: ExplainAsk): Promise<Explanation> => {
    const story = await find(charges, tenantId, ask);
    if (story === undefined) throw appError('request.not_found');
    const quoteId = story.hold?.quoteId;
    const quote = quoteId === undefined ? undefined : await quotes.find(tenantId, quoteId);
    return { ...story, quote, words: wordsFor(story, quote) };
  };

const find = (charges: ChargeReader, tenantId: string, ask: ExplainAsk): Promise<ChargeStory | undefined> => {
  if ('transactionId' in ask) {
    requireId(ask.transactionId);
    return charges.byTransaction(tenantId, ask.transactionId);
  }
  refuseInvalid(
    check(ask.product !== '', 'purchase.product', 'Say what was bought.'),
    check(ask.reference !== '', 'purchase.reference', 'Say which one.'),
    checkText(ask.product, 'purchase.product', 40),
    checkText(ask.reference, 'purchase.reference', 200),
  );
  return charges.byPurchase(tenantId, ask.product, ask.reference);
};
