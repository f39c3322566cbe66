import type { Clock } from '#platform/time/index.ts';
import type { HiddenReason } from '../../domain/late/late-code.ts';
import type { Policies } from '../../domain/policies.ts';
import type { DomainEvent, Verification } from '../../domain/verification.ts';
import type { Ledger, Ports, SealedMessage } from '../ports.ts';

/** A message that came after the end, with all that its fate depends on. */
export interface LateCode {
  readonly verification: Verification;
  readonly message: SealedMessage;
  readonly arrivedAt: Date;
  /** Of the tenant; undefined: not known. */
  readonly plan: string | undefined;
  /** How often it was looked at. */
  readonly attempts: number;
  /** It is decided, and only what was held for it has to go back. */
  readonly unneeded: boolean;
}

export interface LateCodes {
  /** Leases what is due: no other worker gets these before `until`. */
  claimDue(now: Date, until: Date, limit: number): Promise<readonly LateCode[]>;
  /** Has somebody else had the number since, for whatever service, or as a rental? */
  leasedAgain(verification: Verification): Promise<boolean>;
  /** From now on billing may hold its price. @returns false when it was decided before */
  asking(late: LateCode): Promise<boolean>;
  /** Billing holds nothing for it: it refused, or has given it back. */
  nothingHeld(late: LateCode): Promise<void>;
  /** Stays hidden for good; due again at once if anything may be held for it. @returns false when it was decided before */
  hide(late: LateCode, reason: HiddenReason, now: Date): Promise<boolean>;
  /**
   * The message is visible from now on, with its event, by compare-and-set on the verification's (state, version), in one statement. Charged:
   * the provider's side of it is no loss any more. Free: due again at once if anything may be held for it. @returns false when somebody was first
   */
  show(late: LateCode, to: Verification, event: DomainEvent & { readonly kind: 'lateCodeReceived' }): Promise<boolean>;
  reschedule(late: LateCode, dueAt: Date): Promise<void>;
}

export type LateOutcome = 'shown' | 'charged' | HiddenReason;

export interface LateObserver {
  decided(late: LateCode, outcome: LateOutcome): void;
  failedStep(late: LateCode, error: unknown): void;
}

export interface LatePorts {
  readonly lateCodes: LateCodes;
  readonly ledger: Pick<Ledger, 'placeHold' | 'giveBack'>;
  readonly sealer: Ports['sealer'];
  readonly catalogue: Ports['catalogue'];
  readonly policies: Policies;
  readonly timing: Pick<Ports['timing'], 'purchaseMs'>;
  readonly observer: LateObserver;
  readonly clock: Clock;
}
