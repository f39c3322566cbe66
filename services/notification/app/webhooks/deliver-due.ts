/**
 * Sends what is due. A claim is a lease: who dies between sending and noting it leaves the delivery to another, who sends
 * the same bytes under the same id, so a customer sees each at least once and can tell repetitions by `webhook-id`.
 * Requests run beside each other and nobody waits for the slowest: a look only fills free places and returns.
 */
import { toTypeId } from '#platform/ids/index.ts';
import { addMs, type Clock } from '#platform/time/index.ts';
import {
  detailsPauseMs,
  detailsWaitMs,
  errorOf,
  isGivenUp,
  judge,
  leaseMs,
  retryAt,
  type SendResult,
} from '../../domain/webhooks/delivery.ts';
import { completeBody, type NumberDetails, subjectOf } from '../../domain/webhooks/event-types.ts';
import type { Bodies, Claimed, Details, Ending, Secrets, WebhookDeliveries, WebhookObserver, WebhookSender } from './ports.ts';

export interface DeliverDueDependencies {
  readonly deliveries: Pick<WebhookDeliveries, 'claim' | 'complete' | 'postpone' | 'end'>;
  readonly sender: WebhookSender;
  readonly secrets: Pick<Secrets, 'open'>;
  readonly bodies: Bodies;
  readonly details: Details;
  readonly clock: Clock;
  readonly observer: WebhookObserver;
  /** From 0 to 1. */
  readonly chance: () => number;
  readonly concurrency: number;
  /** A place is free again. */
  readonly onFree: () => void;
  /** An outcome could not be noted; the delivery is due again when its lease ends. */
  readonly onError: (error: unknown) => void;
}

/** Fewer free places than this are not worth a look. */
const portion = 4;

export const deliverDue = (dependencies: DeliverDueDependencies) => {
  const { deliveries, sender, secrets, bodies, details, clock, observer, chance, concurrency, onFree, onError } = dependencies;
  const running = new Set<Promise<void>>();
  let failing = 0;

  const endingOf = (claimed: Claimed, startedAt: Date, result: SendResult): Ending => {
    const verdict = judge(result);
    const at = clock.now();
    const nextAttemptAt = verdict === 'failed' ? retryAt(at, claimed.tries, chance()) : undefined;
    return {
      ...{ at, nextAttemptAt },
      status: verdict === 'delivered' ? 'delivered' : nextAttemptAt === undefined ? 'failed' : 'pending',
      disable: verdict === 'gone' ? 'gone' : verdict === 'failed' && isGivenUp(at, claimed) ? 'failing' : undefined,
      attempt: {
        ...{ number: claimed.attempts, startedAt, latencyMs: result.latencyMs, error: errorOf(result) },
        ...(result.outcome === 'answered' ? { status: result.status, answer: result.answer } : { status: 0, answer: '' }),
      },
    };
  };

  /**
   * The text to send. Details are asked for once, at the first attempt, and kept before anything is sent: whatever happens
   * then, every further attempt says the same.
   * @returns undefined when it cannot be known yet, or the claim is lost
   */
  const bodyFor = async (claimed: Claimed): Promise<string | undefined> => {
    const outline = bodies.open(claimed, claimed.body);
    if (claimed.complete) return outline;
    const now = clock.now();
    const subject = subjectOf(outline);
    let found: NumberDetails | undefined;
    try {
      found = await details.of(claimed.tenantId, subject);
    } catch (error) {
      observer.postponed(error);
      if (now.getTime() - claimed.createdAt.getTime() < detailsWaitMs) {
        await deliveries.postpone(claimed, addMs(now, detailsPauseMs));
        return undefined;
      }
    }
    const body = completeBody(outline, found);
    return (await deliveries.complete(claimed, bodies.seal(claimed, body))) ? body : undefined;
  };

  const deliver = async (claimed: Claimed): Promise<void> => {
    const body = await bodyFor(claimed);
    if (body === undefined) return;
    const startedAt = clock.now();
    const { tenantId, endpointId, url } = claimed;
    const opened = claimed.secrets.map((sealed) => secrets.open({ tenantId, id: endpointId }, sealed));
    const result = await sender.send({ url, id: toTypeId('webhookDelivery', claimed.id), at: startedAt, body, secrets: opened });
    const ending = endingOf(claimed, startedAt, result);
    const verdict = judge(result);
    observer.attempted(
      result.outcome === 'unanswered' ? result.reason : verdict === 'failed' ? 'status' : verdict,
      result.latencyMs / 1_000,
    );
    const disabled = await deliveries.end(claimed, ending);
    if (ending.status !== 'pending') observer.ended(ending.status);
    if (disabled && ending.disable !== undefined) observer.disabled(ending.disable, endpointId);
  };

  return {
    /** Fills the free places. @returns how many were begun */
    look: async (): Promise<number> => {
      const free = concurrency - running.size;
      if (free < portion) return 0;
      const now = clock.now();
      const forFailing = Math.max(0, Math.floor(concurrency / 2) - failing);
      const claimed = await deliveries.claim(now, addMs(now, leaseMs), { free, forFailing });
      for (const each of claimed) {
        const isFailing = each.failingSince !== undefined;
        if (isFailing) failing++;
        const work: Promise<void> = deliver(each)
          .catch(onError)
          .finally(() => {
            running.delete(work);
            if (isFailing) failing--;
            onFree();
          });
        running.add(work);
      }
      return claimed.length;
    },
    /** When all that was begun has ended and been noted. */
    idle: async (): Promise<void> => {
      await Promise.all(running);
    },
  };
};
