import { type AppError, appError, type ErrorCode, isAppError } from '#platform/errors/index.ts';
import { addMs, dayMs, hourMs, minuteMs } from '#platform/time/index.ts';
import { changeOrder, changeRental, isOpen, type Rental, type RentalOrder } from '../../domain/rental/rental.ts';
import type { Refusal } from '../ports.ts';
import type { ExtendOutcome, ListedRental, RentalChanges, RentalPorts, RentOutcome } from './ports.ts';

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
  // Recovery may be at work on this row from now on: whoever comes late must not buy.
  if (ports.clock.now() >= order.deadline) throw appError('platform.unavailable', { retryAfterMs: 1_000 });
  const answer = order.kind === 'purchase' ? await rent(ports, rental, order) : await extend(ports, rental, order);
  if (answer.kind === 'granted') await keep(ports, rental, order, held.holdId, answer);
  else if (answer.kind === 'refused') await settleRefused(ports, rental, order, reasonOf[answer.reason], held.holdId);
  else await park(ports, rental, order, held.holdId);
};

const rent = async ({ catalogue, provider }: RentalPorts, rental: Rental, order: RentalOrder): Promise<RentOutcome> => {
  const [service, country] = [catalogue.service(rental.service), catalogue.country(rental.country)];
  if (service === undefined || country === undefined) return { kind: 'refused', reason: 'not_offered', detail: 'not in the catalogue' };
  return provider.rent({ orderId: order.id, service, country, hours: order.hours });
};

const extend = ({ provider }: RentalPorts, rental: Rental, order: RentalOrder): Promise<ExtendOutcome> =>
  provider.extend({ providerRentalId: rental.providerRentalId ?? '', hours: order.hours });

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
  if (grant.providerRentalId !== undefined) await ports.provider.release(grant.providerRentalId);
};

const park = async (ports: RentalPorts, rental: Rental, order: RentalOrder, holdId: string): Promise<void> => {
  const lost = changeOrder(order, 'lost', { holdId, dueAt: addMs(ports.clock.now(), 2 * ports.timing.providerTimeoutMs) });
  if (lost && (await ports.store.save({ orders: [{ from: order, to: lost }] })) === 'saved') await reconcileOrder(ports, rental, lost);
};

interface Grant {
  readonly endsAt: Date;
  readonly providerRentalId?: string;
  readonly phoneNumber?: string;
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

const grantedAs = { purchase: 'started', extension: 'extended', renewal: 'renewed' } as const;

const settleGranted = async (
  ports: RentalPorts,
  rental: Rental,
  order: RentalOrder,
  holdId: string,
  grant: Grant,
): Promise<'saved' | 'lost' | 'claimed'> => {
  const now = ports.clock.now();
  const coversFrom = order.kind === 'purchase' ? now : (rental.endsAt ?? now);
  const chargedMicros = rental.chargedMicros + order.priceMicros;
  const paid = changeOrder(order, 'granted', { holdId, coversFrom, coversTo: grant.endsAt, dueAt: now });
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
  return ports.store.save({
    rental: { from: rental, to },
    orders: [{ from: order, to: paid }],
    events: [{ kind: grantedAs[order.kind], rental: to, order: paid }],
  });
};

export const settleRefused = async (
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
  const changes: RentalChanges = { rental: { from: rental, to }, orders };
  if (failed) await ports.store.save({ ...changes, events: [{ kind: 'failed', rental: to, order: no }] });
  else if (order.kind === 'renewal') await ports.store.save({ ...changes, events: [{ kind: 'renewalFailed', rental: to, order: no }] });
  else await ports.store.save(changes);
};

/** A provider counts whole hours and by its own clock. */
const slackMs = 10 * minuteMs;
const near = (at: Date | undefined, wanted: Date): boolean => at !== undefined && Math.abs(at.getTime() - wanted.getTime()) <= slackMs;

/**
 * Finds out what became of an order whose answer was lost, by the provider's own list. Never buys.
 * An unnamed rental is ours only where service, country and end all agree: anything else stays unclaimed.
 */
export const reconcileOrder = async (ports: RentalPorts, rental: Rental, order: RentalOrder): Promise<void> => {
  const { store, timing, provider, clock } = ports;
  const askedAt = clock.now();
  const listing = await provider.list();
  if (listing.kind === 'listed') {
    const found =
      order.kind === 'purchase' ? await purchased(ports, rental, order, listing.rentals) : extended(rental, order, listing.rentals);
    for (const grant of found) {
      const outcome = await settleGranted(ports, rental, order, order.holdId ?? '', grant);
      if (outcome !== 'claimed') return;
    }
    if (askedAt >= addMs(order.deadline, timing.providerTimeoutMs + timing.reconcileGraceMs)) {
      await settleRefused(ports, rental, order, 'provider_unconfirmed');
      return;
    }
  } else if (askedAt >= addMs(order.createdAt, timing.giveUpMs)) {
    ports.observer.leak(rental, 'no answer about a lost order');
    await settleRefused(ports, rental, order, 'provider_unconfirmed');
    return;
  }
  await store.rescheduleOrder(order, retryAt(ports, order.attempts));
};

const purchased = async (
  ports: RentalPorts,
  rental: Rental,
  order: RentalOrder,
  rows: readonly ListedRental[],
): Promise<readonly (Grant & { providerRentalId: string })[]> => {
  const wanted = addMs(order.createdAt, order.hours * hourMs);
  const fitting = rows.filter((row) => row.service === rental.service && row.country === rental.country && near(row.endsAt, wanted));
  const free = await ports.store.unclaimed(
    ports.provider.name,
    fitting.map((row) => row.providerRentalId),
  );
  return fitting.flatMap(({ providerRentalId, phoneNumber, endsAt }) =>
    free.has(providerRentalId) && endsAt !== undefined ? [{ providerRentalId, phoneNumber, endsAt }] : [],
  );
};

const extended = (rental: Rental, order: RentalOrder, rows: readonly ListedRental[]): readonly Grant[] => {
  const end = rows.find((row) => row.providerRentalId === rental.providerRentalId)?.endsAt;
  const wanted = addMs(rental.endsAt ?? order.createdAt, order.hours * hourMs - slackMs);
  return end !== undefined && end >= wanted ? [{ endsAt: end }] : [];
};

/** A row still `reserving` after its time: whether the provider was asked is not known, so it counts as asked. Nothing is bought here. */
export const recoverOrder = async (ports: RentalPorts, rental: Rental, order: RentalOrder): Promise<void> => {
  const now = ports.clock.now();
  const held = await hold(ports, rental, order, addMs(now, ports.timing.providerTimeoutMs));
  if (held.kind === 'refused') await settleRefused(ports, rental, order, 'billing_refused');
  else if (held.kind === 'unknown') {
    if (now >= addMs(order.createdAt, dayMs)) await settleRefused(ports, rental, order, 'billing_unavailable');
    else await ports.store.rescheduleOrder(order, retryAt(ports, order.attempts));
  } else await park(ports, rental, order, held.holdId);
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
