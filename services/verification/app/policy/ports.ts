import type { PolicyClass } from '../../domain/catalogue.ts';
import type { KycLevel, OwnLimits, Standing } from '../../domain/policy/rules.ts';
import type { Verification } from '../../domain/verification.ts';
import type { Usage } from '../../domain/policy/usage.ts';

/** What a purchase asks of policy before it has a price; all else is decided where the purchase is written. */
export interface PolicyGate {
  /** An operator's word about a service for this tenant, if there is one. */
  ownClass(tenantId: string, service: string): Promise<PolicyClass | undefined>;
  /** Writes down that a blocked service was asked for. */
  recordBlocked(tenantId: string, service: string, country: string): Promise<void>;
  /** Providers that are switched off, as this process knows it; the statement that writes a purchase knows it exactly. */
  providersOff(): readonly string[];
  /** Looks anew which are. */
  refreshSwitches(): Promise<void>;
  /** Why an inbound message must not be seen: the rule of the screen; undefined: it may. */
  screen(service: string, message: { readonly sender: string; readonly text: string }): string | undefined;
  /** Writes down, once for each message, that it is withheld. */
  recordWithheld(
    number: Pick<Verification, 'id' | 'tenantId' | 'service' | 'provider'>,
    reason: string,
    kind?: 'verification' | 'rental',
  ): Promise<void>;
}

/** A number that was bought and may not be kept. */
export interface NumberReturn {
  readonly provider: string;
  readonly activationId: string;
  readonly verificationId: string;
  readonly tenantId: string;
  readonly attempts: number;
  readonly giveUpAt: Date;
}

export type LeaseAnswer = 'leased' | 'taken' | 'unfit';

export interface NumberLeases {
  /**
   * leased: the number is this verification's now, for its service; asked again, too. taken: it is somebody else's at this moment. unfit: it was
   * sold for this service before, or is banned for it, or the verification replaces one with this very number.
   */
  lease(
    verification: Pick<Verification, 'id' | 'tenantId' | 'service' | 'createdAt'> & { readonly retryOf?: string | undefined },
    phoneNumber: string,
  ): Promise<LeaseAnswer>;
  /** What stands for the number where it is leased together with a grant. */
  hash: HashNumber;
  /** Writes down what must go back to the provider, before it is asked. */
  keepReturn(due: NumberReturn, dueAt: Date): Promise<void>;
  dropReturn(due: Pick<NumberReturn, 'provider' | 'activationId'>): Promise<void>;
  /** Leases what is due until then. */
  claimReturns(now: Date, until: Date, limit: number): Promise<readonly NumberReturn[]>;
}

export interface TenantPolicy {
  readonly tenantId: string;
  readonly standing: Standing;
  /** What the tenant stated it rents numbers for. */
  readonly kycPurpose: string;
  readonly usage: Usage;
  /** Numbers that are rented, or being rented. */
  readonly openRentals: number;
  /** Used of those that the success floor allows, since then. */
  readonly acknowledgements: number;
  readonly acknowledgedSince: Date | undefined;
  /** Services that an operator has put into another class for this tenant. */
  readonly ownClasses: readonly { readonly service: string; readonly policyClass: PolicyClass }[];
}

/** Who does something, why and when: written down with what was done, in the same transaction. */
export interface Act {
  readonly actor: string;
  readonly note: string;
  readonly at: Date;
}

export interface TenantPolicies {
  /** A tenant that was never seen has the standing of a new one. */
  find(tenantId: string, at: Date): Promise<TenantPolicy>;
  setKyc(tenantId: string, level: KycLevel, purpose: string, act: Act): Promise<void>;
  /** Replaces all of the tenant's own limits. */
  setLimits(tenantId: string, limits: OwnLimits, act: Act): Promise<void>;
  /** undefined: the catalogue's class counts again. */
  setClass(tenantId: string, service: string, policyClass: PolicyClass | undefined, act: Act): Promise<void>;
  /** From when the tenant counts as known: the earliest of what was ever heard. */
  sawTenant(tenantId: string, at: Date): Promise<void>;
  /** Lifts the block of the success floor, at most `atMost` times within `periodMs`. */
  acknowledge(tenantId: string, atMost: number, periodMs: number, act: Act): Promise<'lifted' | 'no_block' | 'used_up'>;
}

export const switchScopes = ['tenant', 'service', 'provider'] as const;
export type SwitchScope = (typeof switchScopes)[number];

export interface KillSwitch {
  readonly id: string;
  readonly scope: SwitchScope;
  /** Tenant id, service code or provider name. */
  readonly target: string;
  readonly reason: string;
  readonly setBy: string;
  readonly setAt: Date;
}

export interface KillSwitches {
  /** Setting what is set already renews its reason. */
  set(scope: SwitchScope, target: string, act: Act): Promise<KillSwitch>;
  /** @returns false when there is none (any more) */
  lift(id: string, act: Act): Promise<boolean>;
  /** All that are set, newest first; they are few. */
  list(): Promise<readonly KillSwitch[]>;
}

