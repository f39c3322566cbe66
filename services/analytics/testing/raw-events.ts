import { headers as newHeaders } from '@nats-io/transport-node';
import { newId } from '#platform/ids/index.ts';
import { type Bus, header } from '#platform/messaging/index.ts';

/** An event as it lies in a stream. */
export interface RawEvent {
  readonly id: string;
  readonly subject: string;
  readonly tenantId: string;
  readonly aggregateId: string;
  readonly occurredAt: Date;
  /** proto3-JSON */
  readonly payload: object;
}

export const rawEvent = (subject: string, tenantId: string, occurredAt: Date, payload: object): RawEvent => ({
  id: newId(),
  subject,
  tenantId,
  aggregateId: newId(),
  occurredAt,
  payload,
});

/** Publishes without a message id: the stream drops no duplicate, as after its window of deduplication. */
export const publishRaw = async (
  bus: Bus,
  { id, subject, tenantId, aggregateId, occurredAt, payload }: RawEvent,
  body = JSON.stringify(payload),
): Promise<void> => {
  const headers = newHeaders();
  const facts = { [header.id]: id, [header.type]: subject, [header.aggregateId]: aggregateId, [header.tenant]: tenantId };
  for (const [name, value] of Object.entries({ ...facts, [header.time]: occurredAt.toISOString(), [header.version]: '1' }))
    headers.set(name, value);
  await bus.jetstream.publish(subject, body, { headers, timeout: 10_000 });
};

const chunk = 500;

/** Publishes all, in their order as far as a stream keeps it. */
export const publishAllRaw = async (bus: Bus, events: readonly RawEvent[]): Promise<void> => {
  for (let at = 0; at < events.length; at += chunk) await Promise.all(events.slice(at, at + chunk).map((event) => publishRaw(bus, event)));
};

const service = (at: number): string => ['telegram', 'whatsapp', 'google', 'uber'][at % 4] ?? '';
const money = (micros: number): object => ({ currency: 'USD', micros: String(micros) });

/** A mixture as a busy day brings it, over several tenants and spread over `spanMs` before `until`. */
export const busyDay = (count: number, tenants: readonly string[], until: Date, spanMs: number): RawEvent[] => {
  const step = spanMs / count;
  return Array.from({ length: count }, (_, at) => {
    const tenantId = tenants[Math.floor(at / 5) % tenants.length] ?? '';
    const occurredAt = new Date(until.getTime() - spanMs + Math.floor(at * step));
    const verification = {
      verificationId: newId(),
      service: service(Math.floor(at / 5)),
      country: 'ID',
      provider: 'p',
      holdId: newId(),
      price: money(300_000),
    };
    switch (at % 5) {
      case 0:
        return rawEvent('namaskah.verification.v1.activation.purchased', tenantId, occurredAt, {
          ...verification,
          capability: 'sms',
          providerCost: money(200_000),
        });
      case 1:
        return rawEvent('namaskah.verification.v1.activation.code-received', tenantId, occurredAt, { ...verification, latencyMs: '1500' });
      case 2:
        return rawEvent('namaskah.billing.v1.hold.captured', tenantId, occurredAt, {
          holdId: newId(),
          product: 'verification',
          reference: newId(),
          amount: money(300_000),
        });
      case 3:
        return rawEvent('namaskah.campaign.v1.campaign.messages-progressed', tenantId, occurredAt, {
          campaignId: newId(),
          submitted: '20',
          delivered: '18',
          failed: '2',
        });
      default:
        return rawEvent('namaskah.auth.v1.session.ended', tenantId, occurredAt, { sessionId: newId(), userId: newId(), reason: 'logout' });
    }
  });
};
