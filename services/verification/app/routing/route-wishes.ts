import { appError } from '#platform/errors/index.ts';
import type { RouteCodes } from './ports.ts';

/** What a customer says of routes, by their codes. */
export interface RouteWishes {
  readonly exclude: readonly string[];
  readonly prefer: readonly string[];
}

export interface WishedProviders {
  readonly excludedProviders: readonly string[];
  readonly preferredProviders: readonly string[];
}

const most = 10;

/**
 * From codes to names. What is not known is refused: a customer who believes that he avoids somebody must not be mistaken.
 * @param at where the wishes stand in the request, for example "items[0]."
 * @throws request.invalid with the field
 */
export const wishedProviders = (codes: RouteCodes, wishes: RouteWishes | undefined, at = ''): WishedProviders => {
  const named = (field: string, list: readonly string[]): readonly string[] => {
    if (list.length > most) throw appError('request.invalid', { fields: [{ field: `${at}${field}`, reason: `At most ${most}.` }] });
    return list.map((code, index) => {
      const name = codes.provider(code);
      if (name === undefined)
        throw appError('request.invalid', { fields: [{ field: `${at}${field}[${index}]`, reason: 'There is no such route.' }] });
      return name;
    });
  };
  const excludedProviders = named('excludeRoutes', wishes?.exclude ?? []);
  const preferredProviders = named('preferRoutes', wishes?.prefer ?? []);
  const both = preferredProviders.findIndex((name) => excludedProviders.includes(name));
  if (both >= 0)
    throw appError('request.invalid', { fields: [{ field: `${at}preferRoutes[${both}]`, reason: 'It is excluded as well.' }] });
  return { excludedProviders, preferredProviders };
};
