import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import { addMs, minuteMs } from '#platform/time/index.ts';
import { extractCode } from '../domain/code.ts';
import { change } from '../domain/lifecycle.ts';
import { writeDigits } from '../domain/spoken.ts';
import { isPaid, next } from '../domain/state.ts';
import type { Verification } from '../domain/verification.ts';
import type { Ports, ProviderMessage, SealedMessage } from './ports.ts';
import { codeContext, messageContext } from './view.ts';

type Needs = Pick<Ports, 'store' | 'sealer' | 'observer' | 'clock' | 'timing'>;

/**
 * A message for a rented number, by push or by poll, any number of times. The first makes it `received`, which captures the
 * hold; further ones are added; one that comes after the money went back is kept as evidence and not shown.
 * @returns the verification afterwards
 */
export const receiveMessage =
  (ports: Needs) =>
  async (first: Verification, message: ProviderMessage): Promise<Verification> => {
    let verification = first;
    const { sealed, sealedCode } = seal(ports, verification, message);
    // Every turn but the last lost a race against one other change; a life has few changes.
    for (let turn = 0; turn < 8 && next(verification.state, 'codeArrived') !== undefined; turn++) {
      const now = ports.clock.now();
      const to = change(verification, 'codeArrived', {
        sealedCode,
        receivedAt: sealed.receivedAt,
        dueAt: addMs(now, ports.timing.finishDelayMs),
      });
      if (!to) break;
      const latencyMs = Math.max(0, now.getTime() - verification.createdAt.getTime());
      if (
        (await ports.store.save(verification, to, { event: { kind: 'codeReceived', verification: to, latencyMs }, message: sealed })) ===
        'saved'
      ) {
        ports.observer.reached(to);
        ports.observer.codeDelay(to, latencyMs);
        return to;
      }
      verification = (await ports.store.find(verification.tenantId, verification.id)) ?? verification;
    }
    // Not ours to decide yet: the push is repeated, the poll comes back.
    if (next(verification.state, 'codeArrived') !== undefined) throw appError('platform.overloaded', { retryAfterMs: 1_000 });
    const paid = isPaid(verification.state);
    const added = await ports.store.addMessage(verification, { ...sealed, hidden: !paid }, paid ? sealedCode : undefined);
    if (added && !paid) ports.observer.lateCode(verification);
    return verification;
  };

const seal = (ports: Needs, verification: Verification, message: ProviderMessage): { sealed: SealedMessage; sealedCode: Uint8Array } => {
  const id = newId();
  // What was said is looked through as if it had been written.
  const code = extractCode(verification.capability === 'voice' ? writeDigits(message.text) : message.text, message.code);
  const { text, sender, audioUrl } = message;
  const body = JSON.stringify({ text, code, sender, audioUrl });
  return {
    sealed: {
      id,
      sealed: ports.sealer.seal(body, messageContext(verification, id)),
      fingerprint: ports.sealer.fingerprint(`${verification.id}\n${code || message.text}`),
      receivedAt: plausible(message.receivedAt, verification, ports.clock.now()),
      hidden: false,
    },
    sealedCode: ports.sealer.seal(code, codeContext(verification)),
  };
};

/** A provider's clock is believed as long as it makes sense. */
const plausible = (receivedAt: Date | undefined, verification: Verification, now: Date): Date =>
  receivedAt && receivedAt >= addMs(verification.createdAt, -minuteMs) && receivedAt <= addMs(now, minuteMs) ? receivedAt : now;
