import { newId } from '#platform/ids/index.ts';
import { fromMinorUnits } from '#platform/money/index.ts';
import { type BillingDetails, type DocumentContent, documentNumber, type Occasion } from '../../domain/documents/document.ts';
import type { DocumentUnit, Issuer } from './ports.ts';

/**
 * What documents of a tenant have in common at one moment.
 * @param suppliedAt whose rate of tax it is: a document is issued after what it is about
 */
export const occasionOf = async (
  unit: Pick<DocumentUnit, 'taxRate'>,
  issuer: Issuer,
  about: { readonly details: BillingDetails; readonly currency: string; readonly issuedAt: Date },
  suppliedAt = about.issuedAt,
): Promise<Occasion> => ({
  ...about,
  issuer: issuer.party,
  minorMicros: fromMinorUnits(about.currency, 1n).micros,
  // What an operator has written down for a country goes before what the country's standard rate is.
  taxRate: (await unit.taxRate(about.details.country, suppliedAt)) ?? issuer.standardRate?.(about.details.country, suppliedAt),
});

/** Gives a document its number and stores it. @returns its id and number */
export const issueDocument = async (
  unit: DocumentUnit,
  { code }: Issuer,
  tenantId: string,
  content: DocumentContent,
): Promise<{ readonly id: string; readonly number: string }> => {
  const year = content.issuedAt.getUTCFullYear();
  const sequence = await unit.nextNumber(content.kind, year);
  const number = documentNumber(code, content.kind, year, sequence);
  const id = newId();
  await unit.add(id, tenantId, { ...content, number }, sequence);
  return { id, number };
};
