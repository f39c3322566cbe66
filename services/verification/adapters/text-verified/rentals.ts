import type { RawAnswer } from '#platform/json-http/index.ts';
import type {
  ExtendOutcome,
  FindOutcome,
  ListedRental,
  ListOutcome,
  MessagesOutcome,
  PriceOutcome,
  ReleaseOutcome,
  RentalMessage,
  RentalProvider,
  RentOutcome,
  Wanted,
} from '../../app/rental/ports.ts';
import type { Catalogue } from '../../domain/catalogue.ts';
import { idPattern, messageOf, pageOf } from './answers.ts';
import { parsed } from './fields.ts';
import { textVerifiedName } from './provider.ts';
import {
  endOfCycle,
  linkOf,
  priceIn,
  refusalOfQuestion,
  refusalOfRental,
  type RentalLine,
  rentalLineOf,
  saleOf,
} from './rental-answers.ts';
import { openSession, type Session, type SessionOptions } from './session.ts';

/** What it rents for; other durations are not offered. */
const durationOf: Readonly<Record<number, string>> = {
  24: 'oneDay',
  72: 'threeDay',
  168: 'sevenDay',
  336: 'fourteenDay',
  720: 'thirtyDay',
  2_160: 'ninetyDay',
  8_760: 'oneYear',
};
const maxPages = 400;

type Unknown = { readonly kind: 'unknown'; readonly detail: string };
const lost = (answer: RawAnswer, what: string): Unknown => ({
  kind: 'unknown',
  detail: answer.kind === 'answered' ? `HTTP ${answer.status} ${what}` : answer.detail,
});

const post = (session: Session, operation: string, path: string, body?: object, headers: Readonly<Record<string, string>> = {}) =>
  session.call(operation, {
    ...{ method: 'POST', path, headers: { ...headers, ...(body && { 'content-type': 'application/json' }) } },
    ...(body && { body: JSON.stringify(body) }),
  });

/**
 * Only rentals that end by themselves are bought: a renewable one is renewed by the provider when it likes, and charged to us without an
 * order of ours. A renewable one that somebody made there is read and given back; its renewals are ended with it.
 */
const wishOf = (serviceName: string, duration: string): object => ({
  ...{ serviceName, duration, isRenewable: false, numberType: 'mobile', capability: 'sms', alwaysOn: true },
});

/** The rental as it is now, of whichever kind: its reservation says where it stands. */
const look = async (
  session: Session,
  id: string,
): Promise<{ readonly kind: 'line'; readonly line: RentalLine; readonly path: string } | { readonly kind: 'absent' } | Unknown> => {
  const answer = await session.call('reservation', { path: `${session.base}/reservations/${id}` });
  // Its own 404 has words; a page's has none.
  if (answer.kind === 'answered' && answer.status === 404 && refusalOfRental(answer).kind === 'refused') return { kind: 'absent' };
  const path = session.pathOf(linkOf(answer));
  if (path === undefined) return lost(answer, 'is no link to a reservation');
  return lookAt(session, path);
};

const lookAt = async (session: Session, path: string) => {
  const answer = await session.call('rental', { path });
  const line = answer.kind === 'answered' && answer.status === 200 ? rentalLineOf(parsed(answer.body)) : undefined;
  if (line === undefined) return lost(answer, 'is no rental');
  if (line.endsAt !== undefined || line.billingCycleId === undefined) return { kind: 'line', line, path } as const;
  const cycle = await session.call('billingCycle', { path: `${session.base}/billing-cycles/${line.billingCycleId}` });
  const endsAt = endOfCycle(cycle);
  return endsAt === undefined ? lost(cycle, 'is no billing cycle') : ({ kind: 'line', line: { ...line, endsAt }, path } as const);
};

/** 201 says where the sale is, the sale where the rental is. Until that is read nobody knows the number. */
const rent = async (session: Session, serviceName: string, duration: string, orderId: string): Promise<RentOutcome> => {
  const body = { ...wishOf(serviceName, duration), allowBackOrderReservations: false };
  const answer = await post(session, 'rent', `${session.base}/reservations/rental`, body, { 'idempotency-key': orderId });
  if (answer.kind !== 'answered' || answer.status !== 201) return refusalOfRental(answer);
  const salePath = session.pathOf(answer.location);
  if (salePath === undefined) return { kind: 'unknown', detail: 'sold, but not said where' };
  const sale = saleOf(await session.call('sale', { path: salePath }));
  if (sale?.state === 'failed') return { kind: 'refused', reason: 'no_numbers', detail: 'the sale failed' };
  const path = session.pathOf(sale?.reservationHref);
  if (sale?.state !== 'succeeded' || path === undefined) return { kind: 'unknown', detail: 'sold, but the sale names no rental' };
  const found = await lookAt(session, path);
  if (found.kind !== 'line' || found.line.endsAt === undefined) return { kind: 'unknown', detail: 'sold, but it cannot be read' };
  const { id, phoneNumber, endsAt } = found.line;
  return { kind: 'granted', providerRentalId: id, phoneNumber, endsAt, costMicros: sale.costMicros };
};

