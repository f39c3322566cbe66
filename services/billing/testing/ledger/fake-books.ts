import type {
  CarveResult,
  CreditSweep,
  GrantCredit,
  GrantResult,
  HoldFact,
  HoldLedger,
  HoldReader,
  HoldSettlement,
  HoldSweep,
  PlaceResult,
  RefundCharge,
  RefundResult,
  ResolveResult,
  Settled,
  WalletReader,
  Wallets,
} from '../../app/ledger/ports.ts';
import type { Keyed } from '../../app/ports.ts';
import { burn, expiryAfterReturn, giveBackCredit, type Grant, type GrantPart, lapse, priorities } from '../../domain/credit.ts';
import {
  capture,
  carve,
  collect,
  giveBack,
  type Hold,
  type HoldChange,
  type LateCharge,
  noLateCharge,
  reservedMicros,
} from '../../domain/hold.ts';
import { type Product, type TransferType, walletCurrency, type WalletEntry } from '../../domain/ledger.ts';

type Books = HoldLedger & HoldReader & HoldSweep & HoldSettlement & Wallets & WalletReader & CreditSweep;

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
  readonly promotionalMicros: bigint;
  readonly grants: readonly Pick<Grant, 'id' | 'kind' | 'remainingMicros' | 'expiresAt'>[];
  readonly entries: readonly Pick<WalletEntry, 'type' | 'amountMicros' | 'balanceAfterMicros'>[];
}

/**
 * The ledger in memory: the rules of domain/hold.ts and domain/credit.ts over maps. It is the model that PostgreSQL is compared with, and
 * the fake that use cases are tested on.
 */
