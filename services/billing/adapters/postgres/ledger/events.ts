import { outboxRow } from '#platform/messaging/index.ts';
import { events } from '#events';

type HoldEvent = 'holdCaptured' | 'holdReleased' | 'holdExpired';

/** What one outbox insert inside a ledger function needs; version and payload of hold events are filled in by the function. */
export interface EventParts {
  readonly id: string;
  readonly subject: string;
  readonly headers: string;
}

/** An event about a hold, before the database knows its amounts. */
export const holdEvent = (name: HoldEvent, tenantId: string, holdId: string, occurredAt: Date): EventParts => {
  const empty = { holdId, product: '', reference: '', amount: undefined, capturedTotal: undefined };
  return outboxRow(events.billing[name], { tenantId, aggregateId: holdId, aggregateVersion: 0n, occurredAt, payload: empty });
};