/** An answer to the effect that it was done names no end: it is looked up, and without one nobody knows. */
const extend = async (session: Session, id: string, duration: string): Promise<ExtendOutcome> => {
  const before = await look(session, id);
  if (before.kind === 'unknown') return { kind: 'refused', reason: 'unreachable', detail: before.detail };
  if (before.kind === 'absent' || before.line.state !== 'active' || before.line.billingCycleId !== undefined)
    return { kind: 'refused', reason: 'not_offered', detail: 'there is no such running rental that can be extended' };
  const body = { rentalId: id, extensionDuration: duration };
  const answer = await post(session, 'extend', `${session.base}/reservations/rentals/extensions`, body);
  if (answer.kind !== 'answered' || answer.status !== 200) return refusalOfRental(answer);
  const now = await look(session, id);
  const [was, is] = [before.line.endsAt, now.kind === 'line' ? now.line.endsAt : undefined];
  // A page of somebody else with 200 has extended nothing.
  return is !== undefined && was !== undefined && is > was
    ? { kind: 'granted', endsAt: is }
    : { kind: 'unknown', detail: 'extended, but the end has not moved' };
};

const release = async (session: Session, id: string): Promise<ReleaseOutcome> => {
  const found = await look(session, id);
  if (found.kind === 'unknown') return found;
  if (found.kind === 'absent') return { kind: 'released', returned: false };
  const { state, refundHref, billingCycleId } = found.line;
  if (state !== 'active') return { kind: 'released', returned: state === 'returned' };
  const path = session.pathOf(refundHref);
  if (path !== undefined) {
    const answer = await post(session, 'refund', path);
    if (answer.kind === 'answered' && answer.status === 200) return afterRefund(session, id);
    if (answer.kind !== 'answered' || answer.status !== 400) return lost(answer, 'is no refund');
  }
  // It goes on to its end, which is paid. One that could be renewed must not be.
  if (billingCycleId !== undefined) {
    const excluded = await post(session, 'exclude', found.path, { includeForRenewal: false });
    if (excluded.kind !== 'answered' || excluded.status !== 200) return lost(excluded, 'did not end the renewals');
  }
  return { kind: 'released', returned: false };
};

/** The refund is a fact when the rental says so. */
const afterRefund = async (session: Session, id: string): Promise<ReleaseOutcome> => {
  const now = await look(session, id);
  if (now.kind !== 'line') return { kind: 'unknown', detail: 'the refund cannot be confirmed' };
  return now.line.state === 'returned'
    ? { kind: 'released', returned: true }
    : { kind: 'unknown', detail: 'asked for a refund, which has not come' };
};

const find = async (session: Session, id: string, listed: (line: RentalLine) => ListedRental): Promise<FindOutcome> => {
  const found = await look(session, id);
  if (found.kind !== 'line') return found;
  const { state, endsAt } = found.line;
  if (state !== 'active') return { kind: state };
  return endsAt === undefined
    ? { kind: 'unknown', detail: 'a rental without an end' }
    : { kind: 'active', rental: { ...listed(found.line), endsAt } };
};

/** Every page of one list, by the links of the answers; `enough` ends it early. */
const rowsOf = async (
  session: Session,
  operation: string,
  start: string,
  enough: (rows: readonly unknown[]) => boolean,
): Promise<readonly unknown[] | Unknown> => {
  const rows: unknown[] = [];
  let path: string | undefined = start;
  for (let index = 0; index < maxPages && path !== undefined; index++) {
    const answer = await session.call(operation, { path });
    const page = pageOf(answer);
    if (page === undefined) return lost(answer, 'is no list');
    rows.push(...page.rows);
    if (page.next === undefined || enough(page.rows)) return rows;
    path = session.pathOf(page.next);
  }
  return { kind: 'unknown', detail: 'the list has no end' };
};

const isUnknown = (value: readonly unknown[] | Unknown): value is Unknown => !Array.isArray(value);

