import { isUuid } from '#platform/ids/index.ts';
import { type Database, isUniqueViolation, type Transaction } from '#platform/postgres/index.ts';
import type { NewRentalMessage, Change, RentalEvent, RentalFilter, RentalStore, Reserved } from '../../../app/rental/ports.ts';
import type { PolicyClass } from '../../../domain/catalogue.ts';
import { apartMs } from '../../../domain/message.ts';
import type { PolicyRules } from '../../../domain/policy/rules.ts';
import type { Rental, RentalOrder } from '../../../domain/rental/rental.ts';
import { type AdmittedRow, refusedOf, rulesJson } from '../policy/admission.ts';
import { type Range, rangeOf } from '../range.ts';
import type { OutboxRow } from '../store.ts';
import type { RentalSettlement } from '../../../domain/settlement/rental.ts';
import { orderOf, RentalMessageRow, rentalOf, RentalOrderRow, RentalRow } from './rows.ts';

export interface RentalStoreOptions {
  readonly db: Database;
  readonly rules: PolicyRules;
  readonly outboxRowOf: (event: RentalEvent, sequence: number) => OutboxRow;
}

/** Somebody else changed a row first: the transaction is rolled back. */
class Lost extends Error {}

/** Only what changed is written: the customer's wish to renew stands beside, and is not overwritten by a change that did not know of it. */
const changed = <T extends object>({ from, to }: Change<T>): Partial<T> =>
  Object.fromEntries(Object.entries(to).filter(([key, value]) => from[key as keyof T] !== value)) as Partial<T>;

/** In the transaction that ends the order, so that no end is ever without one. */
const openSettlement = async (tx: Transaction, row: RentalSettlement): Promise<void> => {
  const { orderId, tenantId, provider, providerRentalId, service, country, currency, costMicros, state, evidence, lostMicros } = row;
  await tx.query(
    `insert into provider_settlements (verification_id, tenant_id, provider, activation_id, service, country, currency, cost_micros, state,
      evidence, lost_micros, ended_at, due_at, settled_at, product)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, case when $9 = 'claimed' then null else $12::timestamptz end, 'rental')
     on conflict (verification_id) do nothing`,
    [
      ...[orderId, tenantId, provider, providerRentalId, service, country, currency, costMicros, state],
      ...[evidence ?? null, lostMicros ?? null, row.endedAt, row.dueAt ?? null],
    ],
  );
};

const claimSql = (table: 'rentals' | 'rental_orders'): string => `
with due as (
  select id from ${table} where due_at <= $1 and (leased_until is null or leased_until <= $1)
  order by due_at limit $3 for update skip locked
)
update ${table} t set leased_until = $2, attempts = t.attempts + 1 from due where t.id = due.id returning t.id`;

const whereOf = ({ tenantId, states, service, country, ...range }: RentalFilter & Range & { readonly tenantId: string }) => ({
  ...{ tenantId, ...rangeOf(range) },
  ...(states.length > 0 && { state: { $in: [...new Set(states)] } }),
  ...(service && { service }),
  ...(country && { country }),
});

/** Of the tenant's rentals and messages, those that are named; a hidden message is none. */
export const rentalReader = (db: Pick<Database, 'em'>): Pick<RentalStore, 'findMany' | 'messagesById'> => ({
  findMany: async (tenantId, ids) => (await db.em().find(RentalRow, { tenantId, id: { $in: ids.filter(isUuid) } })).map(rentalOf),
  messagesById: (tenantId, ids) => db.em().find(RentalMessageRow, { tenantId, id: { $in: ids.filter(isUuid) }, hidden: false }),
});

/** Each fingerprint is looked up in rental_messages_once. The first says it all, the others only near in time. */
const knownSql = `
select asked.id from jsonb_to_recordset($3::jsonb) as asked (id uuid, prints bytea[], at timestamptz)
where exists (
  select from rental_messages m
  where m.rental_id = $2 and m.tenant_id = $1 and m.fingerprint = any (asked.prints)
    and (m.fingerprint = asked.prints[1] or abs(extract(epoch from m.received_at - asked.at)) * 1000 < $4)
)`;

