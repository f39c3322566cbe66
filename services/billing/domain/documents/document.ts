import type { Product } from '../ledger.ts';
import { divideHalfEven, taxed, type TaxedSum, type TaxRate } from './tax.ts';
import { isEuMember, isVatId } from './tax-rates.ts';

const documentKinds = ['invoice', 'credit_note', 'receipt'] as const;
export type DocumentKind = (typeof documentKinds)[number];

/** Who a document is for, or from. */
export interface Party {
  readonly name: string;
  readonly address: readonly string[];
  /** ISO 3166-1 alpha-2; empty when it is not known. */
  readonly country: string;
  readonly taxId: string;
}
export interface BillingDetails extends Party {
  readonly timeZone: string;
}
export const noDetails: BillingDetails = { name: '', address: [], country: '', taxId: '', timeZone: 'UTC' };

/** What was taken, or given back, for one product; several for what has a name of its own, like a subscription. */
export interface Activity {
  readonly product: Product;
  readonly title: string;
  readonly charges: bigint;
  readonly refunds: bigint;
  /** Taken, or given back: never negative. */
  readonly chargedMicros: bigint;
  readonly refundedMicros: bigint;
}

export interface DocumentLine {
  readonly description: string;
  readonly product: Product | '';
  readonly quantity: bigint;
  readonly amountMicros: bigint;
}

export interface Period {
  readonly from: Date;
  readonly to: Date;
  readonly timeZone: string;
}

/** All that a document says. Once issued it never changes, whatever becomes of the tenant's details or the tax rates. */
export interface DocumentContent {
  readonly kind: DocumentKind;
  /** Empty in a preview. */
  readonly number: string;
  readonly issuedAt: Date;
  readonly period: Period | undefined;
  readonly issuer: Party;
  readonly customer: Party;
  readonly currency: string;
  readonly lines: readonly DocumentLine[];
  readonly netMicros: bigint;
  readonly taxMicros: bigint;
  readonly totalMicros: bigint;
  /** The part of the total that the prepaid credit has not paid already: a tax that comes on top. */
  readonly dueMicros: bigint;
  readonly taxNote: string;
  /** Of a credit note: the invoices whose charges it gives back. */
  readonly refersTo: readonly string[];
  readonly payment: { readonly id: string; readonly gateway: string } | undefined;
}

/** An invoice, and how much of what its lines say was given back. */
export interface RefundedInvoice {
  readonly invoice: DocumentContent;
  readonly micros: bigint;
}

export interface Document extends DocumentContent {
  readonly id: string;
  readonly tenantId: string;
  readonly contentHash: string;
}

const names: Readonly<Record<Product, string>> = {
  verification: 'Phone verifications',
  campaign: 'Campaign messages',
  rental: 'Number rentals',
  subscription: 'Subscription',
  usage: 'Usage',
};

const chargeLine = ({ product, title, charges, chargedMicros }: Activity): DocumentLine => ({
  description: title === '' ? names[product] : title,
  product,
  quantity: charges,
  amountMicros: chargedMicros,
});
const refundLine = ({ product, title, refunds, refundedMicros }: Activity): DocumentLine => ({
  description: `Refund: ${title === '' ? names[product] : title}`,
  product,
  quantity: refunds,
  amountMicros: refundedMicros,
});

export interface Occasion {
  readonly issuer: Party;
  readonly details: BillingDetails;
  readonly currency: string;
  /** How much the smallest unit of the currency is. */
  readonly minorMicros: bigint;
  readonly taxRate: TaxRate | undefined;
  readonly issuedAt: Date;
}

/** A business in another country with a tax number of its own declares the tax itself; within the EU that number is a VAT id. */
const isReverseCharge = (issuer: Party, { country, taxId }: Party): boolean =>
  taxId !== '' && country !== '' && country !== issuer.country && (!isEuMember(country) || isVatId(country, taxId));

const partyOf = ({ name, address, country, taxId }: Party): Party => ({ name, address, country, taxId });

const sumOf = (lines: readonly DocumentLine[]): bigint => lines.reduce((sum, { amountMicros }) => sum + amountMicros, 0n);

