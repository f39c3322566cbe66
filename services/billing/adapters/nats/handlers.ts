import { done, type EventDefinition, on, type ReceivedEvent, UndoneBatch } from '#platform/messaging/index.ts';
import type { Transaction } from '#platform/postgres/index.ts';
import { events } from '#events';
import type { Delivery } from '../../app/ledger/settle-holds.ts';

export type OpenWalletIn = (tx: Transaction) => (tenantId: string) => Promise<void>;
/** Bound to the consumer's transaction, so that effects and inbox rows stand or fall together. False: no such hold. */
export type SettleHoldsIn = (tx: Transaction) => (deliveries: readonly Delivery[]) => Promise<readonly boolean[]>;

export const tenantHandlers = (openWalletIn: OpenWalletIn) => [
  on(events.auth.tenantRegistered, async (tx, event) => {
    await openWalletIn(tx)(event.tenantId);
    return done();
  }),
];

type DeliveryOf = Delivery extends infer D ? (D extends Delivery ? Omit<D, 'tenantId' | 'holdId'> : never) : never;
interface Dead {
  readonly kind: 'dead';
  readonly cause: string;
}
const dead = (cause: string): Dead => ({ kind: 'dead', cause });
/** What an event says about its hold; undefined: nothing; dead: it can never be understood. */
type Meaning = { readonly holdId: string; readonly delivery: DeliveryOf } | Dead | undefined;
type Reader = (payload: never) => Meaning;

const reads = <P>({ subject }: EventDefinition<P>, read: (payload: P) => Meaning): readonly [string, Reader] => [subject, read as Reader];

/** Empty: it failed before there was a hold. */
const nothingDelivered = ({ holdId }: { readonly holdId: string }): Meaning =>
  holdId === '' ? undefined : { holdId, delivery: { kind: 'nothing_delivered' } };

const chargedSoFar =
  (final: boolean) =>
  ({ holdId, chargedTotal }: { readonly holdId: string; readonly chargedTotal: { readonly micros: bigint } | undefined }): Meaning => {
    const upToMicros = chargedTotal?.micros ?? 0n;
    // A campaign that was cancelled before its launch has no hold.
    if (holdId === '') return upToMicros === 0n ? undefined : dead('charged without a hold');
    return !final && upToMicros === 0n ? undefined : { holdId, delivery: { kind: 'charged', upToMicros, final } };
  };

export const verificationReaders: ReadonlyMap<string, Reader> = new Map([
  reads(events.verification.codeReceived, ({ holdId, price, position }) => {
    // A further code that costs nothing.
    if (holdId === '' && position > 1) return undefined;
    return price === undefined ? dead('without price') : { holdId, delivery: { kind: 'charged', upToMicros: price.micros, final: true } };
  }),
  // The end gave the price back; a plan may have a late code paid for anew, from a hold of its own.
  reads(events.verification.lateCodeReceived, ({ holdId, price }) => {
    if (holdId === '') return undefined;
    return price === undefined ? dead('without price') : { holdId, delivery: { kind: 'charged', upToMicros: price.micros, final: true } };
  }),
  reads(events.verification.anotherEnded, nothingDelivered),
  reads(events.verification.cancelled, nothingDelivered),
  reads(events.verification.expired, nothingDelivered),
  reads(events.verification.failed, nothingDelivered),
]);

export const campaignReaders: ReadonlyMap<string, Reader> = new Map([
  reads(events.campaign.messagesProgressed, chargedSoFar(false)),
  reads(events.campaign.completed, chargedSoFar(true)),
  reads(events.campaign.cancelled, chargedSoFar(true)),
]);

/** The events that say something of a hold; most do not, purchases above all: a hold outlives its number from the start. */
export const saysOfHolds =
  (readers: ReadonlyMap<string, Reader>) =>
  async (received: readonly ReceivedEvent[]): Promise<ReadonlySet<ReceivedEvent>> =>
    new Set(received.filter(({ subject }) => readers.has(subject)));

/**
 * Settles a batch of events in one go. An event that cannot be settled undoes the batch, whose events are then tried one by
 * one: a fact about a hold that was never placed cannot become true by waiting, and a person has to look at that one.
 */
export const settleEvents =
  (settleHoldsIn: SettleHoldsIn, readers: ReadonlyMap<string, Reader>) =>
  async (tx: Transaction, received: readonly ReceivedEvent[]): Promise<void> => {
    const deliveries: Delivery[] = [];
    for (const { subject, tenantId, payload } of received) {
      const meaning = readers.get(subject)?.(payload as never);
      if (meaning === undefined) continue;
      if ('kind' in meaning) throw new UndoneBatch(meaning);
      deliveries.push({ tenantId, holdId: meaning.holdId, ...meaning.delivery });
    }
    if (deliveries.length === 0) return;
    const found = await settleHoldsIn(tx)(deliveries);
    const lost = deliveries[found.indexOf(false)];
    if (lost !== undefined) throw new UndoneBatch(dead(`there is no hold ${lost.holdId}`));
  };
