import type { Database } from '#platform/postgres/index.ts';
import type { NotificationInbox } from '../../../app/payments/ports.ts';
import { NotificationRow } from './rows.ts';

const statements = {
  add: `insert into payment_events (id, gateway, event_id, payment_id, raw_body, received_at, next_attempt_at, about)
    values ($1, $2, $3, $4, $5, $6, $6, $7) on conflict (gateway, event_id) do nothing returning id`,
  claim: `update payment_events set next_attempt_at = $2, attempts = attempts + 1
     where id in (select id from payment_events where processed_at is null and next_attempt_at <= $1
                   order by next_attempt_at limit $3 for update skip locked)
    returning id, gateway, event_id, payment_id, about, attempts`,
  finish: `update payment_events e set processed_at = $3, result = d.result from unnest($1::uuid[], $2::text[]) as d (id, result) where e.id = d.id`,
} as const;

interface ClaimedRow {
  readonly id: string;
  readonly gateway: string;
  readonly event_id: string;
  readonly payment_id: string;
  readonly about: 'payment' | 'refund' | 'dispute';
  readonly attempts: number;
}

/** Received webhooks. A claim is a lease: when the process dies, the row comes up again. */
export const postgresNotifications = (db: Database): NotificationInbox => ({
  add: async ({ id, gateway, eventId, reference, about, rawBody, now }) =>
    (await db.query(statements.add, [id, gateway, eventId, reference, rawBody, now, about], { name: 'payment-event-add' })).length === 1,

  claimDue: async (now, leaseUntil, limit) => {
    const rows = await db.query<ClaimedRow>(statements.claim, [now, leaseUntil, limit], { name: 'payment-events-claim' });
    return rows.map((row) => ({
      id: row.id,
      gateway: row.gateway,
      eventId: row.event_id,
      reference: row.payment_id,
      about: row.about,
      attempts: row.attempts,
    }));
  },

  finish: async (done, now) => {
    if (done.length === 0) return;
    await db.query(statements.finish, [done.map(({ id }) => id), done.map(({ result }) => result), now], { name: 'payment-events-finish' });
  },

  postpone: async (id, nextAttemptAt, reason) => {
    await db.em().nativeUpdate(NotificationRow, { id, processedAt: null }, { nextAttemptAt, result: reason });
  },
});
