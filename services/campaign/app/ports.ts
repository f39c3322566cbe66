import type { Money } from '#platform/money/index.ts';
import type { Audience, Campaign, CampaignStatus, Progress, Transition } from '../domain/campaign.ts';
import type { Contact, TemplateVariables, TimelineEntry } from '../domain/contact.ts';
import type { ReplyKind } from '../domain/keywords.ts';
import type { Settlement, SubmitOutcome } from '../domain/outcome.ts';
import type { MatchResult, Receipt, TrackedJob, TrackedPart } from '../domain/receipt.ts';
import type { Segmentation } from '../domain/segments.ts';

/** One page of a list, newest first; `cursor` continues it. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string;
}
export interface PageRequest {
  readonly limit: number;
  readonly cursor: string;
}

/** One database transaction: every repository and the event recorder work in it, all or nothing. Repeated on a serialization failure, so the work has no effect outside. */
export interface Transactions {
  run<T>(work: (unit: Unit) => Promise<T>): Promise<T>;
}

export interface Unit {
  readonly contacts: ContactWrites;
  readonly campaigns: CampaignWrites;
  readonly jobs: Jobs;
  readonly tracking: Tracking;
  readonly optOuts: OptOuts;
  readonly events: EventRecorder;
  /** The first answer of a mutation, or `work` now; the same key with another request is a conflict. */
  once<T>(call: { tenantId: string; operation: string; key: string; request: unknown }, work: () => Promise<T>): Promise<T>;
}

export interface ContactReads {
  find(tenantId: string, id: string): Promise<Contact | undefined>;
  list(query: { tenantId: string; search: string; tag: string; page: PageRequest }): Promise<Page<Contact>>;
  /** Newest first. */
  timeline(contact: Contact, limit: number): Promise<readonly TimelineEntry[]>;
}

export interface ContactWrites {
  /** @returns false when the tenant has this number already */
  insert(contact: Contact): Promise<boolean>;
  /** Everybody with this number; in one tenant, or (undefined) in all. */
  byPhone(phone: string, tenantId: string | undefined): Promise<readonly { id: string; tenantId: string }[]>;
  record(entries: readonly (TimelineEntry & { contactId: string; tenantId: string })[]): Promise<void>;
  /** Which of these do not belong to the tenant. */
  unknownIds(tenantId: string, ids: readonly string[]): Promise<readonly string[]>;
}

