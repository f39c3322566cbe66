import { addMs, type Clock, minuteMs } from '#platform/time/index.ts';
import type { PaymentGateways } from './ports.ts';

/** So long a gateway that did not answer is asked only after the others. */
const avoidedForMs = minuteMs;

/** Which gateways answered this process lately. It only orders a choice, so that it is lost with the process costs nothing. */
export interface GatewayHealth {
  silent(gateway: string): void;
  answered(gateway: string): void;
  /** Those that take the currency, in their configured order, those that were silent lately at the end. */
  choose(gateways: PaymentGateways, currency: string): readonly string[];
}

export const gatewayHealth = (clock: Clock): GatewayHealth => {
  const silentAt = new Map<string, Date>();
  const isSilent = (gateway: string): boolean => {
    const at = silentAt.get(gateway);
    return at !== undefined && addMs(at, avoidedForMs) > clock.now();
  };
  return {
    silent: (gateway) => void silentAt.set(gateway, clock.now()),
    answered: (gateway) => void silentAt.delete(gateway),
    choose: (gateways, currency) => {
      const able = [...gateways.values()].filter(({ currencies }) => currencies.includes(currency)).map(({ name }) => name);
      return [...able.filter((name) => !isSilent(name)), ...able.filter(isSilent)];
    },
  };
};
