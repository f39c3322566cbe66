import { type AppError, appError, type ErrorCode, isAppError } from '#platform/errors/index.ts';
import { addMs, dayMs, hourMs, minuteMs } from '#platform/time/index.ts';
import { changeOrder, changeRental, isOpen, type Rental, type RentalOrder } from '../../domain/rental/rental.ts';
import { settlementOf } from '../../domain/settlement/rental.ts';
import type { Refusal } from '../ports.ts';
import { deliverParked } from './rental-messages.ts';
import type { ExtendOutcome, ListedRental, PriceOutcome, RentalChanges, RentalPorts, RentOutcome } from './ports.ts';
import { giveBackUnfit, rentFit } from './rent-fit.ts';

/** Nobody knows whether the provider granted it. */
const unconfirmed = 'provider_unconfirmed';

const reasonOf: Readonly<Record<Refusal, string>> = {
  no_numbers: 'no_numbers',
  price: 'no_numbers',
  not_offered: 'not_offered',
  account: 'provider_unavailable',
  unreachable: 'provider_unavailable',
};
/** How a failed order answers: the first time, and whenever its key is used again. */
const errorOf: Readonly<Record<string, ErrorCode>> = {
  no_numbers: 'verification.no_numbers',
  not_offered: 'verification.not_offered',
  insufficient_credit: 'billing.insufficient_credit',
};
export const failureOf = (order: RentalOrder): AppError | undefined =>
  order.state === 'voiding' || order.state === 'failed'
    ? appError(errorOf[order.reason ?? ''] ?? 'verification.provider_unavailable', { retryAfterMs: 1_000 })
    : undefined;

export const recoverAt = (order: { deadline: Date }, ports: RentalPorts): Date => addMs(order.deadline, 2 * ports.timing.providerTimeoutMs);
export const retryAt = (ports: RentalPorts, attempts: number): Date =>
  addMs(ports.clock.now(), Math.min(ports.timing.retryMs * 2 ** Math.min(attempts, 20), ports.timing.retryMaxMs));

/** The same request whoever sends it, and whenever: everything in it comes from the row. */
const hold = (ports: RentalPorts, rental: Rental, order: RentalOrder, deadline: Date) => {
  const service = ports.catalogue.service(rental.service)?.name ?? rental.service;
  const country = ports.catalogue.country(rental.country)?.name ?? rental.country;
  const hours = order.hours % 24 === 0 ? `${order.hours / 24} d` : `${order.hours} h`;
  const what = order.kind === 'purchase' ? 'rental' : order.kind;
  return ports.ledger.placeHold(order, {
    description: `${service} number, ${country}, ${hours} (${what})`,
    expiresAt: addMs(order.createdAt, dayMs),
    deadline,
  });
};

/**
 * Carries an order whose row is written on: hold → provider → row. The process that wrote the row calls it, once: nobody else
 * ever asks the provider for this order.
 * @throws what billing refused with · platform.unavailable, when it does not answer: the row is recovered later
 */
export const placeOrder = async (ports: RentalPorts, rental: Rental, order: RentalOrder): Promise<void> => {
  const held = await hold(ports, rental, order, order.deadline);
  if (held.kind === 'refused') {
    const poor = isAppError(held.error, 'billing.insufficient_credit');
    await settleRefused(ports, rental, order, poor ? 'insufficient_credit' : 'billing_refused');
    throw held.error;
  }
  if (held.kind === 'unknown') throw appError('platform.unavailable', { retryAfterMs: 1_000, cause: held.error });
  const asked = order.kind === 'purchase' ? await rent(ports, rental, order, held.holdId) : await extend(ports, rental, order, held.holdId);
  const { answer } = asked;
  if (answer.kind === 'granted') await keep(ports, asked.rental, asked.order, held.holdId, answer);
  else if (answer.kind === 'refused') await settleRefused(ports, asked.rental, asked.order, reasonOf[answer.reason], held.holdId);
  else await park(ports, asked.rental, asked.order, held.holdId);
};

type Refused = Extract<RentOutcome, { kind: 'refused' }>;

/** An order with the rows as they are after the provider was asked. */
interface Asked {
  readonly rental: Rental;
  readonly order: RentalOrder;
  readonly answer: RentOutcome | ExtendOutcome;
}

