import type { Sealer } from '../ports.ts';
import type { RouteCodes } from './ports.ts';

/** Codes from names under the service's key: nobody can try names until one fits. */
export const routeCodes = (providers: readonly string[], sealer: Pick<Sealer, 'fingerprint'>): RouteCodes => {
  const codeOf = (provider: string): string =>
    `route_${Buffer.from(sealer.fingerprint(`provider ${provider}`))
      .toString('hex')
      .slice(0, 10)}`;
  const names = new Map(providers.map((name) => [codeOf(name), name]));
  return { of: codeOf, provider: (code) => names.get(code) };
};
