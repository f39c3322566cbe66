import { isUuid } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { Catalogue } from '../../domain/catalogue.ts';
import { invalid, requireNote } from './checks.ts';
import { type KillSwitch, type KillSwitches, type SwitchScope, switchScopes } from './ports.ts';

export interface SwitchParts {
  readonly switches: KillSwitches;
  readonly catalogue: Catalogue;
  /** Names of the providers that this platform has. */
  readonly providers: readonly string[];
  readonly clock: Clock;
}

const targetOf = (parts: SwitchParts, scope: SwitchScope, target: string): string => {
  switch (scope) {
    case 'tenant':
      if (!isUuid(target)) throw invalid('target', 'is not the id of a tenant');
      return target;
    case 'service': {
      const service = parts.catalogue.service(target.toLowerCase());
      if (!service) throw invalid('target', 'There is no such service in the catalogue.');
      return service.code;
    }
    case 'provider':
      if (!parts.providers.includes(target)) throw invalid('target', `must be one of ${parts.providers.join(', ')}`);
      return target;
  }
};

/** Stops purchases of a tenant, a service or a provider from the next one on. @throws request.invalid on scope, target or reason */
export const switchOff =
  (parts: SwitchParts) =>
  async (actor: string, request: { scope: string; target: string; reason: string }): Promise<KillSwitch> => {
    const scope = switchScopes.find((known) => known === request.scope);
    if (scope === undefined) throw invalid('scope', `must be one of ${switchScopes.join(', ')}`);
    const target = targetOf(parts, scope, request.target);
    return parts.switches.set(scope, target, { actor, note: requireNote(request.reason, 'reason'), at: parts.clock.now() });
  };
