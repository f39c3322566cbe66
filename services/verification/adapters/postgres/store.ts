import { isUuid } from '#platform/ids/index.ts';
import { coalesce, type Database, isUniqueViolation } from '#platform/postgres/index.ts';
import type { Change as HistoryEntry, Filter, Saved, SealedMessage, VerificationStore } from '../../app/ports.ts';
import { statesOf } from '../../domain/state.ts';
import type { PolicyClass } from '../../domain/catalogue.ts';
import type { PolicyRules } from '../../domain/policy/rules.ts';
import type { DomainEvent, Verification } from '../../domain/verification.ts';
import { createGrants } from './grants.ts';
import { orphanStore } from './orphans.ts';
import { type Range, rangeOf } from './range.ts';
import { type AdmittedRow, refusedOf, rulesJson } from './policy/admission.ts';
import { fromEntity, fromSql, type SqlRow, VerificationRow } from './rows.ts';
import {
  byActivationsSql,
  byIdSql,
  byIdsSql,
  dueSql,
  hiddenMessageSql,
  historySql,
  knownMessageSql,
  lateMessageSql,
  messagesOfManySql,
  messagesSql,
  newestIdSql,
  othersBuyingSql,
  rerouteSql,
  rescheduleSql,
  reserveSql,
  saveManySql,
  saveSql,
  unclaimedSql,
} from './sql.ts';

/** An event as the outbox keeps it. */
export interface OutboxRow {
  readonly id: string;
  readonly subject: string;
  readonly aggregateId: string;
  readonly aggregateVersion: bigint | number;
  readonly headers: string;
  readonly payload: Uint8Array;
}

export interface StoreOptions {
  readonly db: Database;
  readonly rules: PolicyRules;
  readonly outboxRowOf: (event: DomainEvent) => OutboxRow;
  /** When a change that is written now happened. */
  readonly now: () => Date;
}

const orNull = <T>(value: T | undefined): T | null => value ?? null;

const outboxParams = (row: OutboxRow): unknown[] => [row.id, row.subject, row.aggregateId, row.aggregateVersion, row.headers, row.payload];

const messageParams = (message: SealedMessage): unknown[] => [
  message.id,
  message.sealed,
  message.fingerprint,
  message.receivedAt,
  message.hidden,
];

const reserveParams = (v: Verification): unknown[] => [
  ...[v.id, v.tenantId, v.idempotencyKey, v.requestHash, v.state, v.version, v.service, v.country, v.capability],
  ...[v.currency, v.priceMicros, v.provider, v.createdAt, v.purchaseDeadline, orNull(v.dueAt), v.attempts, orNull(v.quoteId)],
  ...[orNull(v.fromHoldId), v.operator, v.areaCode, v.actor, v.route ? JSON.stringify(v.route) : null, orNull(v.retryOf)],
];

/** What the history says of a change. */
const changeOf = ({ version, state }: Verification, event: DomainEvent | undefined, at: Date): string =>
  JSON.stringify([{ version, state, ...(event && { event: event.kind }), at }]);

const saveParams = (from: Verification, to: Verification, change: string): unknown[] => [
  ...[from.id, from.tenantId, from.state, from.version, to.state, to.version],
  ...[
    orNull(to.activationId),
    orNull(to.providerCostMicros),
    orNull(to.phoneNumber),
    orNull(to.holdId),
    orNull(to.sealedCode),
    orNull(to.reason),
  ],
  ...[orNull(to.expiresAt), orNull(to.receivedAt), orNull(to.endedAt), orNull(to.dueAt), to.attempts],
  ...[orNull(to.cancellableAt), orNull(to.reportReason), to.codes],
  ...[orNull(to.another?.askedAt), orNull(to.another?.priceMicros), orNull(to.another?.holdId)],
  change,
];

interface Place {
  readonly tenantId: string;
  readonly id: string;
}
const placesOf = (places: readonly Place[]): unknown[] => [places.map(({ tenantId }) => tenantId), places.map(({ id }) => id)];

/** Rows of parameters as one array per column, for unnest. */
const columnsOf = (rows: readonly (readonly unknown[])[]): unknown[] =>
  (rows[0] ?? []).map((_value, column) => rows.map((row) => row[column]));

interface Change {
  readonly columns: readonly unknown[];
  readonly event: OutboxRow | undefined;
  readonly message: SealedMessage | undefined;
}

interface Purchase {
  readonly verification: Verification;
  readonly policyClass: PolicyClass;
}

interface MovedRow {
  /** From 1, in the order of the changes. */
  readonly position: bigint;
  readonly push_waits: boolean;
}

const absent = (count: number): null[] => Array.from({ length: count }, () => null);
const noEvent = absent(6);
const noMessage = absent(5);