export const fakeBooks = () => {
  const balances = new Map<string, bigint>();
  const entries = new Map<string, WalletEntry[]>();
  const holds = new Map<string, StoredHold>();
  const placed = new Map<string, { readonly request: string; readonly holdId: string }>();
  const answers = new Map<string, Answer>();
  const late = new Map<string, LateCharge>();
  /** Of grants, charges and refunds, by tenant, operation and key. */
  const transfers = new Map<string, { readonly request: string; readonly transferId: string }>();
  const grants = new Map<string, Grant[]>();
  /** Of each charge: where it came from, less what was given back. */
  const charges = new Map<string, { readonly tenantId: string; readonly parts: readonly GrantPart[] }>();

  /** Who asked for a hold or a charge, by its id. */
  const actors = new Map<string, string>();

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
    about: {
      id: string;
      description: string;
      reference: string;
      product?: Product;
      reversesId?: string;
      actor?: string | undefined;
      now: Date;
    },
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
      reversesId: about.reversesId,
      actor: about.actor,
      createdAt: previous > about.now ? previous : about.now,
      sequence: BigInt(own.length + 1),
    });
    entries.set(tenantId, own);
  };

  const change = (tenantId: string, parts: readonly GrantPart[], by: (grant: Grant, micros: bigint) => Grant): void => {
    const left = new Map(parts.map(({ grantId, micros }) => [grantId, micros]));
    const own = grants.get(tenantId) ?? [];
    grants.set(
      tenantId,
      own.map((grant) => (left.has(grant.id) ? by(grant, left.get(grant.id) ?? 0n) : grant)),
    );
  };
  const take = (tenantId: string, parts: readonly GrantPart[]): void =>
    change(tenantId, parts, (grant, micros) => ({ ...grant, remainingMicros: grant.remainingMicros - micros }));

  /** A debit, out of the grants. */
  const spend = (tenantId: string, type: TransferType, micros: bigint, about: Parameters<typeof post>[3]): void => {
    const parts = burn(grants.get(tenantId) ?? [], micros, about.now);
    take(tenantId, parts);
    charges.set(about.id, { tenantId, parts });
    post(tenantId, type, -micros, about);
  };

  /** A credit, as a grant of its own. */
  const add = (
    tenantId: string,
    type: TransferType,
    grant: Pick<Grant, 'id' | 'kind' | 'priority' | 'amountMicros' | 'expiresAt'>,
    about: Parameters<typeof post>[3],
  ): void => {
    const own = grants.get(tenantId) ?? [];
    grants.set(tenantId, [...own, { ...grant, remainingMicros: grant.amountMicros, createdAt: about.now }]);
    post(tenantId, type, grant.amountMicros, about);
  };

  const lapseIn = (tenantId: string, now: Date): boolean => {
    const parts = lapse(grants.get(tenantId) ?? [], held(tenantId), now);
    const total = parts.reduce((sum, { micros }) => sum + micros, 0n);
    if (total === 0n) return false;
    take(tenantId, parts);
    post(tenantId, 'expiry', -total, { id: `expiry ${entries.get(tenantId)?.length}`, description: 'Credit expired', reference: '', now });
    return true;
  };

  /** The first answer to a keyed transfer, or undefined for a new key. */
  const earlier = ({ tenantId, idempotencyKey, request }: Keyed, operation: string) => {
    const before = transfers.get(`${tenantId} ${operation} ${idempotencyKey}`);
    if (before === undefined) return undefined;
    return before.request === request
      ? ({ outcome: 'replayed', transferId: before.transferId } as const)
      : ({ outcome: 'idempotency_conflict' } as const);
  };
  const remember = ({ tenantId, idempotencyKey, request }: Keyed, operation: string, transferId: string): void =>
    void transfers.set(`${tenantId} ${operation} ${idempotencyKey}`, { request, transferId });

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
    if (chargeMicros > 0n)
      spend(command.tenantId, 'charge', chargeMicros, { ...hold, id: key, actor: actors.get(command.holdId), now: command.now });
    answers.set(key, { request: command.request, hold });
    return { outcome: 'done', hold };
  };

  const place: HoldLedger['place'] = async (command): Promise<PlaceResult> => {
    const { tenantId, idempotencyKey, request, amount, holdId, now } = command;
    lapseIn(tenantId, now);
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
    if (command.actor !== undefined) actors.set(holdId, command.actor);
    placed.set(key, { request, holdId });
    return { outcome: 'done', hold };
  };

  const carved: HoldLedger['carve'] = async (command): Promise<CarveResult> => {
    const { tenantId, idempotencyKey, request, amount, holdId, fromHoldId } = command;
    const key = `${tenantId} ${idempotencyKey}`;
    const before = placed.get(key);
    if (before !== undefined) {
      const first = holds.get(before.holdId)?.placed;
      return before.request === request && first !== undefined ? { outcome: 'replayed', hold: first } : { outcome: 'idempotency_conflict' };
    }
    if (!command.expiryAcceptable) return { outcome: 'expiry_refused' };
    const whole = ofTenant(tenantId, fromHoldId)?.hold;
    if (whole === undefined) return { outcome: 'not_found' };
    const rest = carve(whole, amount.micros);
    if (typeof rest === 'string') return { outcome: rest };
    const { product, reference, description, expiresAt } = command;
    const money = { amountMicros: amount.micros, capturedMicros: 0n, currency: amount.currency };
    const hold: Hold = { id: holdId, state: 'held', ...money, product, reference, description, expiresAt, createdAt: whole.createdAt };
    store(tenantId, rest);
    store(tenantId, hold);
    const actor = command.actor ?? actors.get(fromHoldId);
    if (actor !== undefined) actors.set(holdId, actor);
    placed.set(key, { request, holdId });
    return { outcome: 'done', hold };
  };

  const charge: HoldLedger['charge'] = async (command) => {
    const { tenantId, transferId, amount, product, reference, description, now } = command;
    lapseIn(tenantId, now);
    const before = earlier(command, 'charge');
    if (before !== undefined) return before;
    if (available(tenantId) < amount.micros) return { outcome: 'insufficient_credit', availableMicros: available(tenantId) };
    const type = product === 'subscription' || product === 'usage' ? product : 'charge';
    spend(tenantId, type, amount.micros, { id: transferId, description, reference, product, actor: command.actor, now });
    if (command.actor !== undefined) actors.set(transferId, command.actor);
    remember(command, 'charge', transferId);
    return { outcome: 'done', transferId };
  };

  const refund = async (command: RefundCharge): Promise<RefundResult> => {
    const { tenantId, transferId, reverses, amount, description, reference, now } = command;
    const charged = charges.get(reverses);
    if (charged?.tenantId !== tenantId) return { outcome: 'not_found' };
    const before = earlier(command, 'refund');
    if (before !== undefined) return before;
    lapseIn(tenantId, now);
    if (charged.parts.reduce((sum, { micros }) => sum + micros, 0n) < amount.micros) return { outcome: 'exceeds' };
    const back = giveBackCredit(grants.get(tenantId) ?? [], charged.parts, amount.micros);
    const returned = new Map(back.map(({ grantId, micros }) => [grantId, micros]));
    charges.set(reverses, {
      tenantId,
      parts: charged.parts.map((part) => ({ ...part, micros: part.micros - (returned.get(part.grantId) ?? 0n) })),
    });
    change(tenantId, back, (grant, micros) => ({
      ...grant,
      remainingMicros: grant.remainingMicros + micros,
      expiresAt: expiryAfterReturn(grant, now),
    }));
    post(tenantId, 'refund', amount.micros, {
      ...{ id: transferId, description, reference, reversesId: command.reverses, actor: actors.get(reverses), now },
    });
    remember(command, 'refund', transferId);
    return { outcome: 'done', transferId };
  };

  const settleOne = (fact: HoldFact): Settled => {
    const { tenantId, holdId, now } = fact;
    if (fact.kind === 'collect') lapseIn(tenantId, now);
    const stored = ofTenant(tenantId, holdId);
    if (stored === undefined) return { found: false };
    if (fact.kind === 'give_back') {
      const changed = giveBack(stored.hold, 'released');
      if (typeof changed === 'object') store(tenantId, changed.hold);
      return { found: true };
    }
    // What closing the hold gives back may pay for nothing here: a hold with a rest has no late charge.
    const collection = collect(stored.hold, late.get(holdId) ?? noLateCharge, available(tenantId), fact.upToMicros, fact.final);
    store(tenantId, collection.hold);
    const about = { ...collection.hold, actor: actors.get(holdId), now };
    if (collection.capturedNowMicros > 0n) spend(tenantId, 'charge', collection.capturedNowMicros, about);
    if (collection.collectedNowMicros > 0n) spend(tenantId, 'charge', collection.collectedNowMicros, about);
    if (late.has(holdId) || collection.late.totalMicros > 0n) late.set(holdId, collection.late);
    return { found: true, collection };
  };

  const grant = async (command: GrantCredit): Promise<GrantResult> => {
    const { tenantId, transferId, amount, reason, priority, expiresAt, now } = command;
    const before = earlier(command, 'grant');
    if (before !== undefined) return before;
    const about = { id: transferId, description: reason, reference: '', now };
    add(tenantId, 'promotion', { id: transferId, kind: 'promotional', priority, amountMicros: amount.micros, expiresAt }, about);
    remember(command, 'grant', transferId);
    return { outcome: 'done', transferId };
  };

  const promotional = (tenantId: string): bigint =>
    (grants.get(tenantId) ?? []).reduce((sum, each) => (each.kind === 'promotional' ? sum + each.remainingMicros : sum), 0n);

  const nextExpiry = (tenantId: string) => {
    const expiring = (grants.get(tenantId) ?? []).flatMap(({ expiresAt, remainingMicros }) =>
      expiresAt === undefined || remainingMicros === 0n ? [] : [{ at: expiresAt, amountMicros: remainingMicros }],
    );
    const [soonest] = expiring.toSorted((a, b) => a.at.getTime() - b.at.getTime());
    if (soonest === undefined) return undefined;
    const same = expiring.filter(({ at }) => at.getTime() === soonest.at.getTime());
    return { at: soonest.at, amountMicros: same.reduce((sum, { amountMicros }) => sum + amountMicros, 0n) };
  };

  const listed: WalletReader['entries'] = async (
    tenantId,
    { type, product, from, to, minMicros, maxMicros, reference, actor },
    { limit, cursor },
  ) => {
    const size = (micros: bigint): bigint => (micros < 0n ? -micros : micros);
    const fits = ({ createdAt, sequence, amountMicros, ...entry }: WalletEntry): boolean =>
      (type === undefined || entry.type === type) &&
      (product === undefined || entry.product === product) &&
      (reference === undefined || entry.reference === reference) &&
      (actor === undefined || entry.actor === actor) &&
      (minMicros === undefined || size(amountMicros) >= minMicros) &&
      (maxMicros === undefined || size(amountMicros) <= maxMicros) &&
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
    carve: carved,
    capture: async (command) => keyed('capture', command, (hold) => capture(hold, command.amount.micros, command.final)),
    release: async (command) => keyed('release', command, (hold) => giveBack(hold, 'released')),
    find: async (tenantId, id) => ofTenant(tenantId, id)?.hold,
    charge,
    settle: async (facts) => facts.map(settleOne),
    expireDue: async (now, limit) => {
      const due = [...holds.values()].filter(({ hold }) => hold.state === 'held' && hold.expiresAt <= now).slice(0, limit);
      for (const { tenantId, hold } of due) store(tenantId, { ...hold, state: 'expired' });
      return due.length;
    },
    open: async (tenantId) => {
      if (!balances.has(tenantId)) balances.set(tenantId, 0n);
    },
    lapseDue: async (now) => {
      const lapsed = [...grants.keys()].filter((tenantId) => lapseIn(tenantId, now)).length;
      return { wallets: lapsed, lapsed, next: undefined };
    },
    grant,
    refund,
    wallet: async (tenantId) =>
      balances.has(tenantId)
        ? {
            currency: walletCurrency,
            balanceMicros: balances.get(tenantId) ?? 0n,
            heldMicros: held(tenantId),
            promotionalMicros: promotional(tenantId),
            nextExpiry: nextExpiry(tenantId),
          }
        : undefined,
    grants: async (tenantId, { limit, cursor }) => {
      const all = (grants.get(tenantId) ?? []).toReversed();
      const from = cursor === '' ? 0 : all.findIndex(({ id }) => id === cursor) + 1;
      const shown = all.slice(from, from + limit);
      return { grants: shown, nextCursor: all.length > from + limit ? (shown.at(-1)?.id ?? '') : '' };
    },
    entries: listed,
    credit: (tenantId, micros, paymentId, now) => {
      const about = { id: paymentId, description: 'Payment', reference: paymentId, now };
      add(
        tenantId,
        'payment',
        { id: paymentId, kind: 'paid', priority: priorities.paid, amountMicros: micros, expiresAt: undefined },
        about,
      );
    },
    state: (tenantId) => {
      const own = [...holds.values()].filter((stored) => stored.tenantId === tenantId).map(({ hold }) => hold);
      return {
        balanceMicros: balances.get(tenantId) ?? 0n,
        heldMicros: held(tenantId),
        promotionalMicros: promotional(tenantId),
        grants: (grants.get(tenantId) ?? [])
          .map(({ id, kind, remainingMicros, expiresAt }) => ({ id, kind, remainingMicros, expiresAt }))
          .toSorted((a, b) => (a.id < b.id ? -1 : 1)),
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
