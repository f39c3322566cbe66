import { appError } from '#platform/errors/index.ts';
import { money } from '#platform/money/index.ts';
import { changeOrder, changeRental, type Rental, type RentalOrder } from '../../domain/rental/rental.ts';
import { type RentalEnding, type RentalSettlement, settlementOf, wasGranted } from '../../domain/settlement/rental.ts';
import { refundOf } from '../../domain/rental/terms.ts';
import { notNow } from './extend-rental.ts';
import { nextLook, retryAt } from './place-order.ts';
import type { Change, RentalPorts } from './ports.ts';

/**
 * Gives the number back before its end. What goes back to the wallet is decided in the write that releases it.
 * @returns the rental, still `releasing` when the provider gave no answer: the scheduler goes on
 * @throws request.not_found · verification.not_cancellable · platform.unavailable while an order for it has no outcome
 */
export const releaseRental =
  (ports: RentalPorts) =>
  async ({ tenantId, id }: { readonly tenantId: string; readonly id: string }): Promise<Rental> => {
    const rental = await ports.store.find(tenantId, id);
    if (!rental) throw appError('request.not_found');
    if (rental.state === 'released' || rental.state === 'releasing') return rental;
    if (rental.state !== 'active' || rental.openOrderId !== null) throw notNow(rental);
    const to = changeRental(rental, 'releaseAsked', { dueAt: retryAt(ports, 4) });
    if (!to || (await ports.store.save({ rental: { from: rental, to } })) !== 'saved') {
      const present = await ports.store.find(tenantId, id);
      if (present?.state === 'releasing' || present?.state === 'released') return present;
      throw notNow(present ?? rental);
    }
    const denied = await settleRelease(ports, to);
    if (denied) throw appError('verification.early_cancel', { retryAfterMs: 60_000 });
    return (await ports.store.find(tenantId, id)) ?? to;
  };

/** @returns true when the provider keeps the number to its end */
export const settleRelease = async (ports: RentalPorts, rental: Rental): Promise<boolean> => {
  const { store, clock } = ports;
  const answer = await ports.providers.named(rental.provider).release(rental.providerRentalId ?? '');
  const now = clock.now();
  if (answer.kind === 'denied') {
    const kept = changeRental(rental, 'releaseDenied', {});
    if (kept) await store.save({ rental: { from: rental, to: { ...kept, dueAt: nextLook(ports, kept) } } });
    return true;
  }
  if (answer.kind === 'unknown') {
    if (rental.endsAt !== null && now >= rental.endsAt) await expire(ports, rental);
    else await store.rescheduleRental(rental, retryAt(ports, rental.attempts));
    return false;
  }
  // A settlement may move an order at this moment: read again, and decided again.
  for (let turn = 0; turn < 5; turn++) {
    const before = await store.orders(rental.tenantId, rental.id);
    const orders = before.flatMap((order) => backFrom(order, now, answer.returned));
    const after = before.map((order) => orders.find(({ from }) => from === order)?.to ?? order);
    const settlements = settlementsOf(rental, after, answer.returned ? 'returned' : 'kept', now);
    const refundedMicros = orders.reduce((sum, { to }) => sum + to.refundMicros, 0n);
    const to = changeRental(rental, 'releaseConfirmed', { endedAt: now, reason: 'released_by_customer', refundedMicros });
    if (!to) return false;
    const events = [{ kind: 'released', rental: to, refunded: money(rental.currency, refundedMicros) } as const];
    if ((await store.save({ rental: { from: rental, to }, orders, events, settlements })) === 'saved') {
      for (const settlement of settlements) if (settlement.state === 'lost') ports.observer.lost(settlement);
      return false;
    }
    const present = await store.find(rental.tenantId, rental.id);
    if (present?.state !== 'releasing' || present.version !== rental.version) return false;
  }
  await store.rescheduleRental(rental, retryAt(ports, 0));
  return false;
};

const settlementsOf = (rental: Rental, orders: readonly RentalOrder[], ending: RentalEnding, now: Date): readonly RentalSettlement[] =>
  orders.filter(wasGranted).map((order) => settlementOf(rental, order, ending, now));

const backFrom = (order: RentalOrder, now: Date, returned: boolean): Change<RentalOrder>[] => {
  const refundMicros = refundOf(order, now, returned);
  if (refundMicros === 0n) return [];
  if (order.state === 'capturing') return [{ from: order, to: { ...order, version: order.version + 1, refundMicros } }];
  const to = order.state === 'charged' ? changeOrder(order, 'giveBack', { refundMicros, dueAt: now }) : undefined;
  return to ? [{ from: order, to }] : [];
};

export const expire = async (ports: RentalPorts, rental: Rental): Promise<void> => {
  const now = ports.clock.now();
  const to = changeRental(rental, 'timedOut', { endedAt: now, reason: 'time_over' });
  if (!to) return;
  const settlements = settlementsOf(rental, await ports.store.orders(rental.tenantId, rental.id), 'expired', now);
  await ports.store.save({ rental: { from: rental, to }, events: [{ kind: 'expired', rental: to }], settlements });
};
