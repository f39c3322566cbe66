import type {
  CollectCharge,
  GrantCredit,
  GrantResult,
  HoldLedger,
  HoldReader,
  HoldSettlement,
  HoldSweep,
  PlaceResult,
  ResolveResult,
  WalletReader,
  Wallets,
} from '../../app/ledger/ports.ts';
import type { Keyed } from '../../app/ports.ts';
import {
  capture,
  collect,
  giveBack,
  type Hold,
  type HoldChange,
  type LateCharge,
  noLateCharge,
  reservedMicros,
} from '../../domain/hold.ts';
import { type Product, type TransferType, walletCurrency, type WalletEntry } from '../../domain/ledger.ts';

type Books = HoldLedger & HoldReader & HoldSweep & HoldSettlement & Wallets & WalletReader;

interface StoredHold {
  readonly tenantId: string;
  readonly hold: Hold;
  readonly placed: Hold;
}
interface Answer {
  readonly request: string;
  readonly hold: Hold;
}

/** What the model test compares, per tenant. */
export interface BooksState {
  readonly balanceMicros: bigint;
  readonly heldMicros: bigint;
  readonly holds: readonly Hold[];
  readonly late: Readonly<Record<string, LateCharge>>;
  readonly entries: readonly Pick<WalletEntry, 'type' | 'amountMicros' | 'balanceAfterMicros'>[];
}

/**
 * The ledger in memory: the rules of domain/hold.ts over maps. It is the model that PostgreSQL is compared with, and
 * the fake that use cases are tested on.
 */
