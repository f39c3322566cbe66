import type { Planned } from './agenda.ts';

export type ActivationState = 'waiting' | 'received' | 'retry' | 'finished' | 'cancelled' | 'expired';

export interface ReceivedCode {
  readonly code: string;
  readonly text: string;
  readonly receivedAtMs: number;
  /** Arrived after the activation had ended: pushed, but never shown by getStatus. */
  readonly late: boolean;
}

export type Capability = 'sms' | 'voice';

/** Where it was bought: each protocol shows its own numbers only. */
export type Market = 'handler_api' | '5sim' | 'textverified';

/** One rented number. The state only changes through the use cases in app/. */
export interface Activation {
  readonly id: string;
  readonly market: Market;
  readonly service: string;
  readonly countryId: number;
  readonly dialCode: string;
  /** Digits without a plus. */
  readonly phone: string;
  readonly costMicros: bigint;
  readonly operator: string;
  /** voice: its codes are said in calls. */
  readonly capability: Capability;
  readonly orderId: string | undefined;
  readonly createdAtMs: number;
  readonly endsAtMs: number;
  readonly fate: Fate;
  state: ActivationState;
  endedAtMs: number | undefined;
  codes: ReceivedCode[];
  plannedCode: Planned | undefined;
  plannedEnd: Planned | undefined;
  /** The activation under which its number goes on. */
  successor: string | undefined;
}

/** What the seed decided at purchase about this number's code. */
export interface Fate {
  readonly arrives: boolean;
  readonly twice: boolean;
  readonly late: boolean;
  readonly hyphenated: boolean;
  readonly pushTwice: boolean;
  readonly pushHeldBack: boolean;
  readonly pushed: boolean;
}

const liveStates: ReadonlySet<ActivationState> = new Set(['waiting', 'received', 'retry']);

export const isLive = (activation: Activation): boolean => liveStates.has(activation.state);

/** The newest code that getStatus shows. */
export const lastCode = (activation: Activation): ReceivedCode | undefined => activation.codes.findLast((code) => !code.late);