/**
 * Writes down whom we are about to ask, and for how much. Whoever finds this order later knows by it where to look, and that there is
 * nothing to look for when it was never written.
 * @throws platform.unavailable when recovery has taken the order over, or its time is up: then nobody is asked
 */
const aboutToAsk = async (
  ports: RentalPorts,
  rental: Rental,
  order: RentalOrder,
  { provider, costMicros, holdId }: { readonly provider: string; readonly costMicros: bigint; readonly holdId: string },
): Promise<{ readonly rental: Rental; readonly order: RentalOrder }> => {
  const now = ports.clock.now();
  if (now >= order.deadline) throw appError('platform.unavailable', { retryAfterMs: 1_000 });
  const asking = { ...order, version: order.version + 1, holdId, askedAt: now, costMicros };
  const asker = { ...rental, version: rental.version + 1, provider };
  const changes = { rental: { from: rental, to: asker }, orders: [{ from: order, to: asking }] };
  if ((await ports.store.save(changes)) !== 'saved') throw appError('platform.unavailable', { retryAfterMs: 1_000 });
  return { rental: asker, order: asking };
};

/** Nothing is bought by asking for a price: whatever comes back instead of one is a refusal. */
const affordable = (answer: PriceOutcome, order: RentalOrder): Refused | { readonly kind: 'priced'; readonly costMicros: bigint } => {
  if (answer.kind === 'unknown') return { kind: 'refused', reason: 'unreachable', detail: answer.detail };
  if (answer.kind === 'priced' && answer.costMicros > order.listMicros)
    return { kind: 'refused', reason: 'price', detail: 'it costs more than it is sold for' };
  return answer;
};

/** What a customer is told when several refused: the reason that says most about the number. */
const telling: readonly Refusal[] = ['no_numbers', 'price', 'account', 'unreachable', 'not_offered'];
const mostTelling = (refusals: readonly Refused[]): Refused =>
  refusals.toSorted((a, b) => telling.indexOf(a.reason) - telling.indexOf(b.reason))[0] ?? {
    ...{ kind: 'refused', reason: 'not_offered', detail: 'nobody rents it' },
  };

/** Everybody's price is asked, then the cheapest for the number; a refusal leads to the next one, a lost answer to none. */
const rent = async (ports: RentalPorts, rental: Rental, order: RentalOrder, holdId: string): Promise<Asked> => {
  const [service, country] = [ports.catalogue.service(rental.service), ports.catalogue.country(rental.country)];
  const wanted = service && country && { service, country, hours: order.hours };
  const off = new Set(ports.policy.providersOff());
  const offers = await Promise.all(
    (wanted ? ports.providers.sellers(wanted).filter(({ name }) => !off.has(name)) : []).map(async (provider) => ({
      ...{ provider, offer: affordable(await provider.price(wanted!), order) },
    })),
  );
  const refusals = offers.flatMap(({ offer }) => (offer.kind === 'refused' ? [offer] : []));
  const priced = offers.flatMap(({ provider, offer }) => (offer.kind === 'priced' ? [{ provider, costMicros: offer.costMicros }] : []));
  let rows = { rental, order };
  for (const { provider, costMicros } of priced.toSorted((a, b) => (a.costMicros < b.costMicros ? -1 : 1))) {
    rows = await aboutToAsk(ports, rows.rental, rows.order, { provider: provider.name, costMicros, holdId });
    const answer = await rentFit(ports, rows.rental, rows.order, { ...wanted!, provider });
    if (answer.kind !== 'refused') return { ...rows, answer };
    refusals.push(answer);
  }
  return { ...rows, answer: mostTelling(refusals) };
};

const extend = async (ports: RentalPorts, rental: Rental, order: RentalOrder, holdId: string): Promise<Asked> => {
  const provider = ports.providers.named(rental.provider);
  const more = { providerRentalId: rental.providerRentalId ?? '', hours: order.hours };
  const offer = affordable(await provider.priceOfMore(more), order);
  if (offer.kind === 'refused') return { rental, order, answer: offer };
  const rows = await aboutToAsk(ports, rental, order, { provider: provider.name, costMicros: offer.costMicros, holdId });
  return { ...rows, answer: await provider.extend(more) };
};

