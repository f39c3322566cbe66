/**
 * What customers can be told: a public contract of its own, apart from the platform's internal events. A type is never
 * renamed and a field never removed; what must change gets another `version`. The platform's events hold no number, text
 * or code; a type with `details` gets them when it is first sent, from the service that has them.
 */
import { fromTypeId, toTypeId } from '#platform/ids/index.ts';

export interface EventType {
  readonly type: string;
  readonly version: number;
  readonly description: string;
  /** The `data` of an example. */
  readonly example: Data;
  /** Completed in the moment of the first attempt. */
  readonly details: boolean;
}
export type Data = Readonly<Record<string, string | number | boolean | null>>;

const sampleUuid = '01931c96-06ac-7972-a9b6-2cd9f0a1b2c3';
const ver = toTypeId('verification', sampleUuid);
const pay = toTypeId('payment', sampleUuid);
const cmp = toTypeId('campaign', sampleUuid);
const con = toTypeId('contact', sampleUuid);
const sub = toTypeId('subscription', sampleUuid);

const row = (type: string, description: string, example: Data, details = false): EventType => ({
  ...{ type, version: 1, description, example, details },
});
const phoneNumber = '+6281234567890';
const message = { code: '481516', text: 'Telegram code: 481516', sender: 'Telegram', receivedAt: '2026-11-21T08:29:58.250Z' };
const rental = {
  ...{ rentalId: toTypeId('rental', sampleUuid), service: 'telegram', country: 'ID', duration: '30d', autoRenew: true },
  endsAt: '2026-12-21T08:30:00.000Z',
};
const price = { price: '27.00', currency: 'USD' };
const verification = { verificationId: ver, service: 'telegram', country: 'ID' };

export const testType = 'webhook.test';

