import { type ErrorCode, isAppError } from '#platform/errors/index.ts';
import { addMs } from '#platform/time/index.ts';
import { isOpen, type Rental, type RentalOrder } from '../../domain/rental/rental.ts';
import { durationOf } from '../../domain/rental/terms.ts';
import { orderMore } from './extend-rental.ts';
import { leadsOf, nextLook, reconcileOrder, recoverOrder, retryAt, settleMoney } from './place-order.ts';
import type { RentalPorts } from './ports.ts';
import { fetchMessages } from './rental-messages.ts';
import { expire, settleRelease } from './release-rental.ts';

/**
 * One turn of the scheduler over rentals and their orders. Any number of replicas may run it at once; a worker that dies loses its
 * lease and somebody else goes on.
 * @returns how many were due
 */
export const workRentals =
  (ports: RentalPorts) =>
  async ({ limit, leaseMs }: { limit: number; leaseMs: number }): Promise<number> => {
    const now = ports.clock.now();
    const orders = await ports.store.claimDueOrders(now, addMs(now, leaseMs), limit);
    const rentals = await ports.store.claimDueRentals(now, addMs(now, leaseMs), limit);
    const guarded = async (id: string, step: Promise<void>): Promise<void> => {
      try {
        await step;
      } catch (error) {
        ports.observer.failedStep(id, error);
      }
    };
    await Promise.all([
      ...orders.map((order) => guarded(order.id, workOrder(ports, order))),
      ...rentals.map((rental) => guarded(rental.id, workRental(ports, rental))),
    ]);
    return Math.max(orders.length, rentals.length);
  };

const workOrder = async (ports: RentalPorts, order: RentalOrder): Promise<void> => {
  if (!isOpen(order.state)) {
    await settleMoney(ports, order).catch(async (error: unknown) => {
      await ports.store.rescheduleOrder(order, retryAt(ports, order.attempts));
      throw error;
    });
    return;
  }
  const rental = await ports.store.find(order.tenantId, order.rentalId);
  if (!rental) throw new Error('an order has its rental');
  await (order.state === 'reserving' ? recoverOrder(ports, rental, order) : reconcileOrder(ports, rental, order));
};

const workRental = async (ports: RentalPorts, rental: Rental): Promise<void> => {
  if (rental.state === 'releasing') return void (await settleRelease(ports, rental));
  if (rental.state !== 'active' || rental.endsAt === null) return;
  const now = ports.clock.now();
  const { warnMs, renewMs } = leadsOf(ports, rental);
  await fetchMessages(ports, rental);
  const present = (await ports.store.find(rental.tenantId, rental.id)) ?? rental;
  if (present.state !== 'active' || present.endsAt === null) return;
  // An extension without an answer may have moved the end.
  if (present.openOrderId !== null) return ports.store.rescheduleRental(present, retryAt(ports, present.attempts));
  if (now >= present.endsAt) return expire(ports, present);
  if (present.warnedFor?.getTime() !== present.endsAt.getTime() && now >= addMs(present.endsAt, -warnMs)) {
    const warned: Rental = { ...present, version: present.version + 1, warnedFor: present.endsAt, attempts: 0 };
    const to = { ...warned, dueAt: nextLook(ports, warned) };
    await ports.store.save({ rental: { from: present, to }, events: [{ kind: 'renewalUpcoming', rental: to }] });
    return;
  }
  if (present.autoRenew && now >= addMs(present.endsAt, -renewMs)) return renew(ports, present, present.endsAt);
  await ports.store.rescheduleRental(present, nextLook(ports, present));
};

/** Answers after which a renewal will not be had a minute later either. */
const final: ReadonlySet<ErrorCode> = new Set([
  'verification.switched_off',
  'verification.service_blocked',
  'verification.kyc_required',
  'verification.limit_reached',
  'verification.not_offered',
  'billing.no_price',
  'request.invalid',
]);

/**
 * Its key names the end that it moves: a second replica, or a second life of this one, cannot renew the same end twice. A renewal
 * that was refused before there was an order is told like one that failed, once.
 */
const renew = async (ports: RentalPorts, rental: Rental, end: Date): Promise<void> => {
  const duration = durationOf(rental.hours);
  if (!duration) throw new Error(`no duration of ${rental.hours} hours`);
  const key = `renewal:${rental.id}:${end.toISOString()}`;
  try {
    await orderMore(ports, rental, { kind: 'renewal', key, requestHash: key, duration, maxPrice: undefined });
  } catch (error) {
    // The order that failed has told it.
    if (isAppError(error, 'billing.insufficient_credit')) return;
    if (!isAppError(error) || !final.has(error.code)) throw error;
    const kept: Rental = { ...rental, version: rental.version + 1, autoRenew: false, attempts: 0 };
    const to = { ...kept, dueAt: nextLook(ports, kept) };
    const reason = error.code.slice(error.code.indexOf('.') + 1);
    await ports.store.save({ rental: { from: rental, to }, events: [{ kind: 'renewalFailed', rental: to, reason }] });
  }
};
