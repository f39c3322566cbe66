import { addMs } from '#platform/time/index.ts';
import type { ActiveActivation } from '../../domain/reconcile.ts';
import { type Measure, measureFor } from '../../domain/settlement/stray.ts';
import type { StrayPorts, Sweep } from './ports.ts';

/**
 * Compares each provider's list of active numbers with what we know, when it is due: a number that nobody knows becomes a claim, one that
 * has ended here is ended there. A number is unknown only when two lists, asked for some minutes apart, have it and we do not: so whatever
 * bought it began before the first one, and no purchase in flight is ever taken for a stray, whatever the provider's clock says. Claims are
 * worked off by `recoupDue`, by any replica; to open one twice is to open it once.
 * @returns how many measures were taken
 */
export const sweepActive =
  (ports: StrayPorts) =>
  async ({ leaseMs }: { leaseMs: number }): Promise<number> => {
    let taken = 0;
    for (const provider of ports.providers) {
      const now = ports.clock.now();
      const sweep = await ports.strays.begin(provider, now, addMs(now, leaseMs));
      if (sweep === undefined) continue;
      let listed: Listed | undefined;
      try {
        listed = await sweepOne(ports, provider, sweep, now);
        taken += listed?.measures ?? 0;
      } catch (error) {
        ports.observer.failedSweep(provider, error);
      }
      await ports.strays.end(provider, addMs(ports.clock.now(), ports.timing.everyMs), listed);
    }
    return taken;
  };

interface Listed {
  readonly askedAt: Date;
  readonly suspects: readonly string[];
  readonly measures: number;
}

/** Old enough that no list leaves anything out. */
const everythingMs = 7 * 24 * 3_600_000;

const sweepOne = async (ports: StrayPorts, provider: string, sweep: Sweep, now: Date): Promise<Listed | undefined> => {
  const { strays, timing, observer } = ports;
  const list = await ports.named(provider).listActive(addMs(now, -everythingMs));
  if (list.kind === 'unknown') {
    observer.unreadable(provider, list.detail);
    return undefined;
  }
  // Asked after the list: whoever bought something that stands in it has had a row since before.
  const ids = list.activations.map(({ activationId }) => activationId);
  const { activations: known, returning } = await strays.known(provider, ids);
  const byId = new Map(known.map((one) => [one.activationId, one]));
  const suspects: string[] = [];
  let measures = 0;
  for (const activation of list.activations) {
    const { activationId } = activation;
    if (returning.has(activationId)) continue;
    const suspected = sweep.before !== undefined && sweep.suspects.has(activationId);
    const measure = measureFor(activation, byId.get(activationId), { suspected, now, timing });
    if (measure === 'suspect' || measure === 'claim') suspects.push(activationId);
    if (measures >= timing.limit || !(await take(ports, provider, activation, measure, sweep.before ?? now))) continue;
    measures += 1;
  }
  return { askedAt: now, suspects: suspects.slice(0, timing.maxSuspects), measures };
};

/** @returns whether anything was to be done, and was */
const take = async (
  { strays, named, observer, clock }: StrayPorts,
  provider: string,
  activation: ActiveActivation,
  measure: Measure,
  before: Date,
): Promise<boolean> => {
  const { activationId } = activation;
  switch (measure) {
    case 'leave':
    case 'suspect':
      return false;
    case 'claim':
      if ((await strays.claim(provider, activation, before, clock.now())) === 'left') return false;
      break;
    case 'reopen':
      if (!(await strays.reopen(provider, activationId, clock.now()))) return false;
      break;
    case 'finish':
      // Repeatable; without an answer the next sweep says it again.
      await named(provider).finish(activationId);
      break;
  }
  observer.stray(provider, activationId, measure);
  return true;
};