export const eventTypes: readonly EventType[] = [
  row(
    'verification.created',
    'A number was bought and waits for its code.',
    { ...verification, capability: 'sms', price: '0.45', currency: 'USD', expiresAt: '2026-11-21T08:50:00.000Z', phoneNumber },
    true,
  ),
  row(
    'verification.code_received',
    'A code has arrived. code and text are null when the message has been deleted meanwhile.',
    { ...verification, price: '0.45', currency: 'USD', latencyMs: 8250, phoneNumber, ...message },
    true,
  ),
  row(
    'verification.late_code_received',
    'A code came after the number had ended and its price was given back, and your plan shows it. price is what was charged for it anew. The status stays.',
    { ...verification, price: '0.00', currency: 'USD', lateByMs: 45_000, phoneNumber, ...message },
    true,
  ),
  row('verification.completed', 'The verification is over; no further message is expected.', verification),
  row('verification.cancelled', 'It was cancelled and the price given back.', verification),
  row('verification.expired', 'No code came in time; the price was given back.', verification),
  row('verification.failed', 'No number could be had; the price was given back.', { ...verification, reason: 'no_numbers' }),
  row('verification.batch_completed', 'Every number of a bulk order has its end; told once.', {
    ...{ batchId: toTypeId('batch', sampleUuid), total: 20, received: 17, cancelled: 0, expired: 2, failed: 1 },
    ...{ reserved: '9.00', charged: '7.65', currency: 'USD' },
  }),
  row('rental.started', 'A number was rented and charged.', { ...rental, ...price, phoneNumber }, true),
  row(
    'rental.message_received',
    'A message came to a rented number. text is null when it has been deleted meanwhile.',
    {
      ...{ ...rental, messageId: toTypeId('message', sampleUuid), phoneNumber },
      ...{ text: message.text, sender: message.sender, receivedAt: message.receivedAt },
    },
    true,
  ),
  row('rental.extended', 'A rental was extended, as you asked.', { ...rental, ...price }),
  row('rental.renewed', 'A rental was renewed by itself.', { ...rental, ...price }),
  row('rental.expiring', 'A rental ends soon; with autoRenew it is renewed before.', rental),
  row('rental.renewal_failed', 'A rental could not be renewed, and is not tried again: extend it before it ends.', {
    ...{ ...rental, autoRenew: false, reason: 'insufficient_credit' },
  }),
  row('rental.released', 'A rental was given back before its end; refunded went back to the wallet.', {
    ...{ ...rental, refunded: '13.25', currency: 'USD' },
  }),
  row('rental.expired', 'A rental came to its end.', rental),
  row('rental.failed', 'No number could be had; the price was given back.', { ...rental, endsAt: null, reason: 'no_numbers' }),
  row('payment.succeeded', 'A payment arrived and the wallet was credited.', {
    ...{ paymentId: pay, gateway: 'stripe', amount: '50.00', currency: 'USD' },
  }),
  row('payment.failed', 'A payment did not succeed.', { paymentId: pay, gateway: 'stripe', reason: 'declined' }),
  row('document.issued', 'An invoice, credit note or receipt can be read.', {
    ...{ documentId: toTypeId('document', sampleUuid), kind: 'invoice', number: 'INV-2026-000001', total: '49.00', currency: 'USD' },
  }),
  row('subscription.plan_changed', 'The plan is another one from now on.', { subscriptionId: sub, plan: 'pro', previousPlan: 'starter' }),
  row('subscription.renewed', 'A period was paid.', {
    ...{ subscriptionId: sub, plan: 'pro', interval: 'month', amount: '49.00', currency: 'USD' },
    ...{ periodStart: '2026-11-21T00:00:00.000Z', periodEnd: '2026-12-21T00:00:00.000Z' },
  }),
  row('subscription.payment_failed', 'The credit does not suffice for the next period.', {
    ...{ subscriptionId: sub, plan: 'pro', amount: '49.00', currency: 'USD', attempt: 1, nextAttemptAt: '2026-11-22T00:00:00.000Z' },
  }),
  row('subscription.ended', 'The plan has ended.', { subscriptionId: sub, plan: 'pro', reason: 'cancelled' }),
  row('usage_alert.crossed', 'A figure crossed the threshold of an alert.', {
    ...{ alertId: toTypeId('usageAlert', sampleUuid), name: 'Balance is low', metric: 'wallet_balance', meter: null },
    ...{ direction: 'down', threshold: '10.00', value: '9.55', number: 1 },
  }),
  row('spending.paused', 'Nothing more can be spent until spending is resumed.', { source: 'tenant', reason: '' }),
  row('spending.resumed', 'Spending is possible again.', { source: 'tenant' }),
  row('campaign.launched', 'A campaign has begun to send.', { campaignId: cmp, planned: 1200, estimatedCost: '9.00', currency: 'USD' }),
  row('campaign.completed', 'Nothing is left to send.', { campaignId: cmp, charged: '8.97', currency: 'USD' }),
  row('campaign.cancelled', 'A campaign was stopped before its end.', { campaignId: cmp, charged: '3.10', currency: 'USD' }),
  row('contact.opted_out', 'A contact wants no more messages.', { contactId: con }),
  row('contact.opted_in', 'A contact wants messages again.', { contactId: con }),
  row(testType, 'Sent by POST /v2/webhooks/{id}/test, whatever the endpoint has subscribed to.', { message: 'It works.' }),
];

const known = new Map(eventTypes.map((eventType) => [eventType.type, eventType]));

/** @throws when there is none: a mistake of ours */
export const eventTypeOf = (type: string): EventType => {
  const found = known.get(type);
  if (found === undefined) throw new Error(`no public event type ${type}`);
  return found;
};

/** The filters that let a type through: everything, its family, itself. */
export const filtersOf = (type: string): readonly string[] => ['*', `${type.slice(0, type.indexOf('.'))}.*`, type];

/** Every filter an endpoint may have; one that could never match is refused rather than silently kept. */
const filters = new Set(eventTypes.filter(({ type }) => type !== testType).flatMap(({ type }) => filtersOf(type)));
export const isFilter = (text: string): boolean => filters.has(text);