/** Writes down what was bought. A write without answer is repeated: it is a compare-and-set, so it cannot happen twice. */
const keep = async (ports: RentalPorts, rental: Rental, order: RentalOrder, holdId: string, grant: Grant): Promise<void> => {
  const write = () => settleGranted(ports, rental, order, holdId, grant);
  const outcome = await write().catch(write);
  if (outcome === 'saved') return;
  if (outcome === 'claimed') return park(ports, rental, order, holdId);
  const present = await ports.store.findOrder(order.tenantId, order.id);
  if (present?.state !== 'voiding' && present?.state !== 'failed') return;
  // Recovery gave this order up while its process stood still. The customer has the money back: so must we.
  ports.observer.leak(rental, 'granted after recovery had given up');
  if (grant.providerRentalId !== undefined) await ports.providers.named(rental.provider).release(grant.providerRentalId);
};

const park = async (ports: RentalPorts, rental: Rental, order: RentalOrder, holdId: string): Promise<void> => {
  const lost = changeOrder(order, 'lost', { holdId, dueAt: addMs(ports.clock.now(), 2 * ports.timing.providerTimeoutMs) });
  if (lost && (await ports.store.save({ orders: [{ from: order, to: lost }] })) === 'saved') await reconcileOrder(ports, rental, lost);
};

export interface Grant {
  readonly endsAt: Date;
  readonly providerRentalId?: string;
  readonly phoneNumber?: string;
  readonly costMicros?: bigint;
}

/** Before the end: the warning, and the renewal. Short rentals are warned of and renewed in proportion, not at their beginning. */
export const leadsOf = ({ timing }: RentalPorts, { hours }: Rental): { readonly warnMs: number; readonly renewMs: number } => ({
  warnMs: Math.min(timing.warnMs, (hours * hourMs) / 4),
  renewMs: Math.min(timing.renewMs, (hours * hourMs) / 12),
});

/** When the scheduler looks at an active rental next: a poll, the warning, the renewal, the end. */
export const nextLook = (ports: RentalPorts, rental: Rental): Date => {
  const { pollMs } = ports.timing;
  const { warnMs, renewMs } = leadsOf(ports, rental);
  const now = ports.clock.now();
  const end = rental.endsAt ?? now;
  const marks = [addMs(now, pollMs), end];
  if (rental.warnedFor?.getTime() !== end.getTime()) marks.push(addMs(end, -warnMs));
  else if (rental.autoRenew) marks.push(addMs(end, -renewMs));
  const next = Math.min(...marks.map((at) => at.getTime()));
  return new Date(Math.max(next, now.getTime() + Math.min(1_000, pollMs)));
};

/**
 * A purchase begins where the provider counts from: its answer takes time and tells whole seconds, so that from our own moment to the end
 * it would always lack a little of the hours that were sold, and with them one hour of every refund.
 */
const soldFrom = (order: RentalOrder, { endsAt }: Grant, now: Date): Date => {
  const counted = addMs(endsAt, -order.hours * hourMs);
  return counted < now ? counted : now;
};

const grantedAs = { purchase: 'started', extension: 'extended', renewal: 'renewed' } as const;

const settleGranted = async (
  ports: RentalPorts,
  rental: Rental,
  order: RentalOrder,
  holdId: string,
  grant: Grant,
): Promise<'saved' | 'lost' | 'claimed'> => {
  const now = ports.clock.now();
  const coversFrom = order.kind === 'purchase' ? soldFrom(order, grant, now) : (rental.endsAt ?? now);
  const chargedMicros = rental.chargedMicros + order.priceMicros;
  const paid = changeOrder(order, 'granted', {
    ...{ holdId, coversFrom, coversTo: grant.endsAt, dueAt: now },
    ...(grant.costMicros !== undefined && { costMicros: grant.costMicros }),
  });
  const granted =
    order.kind === 'purchase'
      ? changeRental(rental, 'granted', {
          providerRentalId: grant.providerRentalId ?? null,
          phoneNumber: grant.phoneNumber ?? null,
          startedAt: now,
          endsAt: grant.endsAt,
          openOrderId: null,
          chargedMicros,
        })
      : { ...rental, version: rental.version + 1, endsAt: grant.endsAt, hours: order.hours, openOrderId: null, attempts: 0, chargedMicros };
  if (!paid || !granted) return 'lost';
  const to = { ...granted, dueAt: nextLook(ports, granted) };
  const outcome = await ports.store.save({
    rental: { from: rental, to },
    orders: [{ from: order, to: paid }],
    events: [{ kind: grantedAs[order.kind], rental: to, order: paid }],
  });
  // What is missed here the first poll finds.
  if (outcome === 'saved' && order.kind === 'purchase')
    await deliverParked(ports, to).catch((error: unknown) => ports.observer.failedStep(to.id, error));
  return outcome;
};

