import { change } from '../../domain/lifecycle.ts';
import type { Verification } from '../../domain/verification.ts';
import type { AcquireOutcome, Ports } from '../ports.ts';

type Refusal = Extract<AcquireOutcome, { kind: 'refused' }>;

/** Who is asked after this one; undefined: everybody of the decision has been. */
export const nextProvider = ({ route, provider }: Verification): string | undefined => {
  const at = route?.order.indexOf(provider) ?? -1;
  return at < 0 ? undefined : route?.order[at + 1];
};

/**
 * The provider of the verification has refused, for certain: writes down who is asked next, before that one is. Whoever recovers this
 * row after a crash then looks where a number may be: those before have none of it, and the one it names has either not been asked yet,
 * so that its list shows nothing, or has, and shows it.
 * @returns undefined when somebody else has changed the row meanwhile: the purchase is theirs, and nobody else is asked
 */
export const failOver = async (
  { store, clock }: Pick<Ports, 'store' | 'clock'>,
  from: Verification,
  provider: string,
  refusal: Refusal,
): Promise<Verification | undefined> => {
  const { route, dueAt } = from;
  if (route === undefined) return undefined;
  const refused = [...route.refused, { provider: from.provider, reason: refusal.reason, at: clock.now().toISOString() }];
  const to = change(from, 'rerouted', { provider, route: { ...route, refused }, dueAt });
  if (!to) return undefined;
  const write = (): Promise<boolean> => store.reroute(from, to);
  if (await write().catch(write)) return to;
  // A write whose answer got lost has been made, and its repetition met its own work: nobody else writes this version.
  const present = await store.find(from.tenantId, from.id);
  return present?.state === to.state && present.version === to.version && present.provider === to.provider ? to : undefined;
};
