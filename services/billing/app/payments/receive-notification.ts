import { appError } from '#platform/errors/index.ts';
import { newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { NotificationInbox, PaymentGateways } from './ports.ts';
import type { Wake } from '../ports.ts';

export interface ReceivedNotification {
  readonly gateway: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly rawBody: Buffer;
}

/**
 * A gateway's webhook: stored if genuine and new, then answered at once; the work follows from the table, so the gateway
 * may stop repeating it. What it says about money is not believed, only that it is time to ask.
 * @throws request.not_found (no such gateway) · billing.invalid_signature · request.malformed
 */
export const receiveNotification =
  ({
    notifications,
    gateways,
    clock,
    wakeProcessing,
  }: {
    readonly notifications: NotificationInbox;
    readonly gateways: PaymentGateways;
    readonly clock: Clock;
    readonly wakeProcessing: Wake;
  }) =>
  async ({ gateway, headers, rawBody }: ReceivedNotification): Promise<void> => {
    const found = gateways.get(gateway);
    if (found === undefined) throw appError('request.not_found');
    const now = clock.now();
    const parsed = found.parseNotification({ headers, rawBody, now });
    if (parsed.outcome !== 'genuine') throw appError(parsed.outcome === 'forged' ? 'billing.invalid_signature' : 'request.malformed');
    const { eventId, reference, about } = parsed;
    const added = await notifications.add({ id: newId(), gateway, eventId, reference, about, rawBody, now });
    if (added) wakeProcessing();
  };
