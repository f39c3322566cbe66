import type { Deliveries, NewDelivery } from '../app/ports.ts';
import type { Delivery } from '../domain/delivery.ts';

interface Kept extends Delivery {
  readonly eventId: string;
  readonly nextAttemptAt: Date | undefined;
  readonly endedAt: Date | undefined;
}

/** Deliveries in memory; passes the same contract as PostgreSQL. */
export const fakeDeliveries = (): Deliveries => {
  const rows = new Map<string, Kept>();
  const current = ({ id, attempts }: Delivery): Kept | undefined => {
    const row = rows.get(id);
    return row?.attempts === attempts && row.status === 'pending' ? row : undefined;
  };
  const toDelivery = ({ eventId: _eventId, nextAttemptAt: _next, endedAt: _ended, ...delivery }: Kept): Delivery => delivery;
  return {
    add: async ({ eventId, ...delivery }: NewDelivery) => {
      if ([...rows.values()].some((row) => row.eventId === eventId && row.kind === delivery.kind)) return;
      rows.set(delivery.id, {
        ...delivery,
        eventId,
        status: 'pending',
        attempts: 0,
        recipientMasked: '',
        sentAt: undefined,
        nextAttemptAt: delivery.createdAt,
        endedAt: undefined,
      });
    },
    claimDue: async (now, leaseUntil, limit) => {
      const due = [...rows.values()]
        .filter(({ status, nextAttemptAt }) => status === 'pending' && nextAttemptAt !== undefined && nextAttemptAt <= now)
        .slice(0, limit);
      return due.map((row) => {
        const claimed = { ...row, attempts: row.attempts + 1, nextAttemptAt: leaseUntil };
        rows.set(row.id, claimed);
        return toDelivery(claimed);
      });
    },
    finish: async (delivery, status, at, { recipientMasked }) => {
      const row = current(delivery);
      if (row)
        rows.set(row.id, {
          ...row,
          status,
          endedAt: at,
          nextAttemptAt: undefined,
          sentAt: status === 'sent' ? at : undefined,
          recipientMasked: recipientMasked ?? row.recipientMasked,
        });
    },
    retry: async (delivery, at) => {
      const row = current(delivery);
      if (row) rows.set(row.id, { ...row, nextAttemptAt: at });
    },
    list: async (tenantId, { limit, cursor }) => {
      const own = [...rows.values()]
        .filter((row) => row.tenantId === tenantId && (cursor === '' || row.id < cursor))
        .toSorted((a, b) => (a.id < b.id ? 1 : -1));
      return { deliveries: own.slice(0, limit).map(toDelivery), nextCursor: own.length > limit ? (own[limit - 1]?.id ?? '') : '' };
    },
    sweep: async (before) => {
      const gone = [...rows.values()].filter(({ endedAt }) => endedAt !== undefined && endedAt < before);
      for (const { id } of gone) rows.delete(id);
      return gone.length;
    },
  };
};