/** Of the kind that we buy, newest first. The ends stand with each rental only. */
const list = async (session: Session, listed: (line: RentalLine) => ListedRental): Promise<ListOutcome> => {
  const rows = await rowsOf(session, 'rentals', `${session.base}/reservations/rental/nonrenewable`, () => false);
  if (isUnknown(rows)) return rows;
  const lines = rows.map((row) => rentalLineOf(row));
  if (lines.some((line) => line === undefined)) return { kind: 'unknown', detail: 'a rental that cannot be read' };
  return { kind: 'listed', rentals: lines.flatMap((line) => (line?.state === 'active' ? [listed(line)] : [])) };
};

const messages = async (session: Session, id: string, since: Date | undefined): Promise<MessagesOutcome> => {
  const read = (row: unknown): RentalMessage | undefined => {
    const message = messageOf(row);
    return message && { text: message.text, sender: message.sender, receivedAt: message.receivedAt };
  };
  const older = (rows: readonly unknown[]): boolean => {
    const oldest = read(rows.at(-1))?.receivedAt;
    return since !== undefined && oldest !== undefined && oldest < since;
  };
  const rows = await rowsOf(session, 'sms', `${session.base}/sms?reservationId=${id}`, older);
  if (isUnknown(rows)) return rows;
  const newestFirst = rows.map(read).filter((message) => message !== undefined);
  return { kind: 'listed', messages: newestFirst.toReversed() };
};

/** Rentals of TextVerified v2, numbers of the United States. */
export const createTextVerifiedRentals = (
  options: SessionOptions & { readonly catalogue: Catalogue },
): RentalProvider & { close(): Promise<void> } => {
  const session = openSession(options);
  const services = new Map(options.catalogue.services.map((row) => [row.providerCodes['textVerified'], row.code]));
  const notOffered = { kind: 'refused', reason: 'not_offered', detail: 'not offered by this provider' } as const;
  const termsOf = ({ service, country, hours }: Wanted) => {
    const [serviceName, duration] = [service.providerCodes['textVerified'], durationOf[hours]];
    const offered = country.providerCodes['textVerified'] !== undefined && serviceName !== undefined && duration !== undefined;
    return offered ? { serviceName, duration } : undefined;
  };
  const priceFor = async (serviceName: string, duration: string): Promise<PriceOutcome> => {
    const body = { ...wishOf(serviceName, duration), areaCode: false };
    const answer = await post(session, 'rentalPrice', `${session.base}/pricing/rentals`, body);
    const costMicros = priceIn(answer);
    return costMicros > 0n ? { kind: 'priced', costMicros } : refusalOfQuestion(answer);
  };
  const listed = (line: RentalLine): ListedRental => ({
    ...{ providerRentalId: line.id, phoneNumber: line.phoneNumber, service: services.get(line.serviceName), country: 'US' },
    ...{ startedAt: line.createdAt, endsAt: line.endsAt },
  });
  const own = <T>(id: string, otherwise: T, work: () => Promise<T>): Promise<T> =>
    idPattern.test(id) ? work() : Promise.resolve(otherwise);

  return {
    name: textVerifiedName,
    sells: (wanted) => termsOf(wanted) !== undefined,
    price: async (wanted) => {
      const terms = termsOf(wanted);
      return terms ? priceFor(terms.serviceName, terms.duration) : notOffered;
    },
    priceOfMore: ({ providerRentalId: id, hours }) =>
      own<PriceOutcome>(id, notOffered, async () => {
        const duration = durationOf[hours];
        if (duration === undefined) return notOffered;
        const found = await look(session, id);
        if (found.kind === 'unknown') return found;
        return found.kind === 'line' && found.line.state === 'active' ? priceFor(found.line.serviceName, duration) : notOffered;
      }),
    rent: async ({ orderId, ...wanted }) => {
      const terms = termsOf(wanted);
      return terms ? rent(session, terms.serviceName, terms.duration, orderId) : notOffered;
    },
    extend: ({ providerRentalId: id, hours }) => {
      const duration = durationOf[hours];
      return own<ExtendOutcome>(id, notOffered, async () => (duration === undefined ? notOffered : extend(session, id, duration)));
    },
    messages: (id, since) => own<MessagesOutcome>(id, { kind: 'ended' }, () => messages(session, id, since)),
    release: (id) => own<ReleaseOutcome>(id, { kind: 'released', returned: false }, () => release(session, id)),
    find: (id) => own<FindOutcome>(id, { kind: 'absent' }, () => find(session, id, listed)),
    list: () => list(session, listed),
    close: () => session.close(),
  };
};
