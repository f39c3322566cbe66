/** Events of the platform as the facts that figures are made of. The only place here that knows protobuf types. */
import { events } from '#events';
import type { EventDefinition, ReceivedEvent } from '#platform/messaging/index.ts';
import type { Money } from '#platform/money/index.ts';
import type { IncomingEvent } from '../../app/ingest-events.ts';
import type { Fact, VerificationStep } from '../../domain/figures.ts';

interface Reader {
  readonly codec: EventDefinition<unknown>['codec'];
  readonly toFact: (payload: unknown) => Fact;
}

const reader = <P>({ subject, codec }: EventDefinition<P>, toFact: (payload: P) => Fact): [string, Reader] => [
  subject,
  { codec: codec as Reader['codec'], toFact: toFact as Reader['toFact'] },
];

const step =
  (name: VerificationStep) =>
  (payload: { service: string }): Fact => ({ kind: 'verification', step: name, service: payload.service });
const other = (): Fact => ({ kind: 'other' });
/** Without an amount there is nothing to count, and no currency to count it under. */
const spent = (product: string, amount: Money | undefined): Fact =>
  amount === undefined ? other() : { kind: 'spent', product, ...amount };
const paid = (kind: 'granted' | 'refunded' | 'topped-up', amount: Money | undefined): Fact =>
  amount === undefined ? other() : { kind, ...amount };

const { billing, campaign, verification } = events;
const counted: readonly [string, Reader][] = [
  reader(verification.purchased, step('purchased')),
  // A further code on the same number is no further verification.
  reader(verification.codeReceived, (payload) => (payload.position > 1 ? other() : step('received')(payload))),
  reader(verification.completed, step('completed')),
  reader(verification.cancelled, step('cancelled')),
  reader(verification.expired, step('expired')),
  reader(verification.failed, step('failed')),
  reader(campaign.launched, ({ planned }) => ({ kind: 'campaign-launched', planned })),
  reader(campaign.messagesProgressed, ({ submitted, delivered, failed, suppressed }) => ({
    kind: 'messages-progressed',
    submitted,
    delivered,
    failed,
    suppressed,
  })),
  reader(billing.holdCaptured, ({ product, amount }) => spent(product, amount)),
  reader(billing.walletCharged, ({ product, amount }) => spent(product, amount)),
  reader(billing.usageCharged, ({ amount }) => spent('usage', amount)),
  // Not `renewed` as well: a period's charge is told by this event, whether it is the first, a change or a renewal.
  reader(billing.subscriptionCharged, ({ amount }) => spent('subscription', amount)),
  reader(billing.creditGranted, ({ amount }) => paid('granted', amount)),
  reader(billing.refundSucceeded, ({ amount }) => paid('refunded', amount)),
  reader(billing.paymentSucceeded, ({ amount }) => paid('topped-up', amount)),
];
const kept = Object.values(events)
  .flatMap((context) => Object.values(context) as EventDefinition<unknown>[])
  .map((event) => reader(event, other));
/** Every event of the table; the counted ones win. */
const readers = new Map([...kept, ...counted]);

/** @throws when the subject is not in the table of events: a dead letter, to be replayed by a newer version */
export const toIncoming = (event: ReceivedEvent): IncomingEvent => {
  const known = readers.get(event.subject);
  if (known === undefined) throw new Error(`no event ${event.subject}`);
  const { id, tenantId, subject, aggregateId, aggregateVersion, occurredAt, payload } = event;
  return {
    id,
    tenantId,
    subject,
    aggregateId,
    aggregateVersion,
    occurredAt,
    payload: known.codec.toJSON(payload),
    fact: known.toFact(payload),
  };
};
