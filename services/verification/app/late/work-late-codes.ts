import { money } from '#platform/money/index.ts';
import { addMs, minuteMs } from '#platform/time/index.ts';
import { decideLateCode, type HiddenReason, windowEnd } from '../../domain/late/late-code.ts';
import { amend } from '../../domain/lifecycle.ts';
import { planPolicy } from '../../domain/policies.ts';
import type { DomainEvent } from '../../domain/verification.ts';
import type { HoldOutcome } from '../ports.ts';
import { codeContext, openMessage } from '../view.ts';
import type { LateCode, LatePorts } from './ports.ts';

/**
 * One turn of the worker that applies the plans' rules to codes that came after the end: hidden, shown, or shown and charged anew. A code that
 * cannot be paid for stays hidden and is tried again until its window closes: who tops up in time gets it. Idempotent by the
 * message: a worker that dies between the hold and the showing is followed by one that finds the same hold.
 * @returns how many were due
 */
export const workLateCodes =
  (ports: LatePorts) =>
  async ({ limit, leaseMs }: { limit: number; leaseMs: number }): Promise<number> => {
    const now = ports.clock.now();
    const due = await ports.lateCodes.claimDue(now, addMs(now, leaseMs), limit);
    for (const late of due) {
      try {
        await (late.unneeded ? giveBack(ports, late) : decide(ports, late));
      } catch (error) {
        ports.observer.failedStep(late, error);
      }
    }
    return due.length;
  };

const decide = async (ports: LatePorts, late: LateCode): Promise<void> => {
  const { policies, lateCodes } = ports;
  const { verification, arrivedAt } = late;
  const policy = planPolicy(policies, late.plan ?? policies.defaultPlan).lateCode;
  const leasedAgain = policy !== 'hide' && (await lateCodes.leasedAgain(verification));
  const verdict = decideLateCode({ verification, arrivedAt, policy, leasedAgain }, policies);
  if (verdict.kind === 'hide') return hide(ports, late, verdict.reason);
  const opened = await openMessage(ports.sealer, verification, late.message);
  if (opened === undefined) return hide(ports, late, 'erased');
  if (verdict.priceMicros === 0n) return void (await show(ports, late, opened.code, undefined));
  if (!(await lateCodes.asking(late))) return;
  const hold = await holdFor(ports, late, verdict.priceMicros);
  if (hold.kind === 'refused') await lateCodes.nothingHeld(late);
  if (hold.kind !== 'held') return tryLater(ports, late);
  const charge = { holdId: hold.holdId, priceMicros: verdict.priceMicros };
  // Frozen or changed in between: the next turn decides anew. When it shows, it finds this hold; when it does not, the hold goes back.
  if (!(await show(ports, late, opened.code, charge))) await lateCodes.reschedule(late, addMs(ports.clock.now(), minuteMs));
};

const hide = async ({ lateCodes, observer, clock }: LatePorts, late: LateCode, reason: HiddenReason): Promise<void> => {
  if (await lateCodes.hide(late, reason, clock.now())) observer.decided(late, reason);
};

type Charge = { readonly holdId: string; readonly priceMicros: bigint };

const show = async (ports: LatePorts, late: LateCode, code: string, charge: Charge | undefined): Promise<boolean> => {
  const { verification: from, message } = late;
  const sealedCode = code === '' && from.codes > 0 ? from.sealedCode : await ports.sealer.seal(code, codeContext(from));
  const to = amend(from, { sealedCode, receivedAt: message.receivedAt, codes: from.codes + 1 });
  const lateByMs = Math.max(0, message.receivedAt.getTime() - (from.endedAt ?? message.receivedAt).getTime());
  const event: DomainEvent & { kind: 'lateCodeReceived' } = { kind: 'lateCodeReceived', verification: to, lateByMs, charge };
  const shown = await ports.lateCodes.show(late, to, event);
  if (shown) ports.observer.decided(late, charge ? 'charged' : 'shown');
  return shown;
};

/** The hold outlives the window by so much: time for its event to be settled. */
const settleMs = 60 * minuteMs;
const holdEnd = ({ policies }: Pick<LatePorts, 'policies'>, { verification, arrivedAt }: LateCode): Date =>
  addMs(windowEnd(verification.endedAt ?? arrivedAt, policies), settleMs);

/** Everything in the request comes from rows, so asking again is the same request under the same key: the message's. */
const holdFor = ({ ledger, catalogue, policies, timing, clock }: LatePorts, late: LateCode, micros: bigint): Promise<HoldOutcome> => {
  const { id, tenantId, service, country, currency, actor } = late.verification;
  const name = `${catalogue.service(service)?.name ?? service} late code, ${catalogue.country(country)?.name ?? country}`;
  return ledger.placeHold({
    ...{ tenantId, verificationId: id, lateMessage: late.message.id, amount: money(currency, micros), actor, description: name },
    ...{ quoteId: undefined, fromHoldId: undefined },
    expiresAt: holdEnd({ policies }, late),
    deadline: addMs(clock.now(), timing.purchaseMs),
  });
};

/**
 * What was held for a code that costs nothing after all. Billing is asked under the key of the hold which one that is: its answer may have been lost.
 * Whoever dies in between is followed by one that asks again; a hold that is past its time has ended by itself.
 */
const giveBack = async (ports: LatePorts, late: LateCode): Promise<void> => {
  const { lateCodes, ledger, clock } = ports;
  const { tenantId, priceMicros } = late.verification;
  if (clock.now() >= holdEnd(ports, late)) return lateCodes.nothingHeld(late);
  const hold = await holdFor(ports, late, priceMicros);
  const done = hold.kind === 'held' ? await ledger.giveBack(tenantId, hold.holdId) : hold.kind === 'refused';
  return done ? lateCodes.nothingHeld(late) : lateCodes.reschedule(late, addMs(clock.now(), minuteMs));
};

/** No credit, or no answer: both are asked again under the same key. */
const tryLater = async (ports: LatePorts, late: LateCode): Promise<void> => {
  const { clock, policies, lateCodes } = ports;
  const at = addMs(clock.now(), policies.lateCodes.retryMinutes * minuteMs * 2 ** Math.min(late.attempts, 6));
  if (at > windowEnd(late.verification.endedAt ?? late.arrivedAt, policies)) return hide(ports, late, 'not_paid');
  return lateCodes.reschedule(late, at);
};
