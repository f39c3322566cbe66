/**
 * What every replica of the gateway must hear at once: ended sessions, revoked keys, changed plans. Ephemeral subscriptions from
 * now on; whatever is missed while disconnected is bounded by the short life of the caches.
 */
import { events } from '#events';
import type { Bus, ReceivedEvent } from '#platform/messaging/index.ts';

export interface AuthChanges {
  endSession(sessionId: string): void;
  revokeKey(keyId: string): void;
  changePlan(tenantId: string, plan: string): void;
}

/** Closing it ends the subscription. */
const following = async (stop: Promise<() => Promise<void>>) => ({ close: await stop });

export const followAuth = (bus: Bus, changes: AuthChanges) =>
  following(
    bus.follow('namaskah.auth.v1.>', (event: ReceivedEvent<unknown>) => {
      switch (event.subject) {
        case events.auth.sessionEnded.subject:
          return changes.endSession(events.auth.sessionEnded.codec.fromJSON(event.payload).sessionId);
        case events.auth.apiKeyRevoked.subject:
          return changes.revokeKey(events.auth.apiKeyRevoked.codec.fromJSON(event.payload).keyId);
        case events.auth.tenantPlanChanged.subject: {
          const { tenantId, plan } = events.auth.tenantPlanChanged.codec.fromJSON(event.payload);
          return changes.changePlan(tenantId, plan);
        }
        default:
          return undefined;
      }
    }),
  );

/** So are stock and prices of what has changed in the market. */
export const followMarket = (bus: Bus, cache: { forgetMarket(services: readonly string[] | 'all'): void }) =>
  following(
    bus.follow(events.verification.marketChanged.subject, (event: ReceivedEvent<unknown>) => {
      const { everything, offers } = events.verification.marketChanged.codec.fromJSON(event.payload);
      cache.forgetMarket(everything ? 'all' : offers.map(({ service }) => service));
    }),
  );

/** Answers of the catalogue that are kept are of another one from now on. */
export const followCatalogue = (bus: Bus, cache: { forget(): void }) =>
  following(bus.follow(events.verification.catalogueChanged.subject, () => cache.forget()));
