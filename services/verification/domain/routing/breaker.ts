import { addMs } from '#platform/time/index.ts';

/**
 * closed: everybody may ask. open: nobody, until the pause is over. half-open: a share of purchases, to see. A provider that says no
 * for a reason (no numbers, a higher price) is well; one that does not answer, is not reached or refuses our account is not.
 */
export type CircuitState = 'closed' | 'open' | 'half_open';

export interface Circuit {
  readonly state: CircuitState;
  /** Faults without a sound answer between them. */
  readonly faultsInARow: number;
  /** Share of faults, the newest counting most. */
  readonly faultShare: number;
  readonly answers: number;
  /** Of a half-open one: sound answers since. */
  readonly soundInARow: number;
  /** Openings without a closing between them: each pause is twice as long as the one before. */
  readonly trips: number;
  readonly openUntil: Date | undefined;
}

export interface BreakerRules {
  readonly faultsInARow: number;
  readonly faultShare: number;
  /** Answers before the share counts. */
  readonly fewestAnswers: number;
  readonly pauseMs: number;
  readonly longestPauseMs: number;
  readonly soundToClose: number;
}

export const usualBreaker: BreakerRules = {
  faultsInARow: 5,
  faultShare: 0.5,
  fewestAnswers: 20,
  pauseMs: 15_000,
  longestPauseMs: 600_000,
  soundToClose: 3,
};

export const closedCircuit: Circuit = {
  state: 'closed',
  faultsInARow: 0,
  faultShare: 0,
  answers: 0,
  soundInARow: 0,
  trips: 0,
  openUntil: undefined,
};

/** An open circuit whose pause is over is half-open: nobody needs to have been there to turn it. */
export const stateAt = ({ state, openUntil }: Circuit, now: Date): CircuitState =>
  state === 'open' && openUntil !== undefined && now >= openUntil ? 'half_open' : state;

const trip = (circuit: Circuit, now: Date, rules: BreakerRules): Circuit => ({
  ...closedCircuit,
  state: 'open',
  trips: circuit.trips + 1,
  openUntil: addMs(now, Math.min(rules.pauseMs * 2 ** Math.min(circuit.trips, 20), rules.longestPauseMs)),
});

const memory = 0.9;

/** The circuit after one answer. */
export const after = (circuit: Circuit, answer: 'sound' | 'fault', now: Date, rules: BreakerRules = usualBreaker): Circuit => {
  const state = stateAt(circuit, now);
  // Answers to questions from before it opened, or of those who had nobody else to ask.
  if (state === 'open') return circuit;
  if (state === 'half_open') {
    if (answer === 'fault') return trip(circuit, now, rules);
    const soundInARow = circuit.soundInARow + 1;
    return soundInARow >= rules.soundToClose ? closedCircuit : { ...circuit, state, soundInARow };
  }
  const fault = answer === 'fault';
  const next: Circuit = {
    ...circuit,
    faultsInARow: fault ? circuit.faultsInARow + 1 : 0,
    faultShare: circuit.faultShare * memory + (fault ? 1 - memory : 0),
    answers: circuit.answers + 1,
  };
  const tooMany = next.answers >= rules.fewestAnswers && next.faultShare >= rules.faultShare;
  return next.faultsInARow >= rules.faultsInARow || tooMany ? trip(circuit, now, rules) : next;
};