export interface PublicEvent {
  /** Of the platform's event: the same for every endpoint, repetition and replay. */
  readonly eventId: string;
  readonly tenantId: string;
  readonly type: string;
  readonly occurredAt: Date;
  /** Rises with each change of the object the event is about: what is older than what you know can be ignored. */
  readonly sequence: number;
  readonly data: Data;
}

/** The text that is signed and sent; without details as long as they are not known. */
export const bodyOf = ({ eventId, type, occurredAt, sequence, data }: PublicEvent): string =>
  JSON.stringify({
    id: toTypeId('event', eventId),
    ...{ type, version: eventTypeOf(type).version, timestamp: occurredAt.toISOString(), sequence, data },
  });

/** What somebody other than the receiver may see of a body: whoever reads the log of deliveries need not have the right to the codes. */
const hidden: ReadonlySet<string> = new Set(['code', 'text', 'sender', 'phoneNumber']);
interface Body {
  readonly data: Data;
}
export const maskedBody = (body: string): string => {
  const parsed = JSON.parse(body) as Body;
  const data = Object.entries(parsed.data).map(([name, value]) => [name, hidden.has(name) && value !== null ? '***' : value]);
  return JSON.stringify({ ...parsed, data: Object.fromEntries(data) });
};

export type Subject =
  | { readonly kind: 'verification'; readonly id: string }
  /** messageId: the message that is told; undefined: none is. */
  | { readonly kind: 'rental'; readonly id: string; readonly messageId: string | undefined };

/** @returns what a body without its details is about */
export const subjectOf = (body: string): Subject => {
  const { data } = JSON.parse(body) as Body;
  const uuidOf = (kind: 'verification' | 'rental' | 'message'): string | undefined => {
    const id = data[`${kind}Id`];
    return typeof id === 'string' ? fromTypeId(kind, id) : undefined;
  };
  const [verificationId, rentalId] = [uuidOf('verification'), uuidOf('rental')];
  if (verificationId !== undefined) return { kind: 'verification', id: verificationId };
  if (rentalId === undefined) throw new Error('a body that wants details names nothing that has them');
  return { kind: 'rental', id: rentalId, messageId: uuidOf('message') };
};

export interface ReceivedMessage {
  readonly code: string;
  readonly text: string;
  readonly sender: string;
  readonly receivedAt: Date;
}
export interface NumberDetails {
  readonly phoneNumber: string;
  /** Oldest first; of a rental, the one that is told. */
  readonly messages: readonly ReceivedMessage[];
}

const orNull = (text: string | undefined): string | null => (text === undefined || text === '' ? null : text);

/** @param details undefined when nobody has them any more: the fields are there, and null */
export const completeBody = (body: string, details: NumberDetails | undefined): string => {
  const parsed = JSON.parse(body) as Body & { readonly type: string; readonly timestamp: string };
  const phone = { phoneNumber: orNull(details?.phoneNumber) };
  const isCode = parsed.type === 'verification.code_received' || parsed.type === 'verification.late_code_received';
  if (!isCode && parsed.type !== 'rental.message_received') return JSON.stringify({ ...parsed, data: { ...parsed.data, ...phone } });
  // A second code may have come since: the event is about the one that was there when it happened.
  const happenedAt = Date.parse(parsed.timestamp);
  const messages = details?.messages ?? [];
  const message = messages.findLast(({ receivedAt }) => receivedAt.getTime() <= happenedAt) ?? messages[0];
  const code = isCode ? { code: orNull(message?.code) } : {};
  const data = {
    ...parsed.data,
    ...phone,
    ...code,
    text: orNull(message?.text),
    sender: orNull(message?.sender),
    receivedAt: message?.receivedAt.toISOString() ?? null,
  };
  return JSON.stringify({ ...parsed, data });
};