/** One change by its own statement, several by the function. */
const writeChanges = (db: Database, changes: readonly Change[]): Promise<readonly MovedRow[]> => {
  const [only, ...others] = changes;
  if (only && others.length === 0) {
    const { columns, event, message } = only;
    const { text, name } = saveSql(event !== undefined, message !== undefined);
    return db.query<MovedRow>(text, [...columns, ...(event ? outboxParams(event) : []), ...(message ? messageParams(message) : [])], {
      name,
    });
  }
  const rows = changes.map(({ columns, event, message }) => [
    ...columns,
    ...(event ? outboxParams(event) : noEvent),
    ...(message ? messageParams(message) : noMessage),
  ]);
  return db.query<MovedRow>(saveManySql, columnsOf(rows), { name: 'verification-save-many' });
};

/** See platform/postgres/coalesce.ts. Two at once: one commits while the other gathers. */
const batching = { maxBatch: 128, maxConcurrent: 1, maxWaiting: 5_000 } as const;

/** Verifications in PostgreSQL. Changes are single statements; lists go through the EntityManager. */
export const createVerificationStore = ({ db, rules: asRules, outboxRowOf, now }: StoreOptions): VerificationStore => {
  const rules = rulesJson(asRules);
  const findBy = async (where: string, params: readonly unknown[], name: string): Promise<Verification | undefined> => {
    const [row] = await db.query<SqlRow>(`select * from verifications where ${where}`, params, { name });
    return row && fromSql(row);
  };

  /** A purchase's two statements travel with those of the purchases beside it. */
  const reserve = coalesce<Purchase, AdmittedRow>({
    ...batching,
    run: async (rows) => {
      const columns = columnsOf(rows.map(({ verification, policyClass }) => [...reserveParams(verification), policyClass]));
      const decided = await db.query<AdmittedRow>(reserveSql, [...columns, rules], { name: 'verification-reserve' });
      const byId = new Map(decided.map((row) => [row.id, row]));
      return rows.map(({ verification: { id } }) => {
        const row = byId.get(id);
        if (row === undefined) throw new Error('every purchase is decided');
        return row;
      });
    },
  });
  const write = coalesce<Change, Saved>({
    ...batching,
    run: async (changes) => {
      const moved = await writeChanges(db, changes);
      if (moved.length > 0 && changes.some(({ event }) => event !== undefined)) db.signalOutbox();
      const pushWaits = new Map(moved.map(({ position, push_waits }) => [Number(position), push_waits]));
      return changes.map((_change, index) => {
        const waits = pushWaits.get(index + 1);
        return waits === undefined ? 'lost' : waits ? 'pushWaits' : 'saved';
      });
    },
  });
  const writeGrant = createGrants(db);
  /** @returns claimed where the activation is another verification's */
  const orClaimed = async (written: Promise<Saved>): Promise<Saved> => {
    try {
      return await written;
    } catch (error) {
      if (isUniqueViolation(error, 'verifications_activation')) return 'claimed';
      throw error;
    }
  };

  /** Pushes come in bursts. One is looked up by the prepared statement, several by one that is planned each time, as above. */
  const findByActivation = coalesce<{ readonly provider: string; readonly activationId: string }, Verification | undefined>({
    ...batching,
    run: async (wanted) => {
      const [only, ...others] = wanted;
      if (only && others.length === 0)
        return [await findBy('provider = $1 and activation_id = $2', [only.provider, only.activationId], 'verification-by-activation')];
      const columns = [wanted.map(({ provider }) => provider), wanted.map(({ activationId }) => activationId)];
      const rows = await db.query<SqlRow & { readonly position: bigint }>(byActivationsSql, columns);
      const found = new Map(rows.map((row) => [Number(row.position), fromSql(row)]));
      return wanted.map((_, index) => found.get(index + 1));
    },
  });

  /** A batch of the scheduler asks its providers at once, and they answer at about the same time. */
  const reschedule = coalesce<readonly unknown[], void>({
    ...batching,
    run: async (looks) => {
      await db.query(rescheduleSql, columnsOf(looks), { name: 'verification-reschedule' });
      return looks.map(() => undefined);
    },
  });
  /** Customers ask for the state of many verifications at once: one read is one prepared statement, and so are all that come meanwhile. */
  const find = coalesce<Place, Verification | undefined>({
    ...batching,
    run: async (wanted) => {
      const [only, ...others] = wanted;
      if (only && others.length === 0) {
        const [row] = await db.query<SqlRow>(byIdSql, [only.tenantId, only.id], { name: 'verification-by-id' });
        return [row && fromSql(row)];
      }
      const rows = await db.query<SqlRow & { readonly position: bigint }>(byIdsSql, placesOf(wanted), { name: 'verification-by-ids' });
      const found = new Map(rows.map((row) => [Number(row.position), fromSql(row)]));
      return wanted.map((_, index) => found.get(index + 1));
    },
  });
  const messages = coalesce<Place, SealedMessage[]>({
    ...batching,
    run: async (wanted) => {
      const [only, ...others] = wanted;
      if (only && others.length === 0)
        return [await db.query<SealedMessage>(messagesSql, [only.tenantId, only.id], { name: 'verification-messages' })];
      const rows = await db.query<SealedMessage & { readonly position: bigint }>(messagesOfManySql, placesOf(wanted), {
        name: 'verification-messages-of-many',
      });
      const found = Map.groupBy(rows, ({ position }) => Number(position));
      return wanted.map((_, index) => found.get(index + 1) ?? []);
    },
  });

  const findByKey = (tenantId: string, key: string): Promise<Verification | undefined> =>
    findBy('tenant_id = $1 and idempotency_key = $2', [tenantId, key], 'verification-by-key');

  return {
    reserve: async (verification, policyClass) => {
      const row = await reserve({ verification, policyClass });
      if (row.reason === '') return { kind: 'written' };
      const earlier = row.reason === 'known' ? await findByKey(verification.tenantId, verification.idempotencyKey) : undefined;
      if (earlier) return { kind: 'known', earlier };
      return { kind: 'refused', refused: refusedOf(row) };
    },
    reroute: async (from, to) => {
      const params = [from.id, from.tenantId, from.state, from.version, to.version, to.provider, JSON.stringify(to.route ?? null)];
      return (await db.query(rerouteSql, params, { name: 'verification-reroute' })).length > 0;
    },
    findByKey,
    save: (from, to, { event, message } = {}) =>
      orClaimed(write({ columns: saveParams(from, to, changeOf(to, event, now())), event: event && outboxRowOf(event), message })),
    grant: (from, to, { event, number: numberHash }) =>
      orClaimed(writeGrant({ from, to, numberHash, event: outboxRowOf(event), change: changeOf(to, event, now()) })),
    keepHidden: async (verification, message) => {
      const params = [verification.id, verification.tenantId, ...messageParams(message)];
      return (await db.query(hiddenMessageSql, params, { name: 'verification-hidden-message' })).length > 0;
    },
    keepLate: async (verification, message, at) => {
      const params = [verification.id, verification.tenantId, ...messageParams(message), at];
      return (await db.query(lateMessageSql, params, { name: 'verification-late-message' })).length > 0;
    },
    knowsMessage: async (verification, fingerprint) =>
      (await db.query(knownMessageSql, [verification.id, fingerprint], { name: 'verification-known-message' })).length > 0,
    find: async (tenantId, id) => (isUuid(id) ? find({ tenantId, id }) : undefined),
    findByActivation: (provider, activationId) => findByActivation({ provider, activationId }),
    messages: async (tenantId, id) => (isUuid(id) ? messages({ tenantId, id }) : []),
    list: async (query) =>
      (await db.em().find(VerificationRow, whereOf(query), { orderBy: { id: 'desc' }, limit: query.limit })).map(fromEntity),
    forward: async (query) =>
      (await db.em().find(VerificationRow, whereOf(query), { orderBy: { id: 'asc' }, limit: query.limit })).map(fromEntity),
    newestId: async (tenantId) => (await db.query<{ id: string }>(newestIdSql, [tenantId]))[0]?.id,
    changes: async (tenantId, id) => {
      if (!isUuid(id)) return undefined;
      const [row] = await db.query<{ created_at: Date; history: readonly StoredChange[] }>(historySql, [tenantId, id]);
      return row && [createdEntry(row.created_at), ...row.history.map(entryOf)];
    },
    claimDue: async (now, until, limit, looksMs) =>
      (await db.query<SqlRow>(dueSql, [now, until, limit, looksMs], { name: 'verification-due' })).map(fromSql),
    reschedule: (verification, dueAt) =>
      reschedule([verification.id, verification.tenantId, verification.state, verification.attempts, dueAt]),
    unclaimed: async (provider, activationIds) =>
      new Set((await db.query<{ id: string }>(unclaimedSql, [provider, activationIds])).map((row) => row.id)),
    othersBuying: async (v) => (await db.query(othersBuyingSql, [v.provider, v.service, v.country, v.id])).length > 0,
    countUnknown: async () => {
      const [row] = await db.query<{ count: number }>(`select count(*)::int as count from verifications where state = 'unknown'`);
      return row?.count ?? 0;
    },
    ...orphanStore(db),
  };
};

const whereOf = (query: Filter & Range & { readonly tenantId: string }) => ({
  ...{ tenantId: query.tenantId, ...rangeOf(query) },
  ...(query.statuses.length > 0 ? { state: { $in: [...new Set(query.statuses.flatMap(statesOf))] } } : {}),
  ...(query.service ? { service: query.service } : {}),
  ...(query.country ? { country: query.country } : {}),
  ...(query.phoneNumber ? { phoneNumber: query.phoneNumber } : {}),
  ...(query.retryOf ? { retryOf: query.retryOf } : {}),
});

interface StoredChange {
  readonly version: number;
  readonly state: HistoryEntry['state'];
  readonly event?: Exclude<HistoryEntry['event'], undefined>;
  readonly at: string;
}

const createdEntry = (at: Date): HistoryEntry => ({ version: 1, state: 'reserving', event: undefined, at });
const entryOf = ({ version, state, event, at }: StoredChange): HistoryEntry => ({ version, state, event, at: new Date(at) });
