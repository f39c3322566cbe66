import { events } from '#events';
import { type OutboxRow, outboxRow } from '#platform/messaging/outbox.ts';
import type { DomainEvent, Verification } from '../../domain/verification.ts';

const facts = <P>(verification: Verification, occurredAt: Date, payload: P) => ({
  tenantId: verification.tenantId,
  aggregateId: verification.id,
  aggregateVersion: verification.version,
  occurredAt,
  payload,
});

const money = (verification: Verification, micros: bigint) => ({ currency: verification.currency, micros });

/** A domain event as its outbox row. No code, text, number or customer goes along. */
export const outboxRowOf =
  (now: () => Date) =>
  (event: DomainEvent): OutboxRow => {
    const v = event.verification;
    const common = { verificationId: v.id, service: v.service, country: v.country, provider: v.provider };
    const holdId = v.holdId ?? '';
    const at = now();
    switch (event.kind) {
      case 'purchased':
        return outboxRow(
          events.verification.purchased,
          facts(v, at, {
            ...common,
            capability: v.capability,
            price: money(v, v.priceMicros),
            providerCost: money(v, v.providerCostMicros ?? 0n),
            holdId,
            expiresAt: v.expiresAt,
          }),
        );
      case 'codeReceived':
        return outboxRow(
          events.verification.codeReceived,
          facts(v, at, {
            ...common,
            holdId: event.charge?.holdId ?? '',
            price: money(v, event.charge?.priceMicros ?? 0n),
            latencyMs: BigInt(Math.round(event.latencyMs)),
            position: v.codes,
            // The provider is owed once for a number, whatever comes on it.
            ...(v.providerCostMicros !== undefined && v.codes <= 1 && { providerCost: money(v, v.providerCostMicros) }),
          }),
        );
      case 'lateCodeReceived':
        return outboxRow(
          events.verification.lateCodeReceived,
          facts(v, at, {
            ...common,
            holdId: event.charge?.holdId ?? '',
            price: money(v, event.charge?.priceMicros ?? 0n),
            lateByMs: BigInt(Math.round(event.lateByMs)),
            position: v.codes,
          }),
        );
      case 'anotherEnded':
        return outboxRow(events.verification.anotherEnded, facts(v, at, { ...common, holdId: event.holdId ?? '' }));
      case 'completed':
        return outboxRow(events.verification.completed, facts(v, at, common));
      case 'cancelled':
        return outboxRow(events.verification.cancelled, facts(v, at, { ...common, holdId, reason: v.reason ?? '' }));
      case 'expired':
        return outboxRow(events.verification.expired, facts(v, at, { ...common, holdId }));
      case 'failed':
        return outboxRow(events.verification.failed, facts(v, at, { ...common, holdId, reason: v.reason ?? '' }));
    }
  };