/** One line of the audit. */
export interface PolicyDecision {
  readonly id: string;
  readonly kind: DecisionKind;
  readonly tenantId: string | undefined;
  /** Of a refusal or a withheld message: why; else what was set. */
  readonly reason: string;
  readonly service: string | undefined;
  readonly country: string | undefined;
  readonly provider: string | undefined;
  readonly verificationId: string | undefined;
  readonly actor: string | undefined;
  readonly note: string;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly firstAt: Date;
  readonly at: Date;
  /** A refusal that was repeated within its minute. */
  readonly times: number;
}

export const decisionKinds = [
  'refused',
  'acknowledged',
  'kyc_set',
  'limits_set',
  'class_set',
  'switched_off',
  'switched_on',
  'number_banned',
  'ban_lifted',
  'message_withheld',
  'abuse_reported',
  'abuse_decided',
] as const;
export type DecisionKind = (typeof decisionKinds)[number];

export interface DecisionQuery {
  readonly tenantId: string | undefined;
  readonly kind: DecisionKind | undefined;
  /** Id of the last line of the page before. */
  readonly before: string | undefined;
  readonly limit: number;
}

export interface Decisions {
  /** Newest first. */
  list(query: DecisionQuery): Promise<readonly PolicyDecision[]>;
}

/** A number that may not be sold for a service. Which number it is, nobody can read here: it is kept as a keyed hash. */
export interface NumberBan {
  readonly id: string;
  /** "*": for every service. */
  readonly service: string;
  readonly until: Date;
  readonly origin: 'reports' | 'operator';
  readonly reason: string;
  readonly setBy: string;
  readonly setAt: Date;
}

/** Reports of one number for one service, as they are weighed. */
export interface ReportedNumber {
  readonly numberHash: Uint8Array;
  readonly service: string;
  /** One moment for each tenant. */
  readonly reportedAt: readonly Date[];
}

export interface NumberBans {
  /** A longer ban stays, unless an operator sets another. */
  set(numberHash: Uint8Array, ban: Omit<NumberBan, 'setBy' | 'setAt' | 'reason'>, act: Act): Promise<NumberBan>;
  /** @returns false when there is none (any more) */
  lift(id: string, act: Act): Promise<boolean>;
  /** Those that last, newest first. */
  list(query: { readonly at: Date; readonly before: string | undefined; readonly limit: number }): Promise<readonly NumberBan[]>;
  /** Numbers with reports that nobody has weighed yet, with all their reports since then; taking them marks them as weighed. */
  takeReported(since: Date, limit: number): Promise<readonly ReportedNumber[]>;
  /** Forgets reports and leases that are older. */
  forget(reportsBefore: Date, leasesBefore: Date): Promise<void>;
}

export const abuseCategories = ['spam', 'fraud', 'impersonation', 'harassment', 'other'] as const;
export type AbuseCategory = (typeof abuseCategories)[number];
export const abuseStatuses = ['open', 'frozen', 'upheld', 'dismissed'] as const;
export type AbuseStatus = (typeof abuseStatuses)[number];

export interface AbuseReport {
  readonly id: string;
  readonly status: AbuseStatus;
  readonly category: AbuseCategory;
  readonly numberHash: Uint8Array;
  /** Number, description, contact. */
  readonly sealed: Uint8Array;
  readonly happenedAt: Date | undefined;
  readonly receivedAt: Date;
  /** The activation that it was found to be about. */
  readonly verificationId: string | undefined;
  readonly tenantId: string | undefined;
  readonly decidedBy: string | undefined;
  readonly decidedAt: Date | undefined;
  readonly note: string;
}

/** Who had the number last, for a service. */
export interface Lease {
  readonly numberHash: Uint8Array;
  readonly service: string;
  readonly verificationId: string;
  readonly tenantId: string;
  readonly leasedAt: Date;
}

export interface AbuseReports {
  /** The same report again is the report that there is. @returns its id */
  receive(report: AbuseReport, fingerprint: Uint8Array): Promise<string>;
  list(query: {
    readonly status: AbuseStatus | undefined;
    readonly before: string | undefined;
    readonly limit: number;
  }): Promise<readonly AbuseReport[]>;
  find(id: string): Promise<AbuseReport | undefined>;
  leases(numberHashes: readonly Uint8Array[]): Promise<readonly Lease[]>;
  /**
   * Compare-and-set of the status, with the freezing (or thawing) of the activation, in one transaction.
   * @returns false when somebody else decided first, or the activation does not exist
   */
  decide(from: AbuseReport, to: AbuseReport, freeze: boolean, act: Act): Promise<boolean>;
}

/** Keyed hash of a number, in E.164. */
export type HashNumber = (phoneNumber: string) => Uint8Array;
