import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { addMs, minuteMs } from '#platform/time/index.ts';
import type { Rule } from '../domain/code/read-code.ts';
import { amend, change } from '../domain/lifecycle.ts';
import { isStale, isSurelyNew } from '../domain/message.ts';
import { writeDigits } from '../domain/spoken.ts';
import { isPaid, next } from '../domain/state.ts';
import type { DomainEvent, Message, Verification } from '../domain/verification.ts';
import type { Ports, ProviderMessage, SealedMessage } from './ports.ts';
import { withheldBecause } from './policy/withheld.ts';
import { codeContext, messageContext, shownAs } from './view.ts';

/** What it takes to receive a message; also of all who hand one on. */
export type ReceivePorts = Pick<Ports, 'store' | 'policy' | 'readCode' | 'sealer' | 'freshViews' | 'observer' | 'clock' | 'timing'>;
type Needs = ReceivePorts;

/** Every turn but the last lost a race against one other change; a life has few changes. */
const turns = 8;

/**
 * A message for a rented number, by push or by poll, any number of times. The first makes it `received`, which captures the hold; each
 * further one is added and told, too; one that comes after the money went back is kept until the plan's rule is applied to it
 * (app/late); one from before the number was ours is never shown.
 * @returns the verification afterwards
 */
export const receiveMessage =
  (ports: Needs) =>
  async (first: Verification, message: ProviderMessage): Promise<Verification> => {
    const read = readMessage(ports, first, message);
    if (isStale(message.receivedAt, first.createdAt)) {
      await keepHidden(ports, first, read);
      return first;
    }
    const withheld = withheldBecause(ports, first, message);
    if (withheld !== undefined) {
      if (await keepHidden(ports, first, read)) await ports.policy.recordWithheld(first, withheld);
      return first;
    }
    let verification = first;
    for (let turn = 0; turn < turns; turn++) {
      const step = await arrive(ports, verification, read);
      if (step === 'known') return verification;
      if (step === 'late') {
        const message = { ...(await seal(ports, verification, read, 0)), hidden: true } as const;
        if (await ports.store.keepLate(verification, message, ports.clock.now())) ports.observer.lateCode(verification);
        return verification;
      }
      const { to, event, sealed } = step;
      if ((await ports.store.save(verification, to, { event, message: sealed })) === 'saved') {
        ports.observer.reached(to);
        ports.observer.codeRead(read.rule);
        if (verification.codes === 0) {
          ports.observer.codeDelay(to, event.latencyMs);
          ports.freshViews.keep(to.tenantId, shownAs(to, { code: read.code, messages: [{ ...messageOf(read), id: sealed.id }] }));
        }
        return to;
      }
      verification = (await ports.store.find(verification.tenantId, verification.id)) ?? verification;
      if (verification.frozenAt) return receiveMessage(ports)(verification, message);
    }
    // Not ours to decide yet: the push is repeated, the poll comes back.
    throw appError('platform.overloaded', { retryAfterMs: 1_000 });
  };

interface ReadMessage {
  readonly message: ProviderMessage;
  /** Empty: none that is sure. */
  readonly code: string;
  readonly rule: Rule | 'none';
  readonly receivedAt: Date;
}

interface Arrival {
  readonly to: Verification;
  readonly event: Extract<DomainEvent, { kind: 'codeReceived' }>;
  readonly sealed: SealedMessage;
}

const readMessage = ({ clock, readCode }: Needs, verification: Verification, message: ProviderMessage): ReadMessage => {
  // What was said is looked through as if it had been written.
  const text = verification.capability === 'voice' ? writeDigits(message.text) : message.text;
  const { code, rule } = readCode({ text, service: verification.service, parsed: message.code }) ?? { code: '', rule: 'none' };
  return { message, code, rule, receivedAt: plausible(message.receivedAt, verification, clock.now()) };
};

const messageOf = ({ message: { text, sender, audioUrl }, code, receivedAt }: ReadMessage): Omit<Message, 'id'> => ({
  ...{ text, code, sender, audioUrl, receivedAt },
});

/** What this message does to the verification as it stands; nothing is written here. */
const arrive = async (ports: Needs, verification: Verification, read: ReadMessage): Promise<Arrival | 'known' | 'late'> => {
  const paid = isPaid(verification.state);
  if (!paid && next(verification.state, 'codeArrived') === undefined) return 'late';
  const sealed = await seal(ports, verification, read, 0);
  if (verification.codes === 0 || !(await ports.store.knowsMessage(verification, sealed.fingerprint)))
    return arrival(ports, verification, read, sealed);
  // A service may send the same code once more: only the provider's clock can tell that from the old message told twice.
  if (!isSurelyNew(read.message.receivedAt, verification)) return 'known';
  return arrival(ports, verification, read, await seal(ports, verification, read, verification.codes + 1));
};

const arrival = async (ports: Needs, verification: Verification, read: ReadMessage, sealed: SealedMessage): Promise<Arrival> => {
  const now = ports.clock.now();
  const { another, codes } = verification;
  const sealedCode =
    read.code === '' && codes > 0 ? verification.sealedCode : await ports.sealer.seal(read.code, codeContext(verification));
  const fields = { sealedCode, receivedAt: sealed.receivedAt, codes: codes + 1, another: undefined };
  const to =
    change(verification, 'codeArrived', { ...fields, dueAt: addMs(now, ports.timing.finishDelayMs) }) ?? amend(verification, fields);
  const latencyMs = Math.max(0, now.getTime() - (another?.askedAt ?? verification.createdAt).getTime());
  return { to, sealed, event: { kind: 'codeReceived', verification: to, latencyMs, charge: chargeOf(verification) } };
};

/** The first message is what was bought; a later one costs what was agreed when it was asked for, and nothing when nobody asked. */
const chargeOf = ({ codes, holdId, priceMicros, another }: Verification): { holdId: string; priceMicros: bigint } | undefined => {
  if (codes === 0) return { holdId: holdId ?? '', priceMicros };
  return another?.holdId === undefined ? undefined : { holdId: another.holdId, priceMicros: another.priceMicros };
};

/** @param round 0, or the number of the message where the same code came once more */
const seal = async (
  { sealer }: Needs,
  verification: Verification,
  { message, code, receivedAt }: ReadMessage,
  round: number,
): Promise<SealedMessage> => {
  const id = newId();
  const { text, sender, audioUrl } = message;
  const body = JSON.stringify({ text, code, sender, audioUrl });
  const said = `${verification.id}\n${code || text}`;
  return {
    id,
    sealed: await sealer.seal(body, messageContext(verification, id)),
    fingerprint: sealer.fingerprint(round === 0 ? said : `${said}\n#${round}`),
    receivedAt,
    hidden: false,
  };
};

const keepHidden = async (ports: Needs, verification: Verification, read: ReadMessage): Promise<boolean> =>
  ports.store.keepHidden(verification, { ...(await seal(ports, verification, read, 0)), hidden: true });

/** A provider's clock is believed as long as it makes sense. */
const plausible = (receivedAt: Date | undefined, verification: Verification, now: Date): Date =>
  receivedAt && receivedAt >= addMs(verification.createdAt, -minuteMs) && receivedAt <= addMs(now, minuteMs) ? receivedAt : now;