const hex = (bytes: Uint8Array): string => `\\x${Buffer.from(bytes).toString('hex')}`;

/** Those that were not told before. */
const unknownMessages = async (
  db: Pick<Database, 'query'>,
  { tenantId, id }: Rental,
  messages: readonly NewRentalMessage[],
): Promise<readonly NewRentalMessage[]> => {
  const asked = messages.map((one) => ({ id: one.id, prints: [one.fingerprint, ...one.alike].map(hex), at: one.receivedAt }));
  const known = await db.query<{ id: string }>(knownSql, [tenantId, id, JSON.stringify(asked), apartMs], { name: 'rental-messages-known' });
  const ids = new Set(known.map((row) => row.id));
  return messages.filter((message) => !ids.has(message.id));
};

/** Rentals in PostgreSQL. */
export const createRentalStore = ({ db, rules, outboxRowOf }: RentalStoreOptions): RentalStore => {
  const asRules = rulesJson(rules);
  const publish = async (tx: Transaction, event: RentalEvent): Promise<void> => {
    const { id, tenantId } = event.rental;
    // A message changes no version, which others compare; those who follow the events still have to know their order.
    const [told] = await tx.query<{ told: number }>(
      'update rentals set told = greatest(told, version) + 1 where tenant_id = $1 and id = $2 returning told',
      [tenantId, id],
    );
    if (!told) throw new Error('an event has its rental');
    const row = outboxRowOf(event, told.told);
    await tx.query('insert into outbox (id, subject, aggregate_id, aggregate_version, headers, payload) values ($1, $2, $3, $4, $5, $6)', [
      ...[row.id, row.subject, row.aggregateId, row.aggregateVersion, row.headers, row.payload],
    ]);
    tx.signalOutbox();
  };
  const oneRental = async (where: { readonly tenantId: string; readonly id: string }): Promise<Rental | undefined> => {
    const row = await db.em().findOne(RentalRow, where);
    return row ? rentalOf(row) : undefined;
  };
  const oneOrder = async (
    where: { readonly tenantId: string; readonly id: string } | { readonly tenantId: string; readonly idempotencyKey: string },
  ): Promise<RentalOrder | undefined> => {
    const row = await db.em().findOne(RentalOrderRow, where);
    return row ? orderOf(row) : undefined;
  };
  const orderByKey: RentalStore['orderByKey'] = (tenantId, idempotencyKey) => oneOrder({ tenantId, idempotencyKey });

  /** What policy says to it; undefined: it may begin. A refusal is written down, with whatever else this transaction does. */
  const admit = async (tx: Transaction, rental: Rental, order: RentalOrder, policyClass: PolicyClass): Promise<Reserved | undefined> => {
    const { id, tenantId, idempotencyKey, kind, priceMicros, createdAt } = order;
    const [row] = await tx.query<AdmittedRow>(
      'select *, false as written from policy_admit_rental($1::jsonb, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)',
      [asRules, id, tenantId, idempotencyKey, kind, rental.service, policyClass, rental.country, rental.provider, priceMicros, createdAt],
      { name: 'admit-rental' },
    );
    if (!row) throw new Error('policy gave no answer');
    if (row.reason === '') return undefined;
    if (row.reason !== 'known') return { kind: 'refused', refused: refusedOf(row) };
    const known = await tx.em.findOneOrFail(RentalOrderRow, { tenantId, idempotencyKey });
    return { kind: 'known', order: orderOf(known) };
  };
  /** Two first requests with one key at one moment: the other one's order is the answer. */
  const reserving = async <T>(order: RentalOrder, write: () => Promise<T>): Promise<T | Reserved> => {
    try {
      return await write();
    } catch (error) {
      const known = isUniqueViolation(error, 'rental_orders_key') ? await orderByKey(order.tenantId, order.idempotencyKey) : undefined;
      if (known === undefined) throw error;
      return { kind: 'known', order: known };
    }
  };

  return {
    reserve: (rental, order, policyClass) =>
      reserving(order, () =>
        db.transaction(async (tx): Promise<Reserved> => {
          const answer = await admit(tx, rental, order, policyClass);
          if (answer !== undefined) return answer;
          await tx.em.insert(RentalRow, { ...rental, leasedUntil: null });
          await tx.em.insert(RentalOrderRow, { ...order, leasedUntil: null });
          return { kind: 'written' };
        }),
      ),
    reserveMore: (rental, order, policyClass) =>
      reserving(order, () =>
        db.transaction(async (tx): Promise<Reserved | { readonly kind: 'lost' }> => {
          const { id, tenantId, state, version } = rental.from;
          // The rental before the tenant's usage, as in every change that gives money back: no two wait for each other.
          const found = await tx.query(
            'select 1 from rentals where tenant_id = $1 and id = $2 and state = $3 and version = $4 for update',
            [tenantId, id, state, version],
          );
          const answer = await admit(tx, rental.from, order, policyClass);
          // A repetition of the key finds its order, whatever has become of the rental.
          if (answer?.kind === 'known') return answer;
          if (found.length === 0) throw new Lost();
          if (answer !== undefined) return answer;
          await tx.em.nativeUpdate(RentalRow, { id, tenantId, state, version }, { ...changed(rental), leasedUntil: null });
          await tx.em.insert(RentalOrderRow, { ...order, leasedUntil: null });
          return { kind: 'written' };
        }),
      ).catch((error: unknown) => {
        if (error instanceof Lost) return { kind: 'lost' };
        throw error;
      }),
    save: async ({ rental, orders = [], events = [], settlements = [] }) => {
      try {
        await db.transaction(async (tx) => {
          if (rental) {
            const { id, tenantId, state, version } = rental.from;
            const data = { ...changed(rental), leasedUntil: null };
            if ((await tx.em.nativeUpdate(RentalRow, { id, tenantId, state, version }, data)) === 0) throw new Lost();
          }
          for (const order of orders) {
            const { id, tenantId, state, version } = order.from;
            const data = { ...changed(order), leasedUntil: null };
            if ((await tx.em.nativeUpdate(RentalOrderRow, { id, tenantId, state, version }, data)) === 0) throw new Lost();
          }
          for (const settlement of settlements) await openSettlement(tx, settlement);
          for (const event of events) await publish(tx, event);
        });
        return 'saved';
      } catch (error) {
        if (error instanceof Lost) return 'lost';
        if (isUniqueViolation(error, 'rentals_provider')) return 'claimed';
        throw error;
      }
    },
    find: async (tenantId, id) => (isUuid(id) ? oneRental({ tenantId, id }) : undefined),
    findOrder: (tenantId, id) => oneOrder({ tenantId, id }),
    orderByKey,
    ...rentalReader(db),
    orders: async (tenantId, rentalId) =>
      (await db.em().find(RentalOrderRow, { tenantId, rentalId }, { orderBy: { id: 'asc' } })).map(orderOf),
    list: async ({ limit, ...query }) => (await db.em().find(RentalRow, whereOf(query), { orderBy: { id: 'desc' }, limit })).map(rentalOf),
    forward: async ({ limit, ...query }) =>
      (await db.em().find(RentalRow, whereOf(query), { orderBy: { id: 'asc' }, limit })).map(rentalOf),
    newestId: async (tenantId) =>
      (await db.query<{ id: string }>('select id from rentals where tenant_id = $1 order by id desc limit 1', [tenantId]))[0]?.id,
    messages: (tenantId, rentalId, before, limit) =>
      db.em().find(RentalMessageRow, { tenantId, rentalId, hidden: false, ...rangeOf({ before }) }, { orderBy: { id: 'desc' }, limit }),
    messagesForward: (tenantId, rentalId, { after, upTo, limit }) =>
      db.em().find(RentalMessageRow, { tenantId, rentalId, hidden: false, ...rangeOf({ after, upTo }) }, { orderBy: { id: 'asc' }, limit }),
    newestMessageId: async (tenantId, rentalId) => {
      const sql = 'select id from rental_messages where tenant_id = $1 and rental_id = $2 order by id desc limit 1';
      return (await db.query<{ id: string }>(sql, [tenantId, rentalId]))[0]?.id;
    },
    addMessages: async (rental, messages) => {
      // A poll mostly lists what is known: that takes one read and no lock.
      const news = await unknownMessages(db, rental, messages);
      if (news.length === 0) return [];
      return db.transaction(async (tx) => {
        // A push and a poll of one message may have different fingerprints: one after the other.
        await tx.query('select 1 from rentals where tenant_id = $1 and id = $2 for no key update', [rental.tenantId, rental.id]);
        const added: NewRentalMessage[] = [];
        for (const message of news) {
          if ((await unknownMessages(tx, rental, [message])).length === 0) continue;
          const { id, rentalId, tenantId, sealed, fingerprint, receivedAt, hidden } = message;
          await tx.query(
            'insert into rental_messages (id, rental_id, tenant_id, sealed, fingerprint, received_at, hidden) values ($1, $2, $3, $4, $5, $6, $7)',
            [id, rentalId, tenantId, sealed, fingerprint, receivedAt, hidden],
          );
          added.push(message);
          if (!hidden) await publish(tx, { kind: 'messageReceived', rental, messageId: id });
        }
        return added;
      });
    },
    findByProvider: async (provider, providerRentalId) => {
      const row = await db.em().findOne(RentalRow, { provider, providerRentalId });
      return row ? rentalOf(row) : undefined;
    },
    lookSoon: async ({ id, tenantId }, now) =>
      void (await db.em().nativeUpdate(RentalRow, { id, tenantId, state: 'active', dueAt: { $gt: now } }, { dueAt: now })),
    newestMessageAt: async (tenantId, rentalId) =>
      (await db.em().findOne(RentalMessageRow, { tenantId, rentalId }, { orderBy: { id: 'desc' }, fields: ['receivedAt'] }))?.receivedAt,
    claimDueRentals: async (now, until, limit) => {
      const rows = await db.query<{ id: string }>(claimSql('rentals'), [now, until, limit], { name: 'rentals-due' });
      return rows.length === 0 ? [] : (await db.em().find(RentalRow, { id: { $in: rows.map(({ id }) => id) } })).map(rentalOf);
    },
    claimDueOrders: async (now, until, limit) => {
      const rows = await db.query<{ id: string }>(claimSql('rental_orders'), [now, until, limit], { name: 'rental-orders-due' });
      return rows.length === 0 ? [] : (await db.em().find(RentalOrderRow, { id: { $in: rows.map(({ id }) => id) } })).map(orderOf);
    },
    rescheduleRental: ({ id, tenantId, state, attempts }: Rental, dueAt) =>
      db
        .em()
        .nativeUpdate(RentalRow, { id, tenantId, state, attempts }, { dueAt, leasedUntil: null })
        .then(() => undefined),
    rescheduleOrder: ({ id, tenantId, state, attempts }: RentalOrder, dueAt) =>
      db
        .em()
        .nativeUpdate(RentalOrderRow, { id, tenantId, state, attempts }, { dueAt, leasedUntil: null })
        .then(() => undefined),
    buying: async (provider, service, country) => {
      const sql = `select 1 from rentals r join rental_orders o on o.id = r.open_order_id
        where r.state = 'ordering' and r.provider = $1 and r.service = $2 and r.country = $3 and o.state in ('reserving', 'unknown') limit 1`;
      return (await db.query(sql, [provider, service, country])).length > 0;
    },
    unclaimed: async (provider, ids) => {
      if (ids.length === 0) return new Set();
      const rows = await db.em().find(RentalRow, { provider, providerRentalId: { $in: [...ids] } });
      const taken = new Set(rows.map((row) => row.providerRentalId));
      return new Set(ids.filter((id) => !taken.has(id)));
    },
    setAutoRenew: async (tenantId, id, autoRenew, dueAt) => {
      const count = await db.em().nativeUpdate(RentalRow, { tenantId, id, state: 'active' }, { autoRenew, dueAt });
      return count === 0 ? undefined : oneRental({ tenantId, id });
    },
  };
};
