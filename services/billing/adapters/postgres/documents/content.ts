import { createHash } from 'node:crypto';
import type { Document, DocumentContent } from '../../../domain/documents/document.ts';
import type { DocumentRow } from './rows.ts';

/** Money as digits, times as ISO text, keys in this order: the text is what is hashed. */
export const writeContent = (content: DocumentContent): { readonly text: string; readonly hash: Buffer } => {
  const { kind, number, issuedAt, period, issuer, customer, currency, lines, taxNote, refersTo, payment } = content;
  const party = ({ name, address, country, taxId }: DocumentContent['issuer']) => ({ name, address, country, taxId });
  const text = JSON.stringify({
    version: 1,
    kind,
    number,
    issuedAt: issuedAt.toISOString(),
    period: period && { from: period.from.toISOString(), to: period.to.toISOString(), timeZone: period.timeZone },
    issuer: party(issuer),
    customer: party(customer),
    currency,
    lines: lines.map(({ description, product, quantity, amountMicros }) => ({
      description,
      product,
      quantity: quantity.toString(),
      amountMicros: amountMicros.toString(),
    })),
    netMicros: content.netMicros.toString(),
    taxMicros: content.taxMicros.toString(),
    totalMicros: content.totalMicros.toString(),
    dueMicros: content.dueMicros.toString(),
    taxNote,
    refersTo,
    payment: payment && { id: payment.id, gateway: payment.gateway },
  });
  return { text, hash: createHash('sha256').update(text).digest() };
};

type Written = Omit<DocumentContent, 'issuedAt' | 'period' | 'lines' | 'netMicros' | 'taxMicros' | 'totalMicros' | 'dueMicros'> & {
  readonly issuedAt: string;
  readonly period?: { readonly from: string; readonly to: string; readonly timeZone: string };
  readonly lines: readonly {
    readonly description: string;
    readonly product: '';
    readonly quantity: string;
    readonly amountMicros: string;
  }[];
  readonly netMicros: string;
  readonly taxMicros: string;
  readonly totalMicros: string;
  readonly dueMicros: string;
};

export const documentOf = ({ id, tenantId, content, contentHash }: DocumentRow): Document => {
  const said = JSON.parse(content) as Written;
  return {
    id,
    tenantId,
    contentHash: Buffer.from(contentHash).toString('hex'),
    kind: said.kind,
    number: said.number,
    issuedAt: new Date(said.issuedAt),
    period: said.period && { from: new Date(said.period.from), to: new Date(said.period.to), timeZone: said.period.timeZone },
    issuer: said.issuer,
    customer: said.customer,
    currency: said.currency,
    lines: said.lines.map((line) => ({ ...line, quantity: BigInt(line.quantity), amountMicros: BigInt(line.amountMicros) })),
    netMicros: BigInt(said.netMicros),
    taxMicros: BigInt(said.taxMicros),
    totalMicros: BigInt(said.totalMicros),
    dueMicros: BigInt(said.dueMicros),
    taxNote: said.taxNote,
    refersTo: said.refersTo,
    payment: said.payment,
  };
};
