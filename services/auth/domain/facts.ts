import type { EndReason } from './session.ts';

/** What auth tells the rest of the platform. The names are those of `events.auth`; nothing secret or personal. */
interface FactPayloads {
  readonly tenantRegistered: { readonly tenantId: string; readonly plan: string };
  readonly tenantPlanChanged: { readonly tenantId: string; readonly plan: string };
  readonly userRegistered: { readonly userId: string; readonly tenantId: string; readonly role: string };
  readonly emailVerificationRequested: { readonly userId: string };
  readonly emailVerified: { readonly userId: string };
  readonly memberInvited: { readonly invitationId: string; readonly role: string };
  readonly apiKeyCreated: { readonly keyId: string; readonly scopes: string[] };
  readonly apiKeyRevoked: { readonly keyId: string };
  readonly sessionEnded: { readonly sessionId: string; readonly userId: string; readonly reason: string };
}

export type FactName = keyof FactPayloads;

export type Fact = {
  [Name in FactName]: {
    readonly name: Name;
    readonly tenantId: string;
    readonly aggregateId: string;
    readonly aggregateVersion: number;
    readonly occurredAt: Date;
    readonly payload: FactPayloads[Name];
  };
}[FactName];

interface Occasion {
  readonly tenantId: string;
  readonly at: Date;
  /** Of the aggregate, after this fact; 1 when it was made by it. */
  readonly version?: number;
}

const occasion = ({ tenantId, at, version = 1 }: Occasion) => ({ tenantId, aggregateVersion: version, occurredAt: at });

export const tenantRegistered = (o: Occasion, plan: string): Fact => ({
  name: 'tenantRegistered',
  ...occasion(o),
  aggregateId: o.tenantId,
  payload: { tenantId: o.tenantId, plan },
});
export const tenantPlanChanged = (o: Occasion, plan: string): Fact => ({
  name: 'tenantPlanChanged',
  ...occasion(o),
  aggregateId: o.tenantId,
  payload: { tenantId: o.tenantId, plan },
});
export const userRegistered = (o: Occasion, userId: string, role: string): Fact => ({
  name: 'userRegistered',
  ...occasion(o),
  aggregateId: userId,
  payload: { userId, tenantId: o.tenantId, role },
});
export const emailVerificationRequested = (o: Occasion, userId: string): Fact => ({
  name: 'emailVerificationRequested',
  ...occasion(o),
  aggregateId: userId,
  payload: { userId },
});
export const emailVerified = (o: Occasion, userId: string): Fact => ({
  name: 'emailVerified',
  ...occasion(o),
  aggregateId: userId,
  payload: { userId },
});
export const memberInvited = (o: Occasion, invitationId: string, role: string): Fact => ({
  name: 'memberInvited',
  ...occasion(o),
  aggregateId: invitationId,
  payload: { invitationId, role },
});
export const apiKeyCreated = (o: Occasion, keyId: string, scopes: readonly string[]): Fact => ({
  name: 'apiKeyCreated',
  ...occasion(o),
  aggregateId: keyId,
  payload: { keyId, scopes: [...scopes] },
});
export const apiKeyRevoked = (o: Occasion, keyId: string): Fact => ({
  name: 'apiKeyRevoked',
  ...occasion({ ...o, version: 2 }),
  aggregateId: keyId,
  payload: { keyId },
});
export const sessionEnded = (o: Occasion, session: { readonly id: string; readonly userId: string }, reason: EndReason): Fact => ({
  name: 'sessionEnded',
  ...occasion(o),
  aggregateId: session.id,
  payload: { sessionId: session.id, userId: session.userId, reason },
});
