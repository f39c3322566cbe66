import { addMs } from '#platform/time/index.ts';
import { askAgain, byCancel, byStatus, type Claim, type Verdict } from '../../domain/settlement/claim.ts';
import type { NumberProvider } from '../ports.ts';
import type { SettlementPorts } from './ports.ts';

/**
 * One turn of the worker that gets our money back: asks the provider about each claim that is due, cancels what still runs there, and
 * asks again later while there is no answer. Asking twice does no harm, so a worker that dies only loses its lease.
 * @returns how many were due
 */
export const recoupDue =
  (ports: SettlementPorts) =>
  async ({ limit, leaseMs }: { limit: number; leaseMs: number }): Promise<number> => {
    const now = ports.clock.now();
    const due = await ports.settlements.claimDue(now, addMs(now, leaseMs), limit);
    await Promise.all(
      due.map(async (claim) => {
        try {
          await recoup(ports, claim);
        } catch (error) {
          ports.observer.failedStep(claim, error);
        }
      }),
    );
    return due.length;
  };

/** Taken out of the configuration while it owed us something: asked again, in case it comes back, until the time is over. */
const named = ({ providers }: SettlementPorts, name: string): NumberProvider | undefined => {
  try {
    return providers.named(name);
  } catch {
    return undefined;
  }
};

const ask = async (ports: SettlementPorts, claim: Claim): Promise<Verdict> => {
  if (claim.product === 'rental') return ports.rentals?.(claim) ?? byStatus('unknown');
  const { provider: name, activationId } = claim;
  const provider = named(ports, name);
  if (provider === undefined) return byStatus('unknown');
  const verdict = byStatus((await provider.status(activationId)).kind);
  return verdict.kind === 'cancel' ? byCancel(await provider.cancel(activationId)) : verdict;
};

const recoup = async (ports: SettlementPorts, claim: Claim): Promise<void> => {
  const verdict = await ask(ports, claim);
  const now = ports.clock.now();
  switch (verdict.kind) {
    case 'refunded':
    case 'lost':
      return settle(ports, claim, verdict.kind, verdict.evidence, now);
    // A cancellation is answered by one of the others.
    case 'cancel':
    case 'wait': {
      const at = askAgain(claim, now, verdict.kind === 'wait' ? verdict.afterMs : undefined, ports.timing);
      if (at === 'over') return settle(ports, claim, 'lost', 'unconfirmed', now);
      return ports.settlements.reschedule(claim, at);
    }
  }
};

const settle = async (
  ports: SettlementPorts,
  claim: Claim,
  kind: 'refunded' | 'lost',
  evidence: Parameters<SettlementPorts['observer']['settled']>[2],
  at: Date,
): Promise<void> => {
  const settled = await ports.settlements.settle(claim, { kind, evidence, at });
  if (settled === 'refunded' || settled === 'lost') ports.observer.settled(claim, settled, evidence);
};
