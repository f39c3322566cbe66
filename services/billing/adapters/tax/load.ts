import { readFileSync } from 'node:fs';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { isEuMember, type StandardRate } from '../../domain/documents/tax-rates.ts';

const strict = { additionalProperties: false } as const;
const schema = Compile(
  Type.Object(
    {
      version: Type.Integer({ minimum: 1 }),
      rates: Type.Array(
        Type.Object(
          {
            country: Type.String({ pattern: '^[A-Z]{2}$' }),
            kind: Type.Enum(['VAT', 'GST', 'JCT']),
            percent: Type.String({ pattern: String.raw`^\d{1,2}(\.\d{1,2})?$` }),
            validFrom: Type.String({ pattern: String.raw`^\d{4}-\d{2}-\d{2}$` }),
            /** Who says so. */
            source: Type.String({ minLength: 1, maxLength: 200 }),
            note: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
          },
          strict,
        ),
        { minItems: 1 },
      ),
    },
    strict,
  ),
);

const ppmOfPercent = 10_000;

/** data/tax-rates.json. @throws when it is not what it should be: at start, not on an invoice */
export const loadTaxRates = (path = new URL('../../data/tax-rates.json', import.meta.url)): readonly StandardRate[] => {
  const { rates } = schema.Parse(JSON.parse(readFileSync(path, 'utf8')));
  const seen = new Set<string>();
  return rates.map(({ country, kind, percent, validFrom }) => {
    const [at, key] = [new Date(`${validFrom}T00:00:00Z`), `${country} ${validFrom}`];
    if (Number.isNaN(at.getTime()) || !at.toISOString().startsWith(validFrom)) throw new Error(`tax-rates.json: ${key} is no day`);
    if (seen.has(key)) throw new Error(`tax-rates.json: ${key} stands there twice`);
    seen.add(key);
    return { country, kind, ratePpm: Math.round(Number(percent) * ppmOfPercent), validFrom: at };
  });
};

/**
 * Where the issuer is registered for tax.
 * @param text "GB,NO,EU"; empty: at home, if it has a tax id at all
 * @throws on a country whose rate the file does not know: an issuer that has to charge tax must not charge none by mistake
 */
export const registrationsOf = (
  text: string,
  home: { readonly country: string; readonly taxId: string },
  rates: readonly StandardRate[],
): ReadonlySet<string> => {
  const known = new Set(rates.map(({ country }) => country));
  if (text.trim() === '') return new Set(home.taxId !== '' && known.has(home.country) ? [home.country] : []);
  const named = text.split(',').map((part) => part.trim());
  for (const country of named)
    if (country !== 'EU' && !known.has(country)) throw new Error(`ISSUER_TAX_REGISTRATIONS: no rate is known for "${country}"`);
  if (isEuMember(home.country) && named.includes('EU') && home.taxId === '')
    throw new Error('ISSUER_TAX_REGISTRATIONS: an issuer in the EU that is registered there has an ISSUER_TAX_ID');
  return new Set(named);
};