const settleRefused = async (
  ports: RentalPorts,
  rental: Rental,
  order: RentalOrder,
  reason: string,
  holdId: string | null = order.holdId,
): Promise<void> => {
  const now = ports.clock.now();
  const no = changeOrder(order, 'refused', { reason, holdId, dueAt: now });
  if (!no) return;
  const orders = [{ from: order, to: no }];
  const failed = order.kind === 'purchase' ? changeRental(rental, 'refused', { reason, endedAt: now, openOrderId: null }) : undefined;
  const back: Rental = { ...rental, version: rental.version + 1, openOrderId: null, attempts: 0 };
  // A renewal that failed is not tried again and again: the customer is told, and can extend by hand until the end.
  const kept: Rental = order.kind === 'renewal' ? { ...back, autoRenew: false } : back;
  const to = failed ?? { ...kept, dueAt: nextLook(ports, kept) };
  // The customer is not kept waiting by a provider that says nothing; whether it took our money is asked on.
  const settlements = reason === unconfirmed ? [settlementOf(rental, no, 'unconfirmed', now)] : [];
  const changes: RentalChanges = { rental: { from: rental, to }, orders, settlements };
  if (failed) await ports.store.save({ ...changes, events: [{ kind: 'failed', rental: to, order: no }] });
  else if (order.kind === 'renewal') await ports.store.save({ ...changes, events: [{ kind: 'renewalFailed', rental: to, order: no }] });
  else await ports.store.save(changes);
};

/** A provider counts whole hours and by its own clock. */
const slackMs = 10 * minuteMs;
const near = (at: Date | undefined, wanted: Date): boolean => at !== undefined && Math.abs(at.getTime() - wanted.getTime()) <= slackMs;

/** Whoever was away for an hour has asked once: that alone is not an hour of silence. */
const leastLooks = 3;

/**
 * Finds out what became of an order whose answer was lost, by the provider's own list. Never buys.
 * An unnamed rental is ours only where service, country and end all agree: anything else stays unclaimed.
 */
export const reconcileOrder = async (ports: RentalPorts, rental: Rental, order: RentalOrder): Promise<void> => {
  const { store, timing, clock } = ports;
  const askedAt = clock.now();
  const looked = order.kind === 'purchase' ? await lookForPurchase(ports, rental, order) : await lookForMore(ports, rental, order);
  if (looked.kind === 'seen') {
    for (const grant of await ownFirst(ports, rental, looked.grants)) {
      if (!(await isFit(ports, rental, grant))) continue;
      if ((await settleGranted(ports, rental, order, order.holdId ?? '', grant)) !== 'claimed') return;
    }
    if (askedAt >= addMs(order.deadline, timing.providerTimeoutMs + timing.reconcileGraceMs)) {
      await settleRefused(ports, rental, order, unconfirmed);
      return;
    }
  } else if (askedAt >= addMs(order.createdAt, timing.giveUpMs) && order.attempts >= leastLooks) {
    ports.observer.leak(rental, 'no answer about a lost order');
    await settleRefused(ports, rental, order, unconfirmed);
    return;
  }
  await store.rescheduleOrder(order, retryAt(ports, order.attempts));
};

/**
 * Of two lost purchases of one kind each would do for the other. One that took what the other had leased would leave it without a number,
 * and a number without a rental.
 */
const ownFirst = async (ports: RentalPorts, rental: Rental, grants: readonly Grant[]): Promise<readonly Grant[]> => {
  if (grants.length < 2) return grants;
  const own = await ports.numbers.leasedBy(
    rental,
    grants.map(({ phoneNumber }) => phoneNumber ?? ''),
  );
  const rank = ({ phoneNumber }: Grant): number => (own.has(phoneNumber ?? '') ? 0 : 1);
  return grants.toSorted((a, b) => rank(a) - rank(b));
};

/** Whoever it was bought for: a number that may not be rented goes back, and one that another lost order holds is left to that. */
const isFit = async (ports: RentalPorts, rental: Rental, { providerRentalId, phoneNumber }: Grant): Promise<boolean> => {
  if (providerRentalId === undefined || phoneNumber === undefined) return true;
  const lease = await ports.numbers.lease(rental, phoneNumber);
  if (lease === 'unfit') await giveBackUnfit(ports, rental, providerRentalId);
  return lease === 'leased';
};

