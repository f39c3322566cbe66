import { appError } from '#platform/errors/index.ts';
import type { Catalogue, Country } from '../domain/catalogue.ts';
import type { Choice } from '../domain/choices.ts';

export interface ChoiceBrowser {
  /** @throws verification.not_offered for a country that is not in the catalogue */
  operators(country: string): readonly Choice[];
  areaCodes(country: string): readonly Choice[];
}

/** What a purchase may insist on, in memory. */
export const listChoices = (catalogue: Catalogue): ChoiceBrowser => {
  const find = (code: string): Country => {
    const country = catalogue.country(code.toUpperCase());
    if (country !== undefined) return country;
    throw appError('verification.not_offered', { fields: [{ field: 'country', reason: 'It is not in the catalogue.' }] });
  };
  return {
    operators: (country) => catalogue.operators(find(country)),
    areaCodes: (country) => catalogue.areaCodes(find(country)),
  };
};
