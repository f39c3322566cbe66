import { formatDecimal } from '#platform/money/index.ts';
import type { AcquireOutcome, ActiveOutcome, AnotherOutcome, CancelOutcome, NumberProvider, StatusOutcome } from '../../app/ports.ts';
import type { Catalogue } from '../../domain/catalogue.ts';
import { canChoose, type Chosen } from '../../domain/choices.ts';
import { idPattern, type Line, lineOf, looked, messageOf, pageOf, purchaseRefusal } from './answers.ts';
import { openSession, type Session, type SessionOptions } from './session.ts';

/** Its name in configuration, callbacks and rows. */
export const textVerifiedName = 'textverified';

/** yes, no or unknown: what a dashboard wants to know of an outcome. */
const shortOf = (kind: string): string => (kind === 'unknown' ? 'unknown' : ['refused', 'early', 'absent'].includes(kind) ? 'no' : 'yes');

const maxPages = 400;

const read = async (session: Session, path: string) => looked(await session.call('read', { path }));

interface Order {
  readonly orderId: string;
  readonly serviceName: string;
  readonly maxPrice: string;
  readonly chosen: Chosen;
  readonly capability: string;
}

/** A price is a JSON number in this API: its decimal text, without a detour over a float. */
const bodyOf = ({ serviceName, maxPrice, chosen, capability }: Order): string => {
  const [carrier, area] = [chosen.operator?.providerCodes['textVerified'], chosen.areaCode?.providerCodes['textVerified']];
  const options = { ...(carrier && { carrierSelectOption: [carrier] }), ...(area && { areaCodeSelectOption: [area] }) };
  const fields = JSON.stringify({ serviceName, capability, ...options });
  return `${fields.slice(0, -1)},"maxPrice":${maxPrice}}`;
};

/** 201 says only where the verification is; a second call says what it is. Without that one nobody knows the number. */
const acquire = async (session: Session, order: Order): Promise<AcquireOutcome> => {
  const answer = await session.call('create', {
    method: 'POST',
    path: `${session.base}/verifications`,
    headers: { 'content-type': 'application/json', 'idempotency-key': order.orderId },
    body: bodyOf(order),
  });
  if (answer.kind !== 'answered' || answer.status !== 201) {
    const refused = purchaseRefusal(answer);
    if (refused !== undefined) return { kind: 'refused', ...refused };
    return { kind: 'unknown', detail: answer.kind === 'answered' ? `HTTP ${answer.status} without a known answer` : answer.detail };
  }
  const path = session.pathOf(answer.location);
  if (path === undefined) return { kind: 'unknown', detail: 'created, but not said where' };
  const found = await read(session, path);
  if (found.kind !== 'line') return { kind: 'unknown', detail: 'created, but it cannot be read' };
  const { id, phoneNumber, costMicros, endsAt } = found.line;
  return { kind: 'granted', activationId: id, phoneNumber, costMicros, expiresAt: endsAt };
};

const verificationPath = (session: Session, id: string): string => `${session.base}/verifications/${id}`;

/** A number has texts or calls, whatever it was rented for: calls are asked for when there is no text. */
const lastMessage = async (session: Session, id: string): Promise<StatusOutcome> => {
  for (const list of ['sms', 'calls'] as const) {
    const page = pageOf(await session.call(list, { path: `${session.base}/${list}?reservationId=${id}` }));
    if (page === undefined) return { kind: 'unknown', detail: 'no readable list of messages' };
    const messages = page.rows.map((row) => messageOf(row)).filter((message) => message !== undefined);
    const newest = messages.toSorted((a, b) => (b.receivedAt?.getTime() ?? 0) - (a.receivedAt?.getTime() ?? 0)).at(0);
    if (newest !== undefined) return { kind: 'code', message: newest };
  }
  return { kind: 'unknown', detail: 'completed without a message' };
};

const status = async (session: Session, id: string): Promise<StatusOutcome> => {
  const found = await read(session, verificationPath(session, id));
  if (found.kind !== 'line') return found;
  if (found.line.state === 'completed') return lastMessage(session, id);
  return { kind: found.line.state === 'pending' ? 'waiting' : 'cancelled' };
};

/** @param how `report` is the cancellation of a number that is bad */
const giveBack = async (session: Session, id: string, how: 'cancel' | 'report'): Promise<CancelOutcome> => {
  const answer = await session.call(how, { method: 'POST', path: `${verificationPath(session, id)}/${how}` });
  if (answer.kind !== 'answered') return { kind: 'unknown', detail: answer.detail };
  if (answer.status === 200 && answer.body.trim() === '') return { kind: 'cancelled' };
  if (answer.status !== 400 && answer.status !== 404) return { kind: 'unknown', detail: `HTTP ${answer.status} without a known answer` };
  // "Does not allow cancellation" says nothing of why.
  const now = await status(session, id);
  switch (now.kind) {
    case 'code':
      return { kind: 'code', message: now.message };
    case 'cancelled':
    case 'finished':
      return { kind: 'cancelled' };
    case 'waiting':
      return { kind: 'early', retryAfterMs: undefined };
    case 'absent':
      return { kind: 'absent' };
    case 'unknown':
      return now;
  }
};

/**
 * A verification takes one message: a further one needs a new verification on the same number. It is looked at before it is asked for: after
 * a lost answer it says that it goes on elsewhere, and where is found by the number, so that nothing is bought twice.
 */