export interface CampaignReads {
  find(tenantId: string, id: string): Promise<Campaign | undefined>;
  /** Without the audience's contact ids. */
  list(query: { tenantId: string; status: CampaignStatus | undefined; page: PageRequest }): Promise<Page<Campaign>>;
  /** Body of each campaign; constant once launched. */
  bodies(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Launches whose lease has run out. */
  abandonedLaunches(now: Date, limit: number): Promise<readonly { tenantId: string; id: string; launchKey: string }[]>;
  /** Cancelled, but some planned messages are not yet struck out. */
  unfinishedCancellations(limit: number): Promise<readonly { tenantId: string; id: string }[]>;
  /** Running or paused, with a hold that ends before `at`. */
  holdEndsBefore(at: Date, limit: number): Promise<readonly { tenantId: string; id: string }[]>;
}

export interface CampaignWrites {
  insert(campaign: Campaign): Promise<void>;
  /** Locks the row until the end of the transaction. */
  lock(tenantId: string, id: string): Promise<(Campaign & { readonly launchLeaseUntil: Date | undefined }) | undefined>;
  /** draft|launching → launching: this process works on it until `leaseUntil`. */
  /** An actor that is left out stays as it was. */
  beginLaunch(id: string, launch: { key: string; actor?: string | undefined; leaseUntil: Date }): Promise<void>;
  /** All rows are planned: fixes the price of a segment to each country, of the whole, and the hold's expiry. */
  fixEstimate(
    id: string,
    estimate: { cost: Money; quoteId: string; prices: ReadonlyMap<string, bigint>; holdExpiresAt: Date; leaseUntil: Date },
  ): Promise<void>;
  /** launching → running. */
  start(id: string, launch: { holdId: string; at: Date }): Promise<Campaign>;
  /** launching → draft, as if never launched; its rows must be gone. */
  abandonLaunch(id: string): Promise<void>;
  setStatus(id: string, status: 'running' | 'paused' | 'cancelled', at: Date): Promise<Campaign>;
  /** Draft → cancelled, at once. */
  discardDraft(id: string, at: Date): Promise<Campaign>;
  /**
   * Adds differences to the counts and the charge, completes a running campaign that has nothing left to send, and
   * closes a cancelled one whose last answer is in. Rows are locked in order of id.
   */
  addProgress(changes: ReadonlyMap<string, Progress>, at: Date): Promise<readonly ProgressedCampaign[]>;
}

export interface ProgressedCampaign {
  readonly id: string;
  readonly tenantId: string;
  readonly status: CampaignStatus;
  readonly holdId: string | undefined;
  readonly charged: Money;
  readonly launched: boolean;
  /** This change ended it: the final charge must be told now. */
  readonly closedNow: boolean;
  readonly version: bigint;
}

export interface AudienceMember extends TemplateVariables {
  readonly contactId: string;
  readonly doNotContact: boolean;
}

export interface PlannedJob {
  readonly id: string;
  readonly contactId: string;
  readonly phone: string;
  /** Of the phone; empty: of none. */
  readonly country: string;
  readonly state: 'planned' | 'suppressed' | 'failed';
  readonly segments: number;
  readonly reason: string | undefined;
}

export interface ClaimedJob {
  readonly id: string;
  readonly campaignId: string | undefined;
  /** suppressed: a gate stopped it inside the claim. */
  readonly state: 'claimed' | 'suppressed';
  readonly sender: string;
  readonly phone: string;
  /** Fence: an answer counts only for the claim it belongs to. */
  readonly attempt: number;
  readonly refusals: number;
  /** Parts that were estimated and paid for. */
  readonly segments: number;
  readonly variables: TemplateVariables;
  /** Text of an automatic answer; campaigns render theirs. */
  readonly text: string | undefined;
}

export interface Jobs {
  /** The next members of the audience after the last planned one, in order of id. */
  audiencePage(campaign: Pick<Campaign, 'id' | 'tenantId' | 'audience'>, limit: number): Promise<readonly AudienceMember[]>;
  /** Inserts rows, adds them to the counts and to the planned segments of a launching campaign. */
  plan(campaign: Pick<Campaign, 'id' | 'tenantId' | 'sender'>, jobs: readonly PlannedJob[], at: Date): Promise<void>;
  /** Empty when nobody can be reached. */
  plannedByCountry(campaignId: string): Promise<readonly CountrySegments[]>;
  /** Removes up to `limit` rows of a launch that did not happen. @returns how many */
  discard(campaignId: string, limit: number): Promise<number>;
  /** Next messages that may leave now; every gate is in this statement. SKIP LOCKED: replicas never wait for each other. */
  claim(claim: { now: Date; leaseUntil: Date; limit: number }): Promise<readonly ClaimedJob[]>;
  /** Stores answers of claimed messages. Late or repeated answers change nothing that is settled. */
  settle(answers: readonly SettledJob[], at: Date): Promise<readonly Transition[]>;
  /** Claims whose process died: parked as unknown, never sent again. */
  parkExpired(now: Date, limit: number): Promise<readonly Transition[]>;
  /** Planned messages to this number are not sent any more; one tenant's, or (undefined) all. */
  suppress(phone: string, tenantId: string | undefined, at: Date): Promise<readonly (Transition & { tenantId: string })[]>;
  /** Strikes out up to `limit` planned messages of a cancelled campaign. */
  cancelPlanned(campaignId: string, limit: number, at: Date): Promise<readonly Transition[]>;
  /** Plans an automatic answer, unless this number had the same kind from this sender since `notSince`. */
  planReply(reply: {
    id: string;
    tenantId: string | undefined;
    kind: ReplyKind;
    text: string;
    sender: string;
    phone: string;
    notSince: Date;
    at: Date;
  }): Promise<boolean>;
}

export interface SettledJob {
  readonly id: string;
  readonly attempt: number;
  readonly settlement: Settlement;
}

export interface Tracking {
  /** Locks the parts with these canonical ids, and their messages, in order. */
  lock(messageIds: readonly string[]): Promise<{ parts: readonly TrackedPart[]; jobs: readonly TrackedJob[] }>;
  save(result: MatchResult, at: Date): Promise<void>;
  /** Receipts whose message is not known (yet). */
  keepOrphans(receipts: readonly Receipt[], at: Date): Promise<void>;
  /** Orphans that are due, locked; matched ones are removed by `settleOrphans`. */
  dueOrphans(now: Date, limit: number): Promise<readonly (Receipt & { id: string; tries: number })[]>;
  settleOrphans(settled: { matched: readonly string[]; unmatched: readonly { id: string; retryAt: Date }[] }): Promise<void>;
  purgeOrphans(olderThan: Date, limit: number): Promise<number>;
}

export interface OptOuts {
  /** Whether this number must not be written to by this tenant. */
  covers(tenantId: string, phone: string): Promise<boolean>;
  /** Serialises everything about one number until the end of the transaction. */
  lockPhone(phone: string): Promise<void>;
  /** Tenants that wrote to this number from this sender, with their last campaign to it. */
  tenantsMessaging(phone: string, sender: string): Promise<readonly { tenantId: string; campaignId: string | undefined }[]>;
  /** @param tenantId undefined: the whole platform @returns false when it was there */
  add(optOut: { id: string; tenantId: string | undefined; phone: string; sender: string; inboundId: string; at: Date }): Promise<boolean>;
  /** Removes what STOP to this sender added. @returns the scopes removed */
  remove(phone: string, sender: string): Promise<readonly (string | undefined)[]>;
  logInbound(message: {
    id: string;
    tenantIds: readonly string[];
    from: string;
    to: string;
    text: string;
    intent: string;
    at: Date;
  }): Promise<void>;
}

interface EventBase {
  readonly tenantId: string;
  readonly at: Date;
}
/** Facts for the other services, stored in the same transaction. */
export interface EventRecorder {
  contactCreated(event: EventBase & { contactId: string }): Promise<void>;
  contactOptedOut(event: EventBase & { contactId: string; jobsStopped: number }): Promise<void>;
  contactOptedIn(event: EventBase & { contactId: string }): Promise<void>;
  campaignLaunched(
    event: EventBase & { campaignId: string; version: bigint; planned: bigint; holdId: string; estimatedCost: Money },
  ): Promise<void>;
  messagesProgressed(
    event: EventBase & { campaignId: string; version: bigint; holdId: string; chargedTotal: Money; progress: ProgressDelta },
  ): Promise<void>;
  campaignCompleted(event: EventBase & { campaignId: string; version: bigint; holdId: string; chargedTotal: Money }): Promise<void>;
  campaignCancelled(event: EventBase & { campaignId: string; version: bigint; holdId: string; chargedTotal: Money }): Promise<void>;
}

/** What an event tells: `submitted` counts messages newly accepted and never goes down when they arrive. */
export interface ProgressDelta {
  readonly submitted: number;
  readonly delivered: number;
  readonly failed: number;
  readonly suppressed: number;
  readonly unknown: number;
}

export interface CountrySegments {
  /** ISO 3166-1 alpha-2; empty: of no country. */
  readonly country: string;
  readonly segments: bigint;
}

/** Country of an E.164 number, as ISO 3166-1 alpha-2; empty when it is of none. */
export type CountryOf = (phone: string) => string;

/** E.164, or undefined for anything that is not a valid number with a leading "+". */
export type NormalisePhone = (text: string) => string | undefined;

export interface Templates {
  /** @returns what is wrong, with its line; undefined when it compiles */
  check(body: string): string | undefined;
  /** @throws when the body does not compile */
  compile(body: string): Template;
}
/** @throws when rendering fails or exceeds its limits */
export type Template = (variables: TemplateVariables) => string;

/** What billing promises for a launch. */
export interface MessageQuote {
  readonly quoteId: string;
  /** Of one segment, in micros, by country. */
  readonly prices: ReadonlyMap<string, bigint>;
  readonly total: Money;
}

export interface Ledger {
  /** What a segment costs now; promises nothing. @throws AppError billing.no_price, platform.unavailable… */
  priceOfSegment(ask: { tenantId: string; listPrice: Money; country: string }): Promise<Money>;
  /** @throws AppError billing.no_price, platform.unavailable… */
  quoteMessages(ask: { tenantId: string; listPrice: Money; planned: readonly CountrySegments[] }): Promise<MessageQuote>;
  /** Idempotent by key. @throws AppError billing.insufficient_credit, platform.unavailable… */
  placeHold(request: {
    tenantId: string;
    campaignId: string;
    campaignName: string;
    amount: Money;
    /** Undefined: from before there were quotes. */
    quoteId: string | undefined;
    expiresAt: Date;
    /** Who launched it; undefined: launched before that was known. */
    actor?: string | undefined;
  }): Promise<{ holdId: string }>;
}

export interface OutboundMessage {
  readonly id: string;
  /** The claim it belongs to. */
  readonly attempt: number;
  readonly sender: string;
  readonly phone: string;
  readonly segmentation: Segmentation;
}

export interface InboundMessage {
  readonly from: string;
  readonly to: string;
  readonly text: string;
}

/** A carrier connection. `submit` never throws: whatever happens is one of the four outcomes. */
export interface Carrier {
  /** Bound, and not asked to slow down. */
  isReady(): boolean;
  submit(message: OutboundMessage): Promise<SubmitOutcome>;
}

/** What a carrier tells by itself. The promise resolves when it is stored: only then is the carrier answered. */
export interface CarrierListener {
  receipt(receipt: Receipt): Promise<void>;
  inbound(message: InboundMessage): Promise<void>;
  /** An answer that came after its time-out: settles what was parked as unknown. */
  lateAnswer(message: OutboundMessage, outcome: SubmitOutcome): void;
}

export type { Audience, Campaign, Contact };