/** What is sold on this occasion, with its tax. */
const sold = (micros: bigint, { issuer, details, minorMicros, taxRate }: Occasion): TaxedSum =>
  taxed(micros, taxRate, isReverseCharge(issuer, details), minorMicros);

/** The same part of an invoice's tax as of its sum. */
const portionOf = ({ invoice, micros }: RefundedInvoice, minorMicros: bigint): TaxedSum => {
  const taxMicros = divideHalfEven(invoice.taxMicros * micros, sumOf(invoice.lines) * minorMicros) * minorMicros;
  const onTopMicros = invoice.dueMicros > 0n ? taxMicros : 0n;
  const totalMicros = micros + onTopMicros;
  return { netMicros: totalMicros - taxMicros, taxMicros, totalMicros, note: invoice.taxNote };
};

const together = (sums: readonly TaxedSum[]): TaxedSum => ({
  netMicros: sums.reduce((total, { netMicros }) => total + netMicros, 0n),
  taxMicros: sums.reduce((total, { taxMicros }) => total + taxMicros, 0n),
  totalMicros: sums.reduce((total, { totalMicros }) => total + totalMicros, 0n),
  note: [...new Set(sums.flatMap(({ note }) => note || []))].join('; '),
});

const contentOf = (
  kind: DocumentKind,
  { issuer, details, currency, issuedAt }: Occasion,
  lines: readonly DocumentLine[],
  sum: TaxedSum,
  over: Partial<DocumentContent>,
): DocumentContent => ({
  kind,
  number: '',
  issuedAt,
  period: undefined,
  issuer: partyOf(issuer),
  customer: partyOf(details),
  currency,
  lines,
  netMicros: sum.netMicros,
  taxMicros: sum.taxMicros,
  totalMicros: sum.totalMicros,
  dueMicros: sum.totalMicros - sumOf(lines),
  taxNote: sum.note,
  refersTo: [],
  payment: undefined,
  ...over,
});

/** One line for each product that was charged: their sum is what left the wallet, to the last micro. */
export const invoiceOf = (occasion: Occasion, period: Period, activities: readonly Activity[]): DocumentContent => {
  const lines = activities.filter(({ chargedMicros }) => chargedMicros > 0n).map(chargeLine);
  return contentOf('invoice', occasion, lines, sold(sumOf(lines), occasion), { period });
};

/**
 * It takes back of the tax what the invoices of the charges had of it: rates and details may be others by now.
 * @param refunded what of the lines' sum was on which invoice; the rest was on none, and is taxed as if it were sold now
 */
export const creditNoteOf = (
  occasion: Occasion,
  period: Period,
  activities: readonly Activity[],
  refunded: readonly RefundedInvoice[],
): DocumentContent => {
  const lines = activities.filter(({ refundedMicros }) => refundedMicros > 0n).map(refundLine);
  const restMicros = refunded.reduce((rest, { micros }) => rest - micros, sumOf(lines));
  const portions = refunded.map((each) => portionOf(each, occasion.minorMicros));
  const sum = together(restMicros > 0n ? [...portions, sold(restMicros, occasion)] : portions);
  return contentOf('credit_note', occasion, lines, sum, { period, refersTo: refunded.map(({ invoice }) => invoice.number) });
};

export const receiptOf = (
  occasion: Occasion,
  { id, gateway, amountMicros }: { readonly id: string; readonly gateway: string; readonly amountMicros: bigint },
): DocumentContent => {
  const lines = [{ description: 'Prepaid credit', product: '', quantity: 1n, amountMicros }] as const;
  // What is paid in is no sale yet: the tax is on the invoices.
  return contentOf('receipt', occasion, lines, taxed(amountMicros, undefined, false, occasion.minorMicros), { payment: { id, gateway } });
};

const marks: Readonly<Record<DocumentKind, string>> = { invoice: '', credit_note: 'CN-', receipt: 'R-' };

/** "NMK-2026-000017", "NMK-2026-CN-000004", "NMK-2026-R-000210" */
export const documentNumber = (issuer: string, kind: DocumentKind, year: number, sequence: bigint): string =>
  `${issuer}-${year}-${marks[kind]}${sequence.toString().padStart(6, '0')}`;