const requestAnother = async (session: Session, id: string): Promise<AnotherOutcome> => {
  const before = await read(session, verificationPath(session, id));
  if (before.kind === 'unknown') return before;
  if (before.kind === 'absent') return { kind: 'refused', detail: 'there is no such verification' };
  if (before.line.succeeded) return successorOf(session, before.line);
  if (!before.line.canReactivate) return { kind: 'refused', detail: 'it cannot be reactivated' };
  const answer = await session.call('reactivate', {
    method: 'POST',
    path: `${verificationPath(session, id)}/reactivate`,
    headers: { 'idempotency-key': `another:${id}` },
  });
  if (answer.kind !== 'answered' || answer.status !== 201) {
    const refused = purchaseRefusal(answer);
    if (refused !== undefined) return { kind: 'refused', detail: refused.detail };
    return { kind: 'unknown', detail: answer.kind === 'answered' ? `HTTP ${answer.status} without a known answer` : answer.detail };
  }
  const path = session.pathOf(answer.location);
  const found = path === undefined ? undefined : await read(session, path);
  return found?.kind === 'line'
    ? { kind: 'asked', activationId: found.line.id }
    : { kind: 'unknown', detail: 'reactivated, but it cannot be read' };
};

const successorOf = async (session: Session, line: Line): Promise<AnotherOutcome> => {
  const lines = await linesSince(session, line.createdAt ?? new Date(0));
  if (!Array.isArray(lines)) return lines;
  const next = lines.find(
    ({ id, phoneNumber, state, succeeded }) => id !== line.id && phoneNumber === line.phoneNumber && state !== 'ended' && !succeeded,
  );
  return next === undefined ? { kind: 'refused', detail: 'what it goes on as has ended' } : { kind: 'asked', activationId: next.id };
};

/** Newest first, page after page back to `since`, by the links of the answers. */
const linesSince = async (session: Session, since: Date): Promise<Line[] | { kind: 'unknown'; detail: string }> => {
  const lines = new Map<string, Line>();
  let path: string | undefined = `${session.base}/verifications`;
  for (let index = 0; index < maxPages && path !== undefined; index++) {
    const answer = await session.call('list', { path });
    const page = pageOf(answer);
    const rows = page?.rows.map((row) => lineOf(row));
    if (page === undefined || rows === undefined || rows.some((row) => row === undefined))
      return { kind: 'unknown', detail: answer.kind === 'answered' ? `HTTP ${answer.status} is no list` : answer.detail };
    for (const row of rows) if (row !== undefined) lines.set(row.id, row);
    const last = rows.at(-1)?.createdAt;
    const reached = page.next === undefined || (last !== undefined && last < since);
    if (reached) return [...lines.values()];
    path = session.pathOf(page.next);
  }
  return { kind: 'unknown', detail: 'the list has no end' };
};

const listActive = async (session: Session, services: ReadonlyMap<string | undefined, string>, since: Date): Promise<ActiveOutcome> => {
  const lines = await linesSince(session, since);
  if (!Array.isArray(lines)) return lines;
  return { kind: 'listed', activations: lines.filter(({ state, succeeded }) => state !== 'ended' && !succeeded).map(activeOf(services)) };
};

const activeOf = (services: ReadonlyMap<string | undefined, string>) => (line: Line) => ({
  activationId: line.id,
  service: services.get(line.serviceName),
  country: 'US',
  phoneNumber: line.phoneNumber,
  costMicros: line.costMicros,
  startedAt: line.createdAt,
  expiresAt: line.endsAt,
  // Not shown again by the API, although it is sent with the purchase.
  orderId: undefined,
});

/** TextVerified v2: numbers of the United States. A verification ends by itself with its message: there is nothing to finish. */
export const createTextVerifiedProvider = (
  options: SessionOptions & { readonly catalogue: Catalogue },
): NumberProvider & { close(): Promise<void> } => {
  const session = openSession(options);
  const services = new Map(options.catalogue.services.map((row) => [row.providerCodes['textVerified'], row.code]));
  const requests = options.metrics?.counter('verification_provider_requests_total');
  const counted = async <T extends { readonly kind: string }>(operation: string, work: Promise<T>): Promise<T> => {
    const outcome = await work;
    requests?.inc({ provider: textVerifiedName, operation, outcome: shortOf(outcome.kind) });
    return outcome;
  };
  const own = <T>(id: string, otherwise: T, work: () => Promise<T>): Promise<T> =>
    idPattern.test(id) ? work() : Promise.resolve(otherwise);
  const absent = { kind: 'absent' } as const;
  const noSuch = { kind: 'refused', detail: 'there is no such verification' } as const;
  return {
    name: textVerifiedName,
    cancelAfterMs: 0,
    acquire: async ({ orderId, service, country, maxPrice, chosen = {}, capability = 'sms' }) => {
      const serviceName = service.providerCodes['textVerified'];
      if (serviceName === undefined || country.providerCodes['textVerified'] === undefined || !canChoose('textVerified', chosen))
        return { kind: 'refused', reason: 'not_offered', detail: 'no code at this provider' };
      return counted('acquire', acquire(session, { orderId, serviceName, maxPrice: formatDecimal(maxPrice.micros), chosen, capability }));
    },
    status: (id) => own(id, absent, () => counted('status', status(session, id))),
    cancel: (id) => own(id, absent, () => counted('cancel', giveBack(session, id, 'cancel'))),
    report: (id) => own(id, absent, () => counted('report', giveBack(session, id, 'report'))),
    requestAnother: (id) => own(id, noSuch, () => counted('another', requestAnother(session, id))),
    finish: () => Promise.resolve({ kind: 'done' }),
    listActive: (since) => counted('listActive', listActive(session, services, since)),
    close: () => session.close(),
  };
};