/** seen: the provider has said what there is, as of now; what of it may be this order's. */
export type Looked = { readonly kind: 'seen'; readonly grants: readonly Grant[] } | { readonly kind: 'unknown' };

export const lookForPurchase = async (ports: RentalPorts, rental: Rental, order: RentalOrder): Promise<Looked> => {
  const provider = ports.providers.named(rental.provider);
  const listing = await provider.list();
  if (listing.kind === 'unknown') return listing;
  const wanted = addMs(order.createdAt, order.hours * hourMs);
  const fits = (row: ListedRental): boolean =>
    row.service === rental.service &&
    row.country === rental.country &&
    (row.startedAt === undefined || near(row.startedAt, order.createdAt)) &&
    (row.endsAt === undefined ? row.startedAt !== undefined : near(row.endsAt, wanted));
  const fitting = listing.rentals.filter(fits);
  const free = await ports.store.unclaimed(
    provider.name,
    fitting.map((row) => row.providerRentalId),
  );
  const grants: Grant[] = [];
  for (const { providerRentalId, phoneNumber, endsAt: listed } of fitting) {
    if (!free.has(providerRentalId)) continue;
    // Some lists leave the end out, and it is what tells two durations apart.
    const found = listed === undefined ? await provider.find(providerRentalId) : undefined;
    if (found?.kind === 'unknown') return found;
    const endsAt = found?.kind === 'active' ? found.rental.endsAt : listed;
    if (endsAt !== undefined && near(endsAt, wanted)) grants.push({ providerRentalId, phoneNumber, endsAt });
  }
  return { kind: 'seen', grants };
};

const lookForMore = async (ports: RentalPorts, rental: Rental, order: RentalOrder): Promise<Looked> => {
  const found = await ports.providers.named(rental.provider).find(rental.providerRentalId ?? '');
  if (found.kind === 'unknown') return found;
  if (found.kind !== 'active') return { kind: 'seen', grants: [] };
  const { endsAt } = found.rental;
  const wanted = addMs(rental.endsAt ?? order.createdAt, order.hours * hourMs - slackMs);
  return { kind: 'seen', grants: endsAt >= wanted ? [{ endsAt }] : [] };
};

/** A row still `reserving` after its time: what was about to be asked counts as asked. Nothing is bought here. */
export const recoverOrder = async (ports: RentalPorts, rental: Rental, order: RentalOrder): Promise<void> => {
  // Its hold stands in the row: what billing says to the same request now, of other names in the catalogue, is of no consequence.
  if (order.askedAt !== null && order.holdId !== null) return park(ports, rental, order, order.holdId);
  const now = ports.clock.now();
  const held = await hold(ports, rental, order, addMs(now, ports.timing.providerTimeoutMs));
  if (held.kind === 'refused') await settleRefused(ports, rental, order, 'billing_refused');
  else if (held.kind === 'unknown') {
    if (now >= addMs(order.createdAt, dayMs)) await settleRefused(ports, rental, order, 'billing_unavailable');
    else await ports.store.rescheduleOrder(order, retryAt(ports, order.attempts));
  } else if (order.askedAt === null) await settleRefused(ports, rental, order, 'provider_unavailable', held.holdId);
  else await park(ports, rental, order, held.holdId);
};

/** What an order means for the wallet, repeated until billing has it. */
export const settleMoney = async (ports: RentalPorts, order: RentalOrder): Promise<void> => {
  const { ledger, store, clock } = ports;
  if (isOpen(order.state)) throw new Error('an open order has no settlement');
  const save = (to: RentalOrder | undefined) => (to ? store.save({ orders: [{ from: order, to }] }) : undefined);
  if (order.state === 'capturing') {
    await ledger.capture(order);
    const charged = changeOrder(order, 'captured', {});
    // Released before the wallet knew of the charge: what goes back is worked off next.
    await save(charged && order.refundMicros > 0n ? changeOrder(charged, 'giveBack', { dueAt: clock.now() }) : charged);
  } else if (order.state === 'voiding') {
    if (order.holdId !== null) await ledger.release(order);
    await save(changeOrder(order, 'voided', {}));
  } else if (order.state === 'refunding') {
    await ledger.refund(order);
    await save(changeOrder(order, 'givenBack', {}));
  }
};