export const fakeBooks = () => {
  const balances = new Map<string, bigint>();
  const entries = new Map<string, WalletEntry[]>();
  const holds = new Map<string, StoredHold>();
  const placed = new Map<string, { readonly request: string; readonly holdId: string }>();
  const answers = new Map<string, Answer>();
  const late = new Map<string, LateCharge>();
  const grants = new Map<string, { readonly request: string; readonly transferId: string }>();

  const ofTenant = (tenantId: string, id: string): StoredHold | undefined => {
    const stored = holds.get(id);
    return stored?.tenantId === tenantId ? stored : undefined;
  };
  const held = (tenantId: string): bigint =>
    [...holds.values()].reduce((sum, stored) => (stored.tenantId === tenantId ? sum + reservedMicros(stored.hold) : sum), 0n);
  const available = (tenantId: string): bigint => (balances.get(tenantId) ?? 0n) - held(tenantId);

  const post = (
    tenantId: string,
    type: TransferType,
    delta: bigint,
    about: { id: string; description: string; reference: string; product?: Product; now: Date },
  ): void => {
    const balance = (balances.get(tenantId) ?? 0n) + delta;
    balances.set(tenantId, balance);
    const own = entries.get(tenantId) ?? [];
    const previous = own.at(-1)?.createdAt ?? about.now;
    own.push({
      transferId: about.id,
      type,
      amountMicros: delta,
      balanceAfterMicros: balance,
      currency: walletCurrency,
      description: about.description,
      reference: about.reference,
      product: about.product,
      createdAt: previous > about.now ? previous : about.now,
      sequence: BigInt(own.length + 1),
    });
    entries.set(tenantId, own);
  };

  const store = (tenantId: string, hold: Hold): void => {
    const before = holds.get(hold.id);
    holds.set(hold.id, { tenantId, hold, placed: before?.placed ?? hold });
  };

  /** Runs a keyed capture or release, or gives its first answer again. */
  const keyed = (
    operation: string,
    command: Keyed & { holdId: string; now: Date },
    change: (hold: Hold) => HoldChange | string,
  ): ResolveResult => {
    const key = `${command.tenantId} ${operation} ${command.idempotencyKey}`;
    const before = answers.get(key);
    if (before !== undefined)
      return before.request === command.request ? { outcome: 'replayed', hold: before.hold } : { outcome: 'idempotency_conflict' };
    const stored = ofTenant(command.tenantId, command.holdId);
    if (stored === undefined) return { outcome: 'not_found' };
    const changed = change(stored.hold);
    if (typeof changed === 'string') return { outcome: changed as 'hold_captured' };
    const { hold, chargeMicros } = changed;
    store(command.tenantId, hold);
    if (chargeMicros > 0n) post(command.tenantId, 'charge', -chargeMicros, { ...hold, id: key, now: command.now });
    answers.set(key, { request: command.request, hold });
    return { outcome: 'done', hold };
  };

  const place: HoldLedger['place'] = async (command): Promise<PlaceResult> => {
    const { tenantId, idempotencyKey, request, amount, holdId, now } = command;
    const key = `${tenantId} ${idempotencyKey}`;
    const before = placed.get(key);
    if (before !== undefined) {
      const first = holds.get(before.holdId)?.placed;
      return before.request === request && first !== undefined ? { outcome: 'replayed', hold: first } : { outcome: 'idempotency_conflict' };
    }
    if (!command.expiryAcceptable) return { outcome: 'expiry_refused' };
    if (available(tenantId) < amount.micros) return { outcome: 'insufficient_credit', availableMicros: available(tenantId) };
    const { product, reference, description, expiresAt } = command;
    const money = { amountMicros: amount.micros, capturedMicros: 0n, currency: amount.currency };
    const hold: Hold = { id: holdId, state: 'held', ...money, product, reference, description, expiresAt, createdAt: now };
    store(tenantId, hold);
    placed.set(key, { request, holdId });
    return { outcome: 'done', hold };
  };

  const collectOne = async ({ tenantId, holdId, upToMicros, final, now }: CollectCharge) => {
    const stored = ofTenant(tenantId, holdId);
    if (stored === undefined) return undefined;
    // What closing the hold gives back may pay for nothing here: a hold with a rest has no late charge.
    const collection = collect(stored.hold, late.get(holdId) ?? noLateCharge, available(tenantId), upToMicros, final);
    store(tenantId, collection.hold);
    const about = { ...collection.hold, now };
    if (collection.capturedNowMicros > 0n) post(tenantId, 'charge', -collection.capturedNowMicros, about);
    if (collection.collectedNowMicros > 0n) post(tenantId, 'charge', -collection.collectedNowMicros, about);
    if (late.has(holdId) || collection.late.totalMicros > 0n) late.set(holdId, collection.late);
    return collection;
  };

  const grant = async ({ tenantId, idempotencyKey, request, transferId, amount, reason, now }: GrantCredit): Promise<GrantResult> => {
    const key = `${tenantId} ${idempotencyKey}`;
    const before = grants.get(key);
    if (before !== undefined)
      return before.request === request ? { outcome: 'replayed', transferId: before.transferId } : { outcome: 'idempotency_conflict' };
    grants.set(key, { request, transferId });
    post(tenantId, 'promotion', amount.micros, { id: transferId, description: reason, reference: '', now });
    return { outcome: 'done', transferId };
  };

  const listed: WalletReader['entries'] = async (tenantId, { type, from, to }, { limit, cursor }) => {
    const fits = ({ createdAt, sequence, type: own }: WalletEntry): boolean =>
      (type === undefined || own === type) &&
      (from === undefined || createdAt >= from) &&
      (to === undefined || createdAt < to) &&
      (cursor === '' || sequence < BigInt(cursor));
    const all = (entries.get(tenantId) ?? []).filter(fits).toReversed();
    const shown = all.slice(0, limit);
    return { entries: shown, nextCursor: all.length > limit ? String(shown.at(-1)?.sequence ?? '') : '' };
  };

  const books: Books & {
    state(tenantId: string): BooksState;
    credit(tenantId: string, micros: bigint, paymentId: string, now: Date): void;
  } = {
    place,
    capture: async (command) => keyed('capture', command, (hold) => capture(hold, command.amount.micros, command.final)),
    release: async (command) => keyed('release', command, (hold) => giveBack(hold, 'released')),
    find: async (tenantId, id) => ofTenant(tenantId, id)?.hold,
    collect: collectOne,
    giveBack: async ({ tenantId, holdId }) => {
      const stored = ofTenant(tenantId, holdId);
      const changed = stored && giveBack(stored.hold, 'released');
      if (typeof changed === 'object') store(tenantId, changed.hold);
      return stored !== undefined;
    },
    extend: async ({ tenantId, holdId, expiresAt }) => {
      const stored = ofTenant(tenantId, holdId);
      if (stored?.hold.state === 'held' && stored.hold.expiresAt < expiresAt) store(tenantId, { ...stored.hold, expiresAt });
      return stored !== undefined;
    },
    expireDue: async (now, limit) => {
      const due = [...holds.values()].filter(({ hold }) => hold.state === 'held' && hold.expiresAt <= now).slice(0, limit);
      for (const { tenantId, hold } of due) store(tenantId, { ...hold, state: 'expired' });
      return due.length;
    },
    open: async (tenantId) => {
      if (!balances.has(tenantId)) balances.set(tenantId, 0n);
    },
    grant,
    wallet: async (tenantId) =>
      balances.has(tenantId)
        ? { currency: walletCurrency, balanceMicros: balances.get(tenantId) ?? 0n, heldMicros: held(tenantId) }
        : undefined,
    entries: listed,
    credit: (tenantId, micros, paymentId, now) =>
      post(tenantId, 'payment', micros, { id: paymentId, description: 'Payment', reference: paymentId, now }),
    state: (tenantId) => {
      const own = [...holds.values()].filter((stored) => stored.tenantId === tenantId).map(({ hold }) => hold);
      return {
        balanceMicros: balances.get(tenantId) ?? 0n,
        heldMicros: held(tenantId),
        holds: own.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
        late: Object.fromEntries([...late].filter(([id]) => holds.get(id)?.tenantId === tenantId).toSorted(([a], [b]) => (a < b ? -1 : 1))),
        entries: (entries.get(tenantId) ?? []).map(({ type, amountMicros, balanceAfterMicros }) => ({
          type,
          amountMicros,
          balanceAfterMicros,
        })),
      };
    },
  };
  return books;
};
export type FakeBooks = ReturnType<typeof fakeBooks>;
