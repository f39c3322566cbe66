import type {
  Activity,
  BillingDetails,
  Document,
  DocumentContent,
  DocumentKind,
  Party,
  RefundedInvoice,
} from '../../domain/documents/document.ts';
import type { TaxRate } from '../../domain/documents/tax.ts';
import type { PageAsk } from '../ports.ts';

/** A wallet's running billing period. */
export interface Schedule {
  readonly walletId: string;
  readonly tenantId: string;
  readonly currency: string;
  readonly from: Date;
  readonly to: Date;
  /** Entries of the wallet up to this number are in closed periods. */
  readonly lastSequence: bigint;
}
export interface PeriodActivity {
  readonly activities: readonly Activity[];
  /** The number of the last entry in the period. */
  readonly toSequence: bigint;
}
export interface DuePayment {
  readonly id: string;
  readonly tenantId: string;
  readonly gateway: string;
  readonly currency: string;
  readonly amountMicros: bigint;
}
export interface ClosedPeriod {
  readonly schedule: Schedule;
  readonly timeZone: string;
  readonly toSequence: bigint;
  readonly invoiceId: string | undefined;
  readonly creditNoteId: string | undefined;
  /** End of the period that begins now. */
  readonly nextTo: Date;
  readonly closedAt: Date;
}

/** Everything within one transaction. */
export interface DocumentUnit {
  /** A period that ended by then, locked; those that others are closing are left out, and these wallets. */
  duePeriod(endedBy: Date, leftOut: readonly string[]): Promise<Schedule | undefined>;
  /** Payments without a receipt but these, oldest first, locked and taken off the list. */
  takeDuePayments(limit: number, leftOut: readonly string[]): Promise<readonly DuePayment[]>;
  details(tenantId: string): Promise<BillingDetails>;
  taxRate(country: string, at: Date): Promise<TaxRate | undefined>;
  /** What the wallet's entries after `lastSequence` and before `to` came to. */
  activity(schedule: Schedule, to: Date): Promise<PeriodActivity>;
  /** Earlier invoices whose charges were given back in the period, by their numbers; and what was given back of its own charges. */
  refundedInvoices(
    schedule: Schedule,
    toSequence: bigint,
  ): Promise<{ readonly earlier: readonly RefundedInvoice[]; readonly runningMicros: bigint }>;
  /** The next number of the kind and year. Others wait until this transaction ends; if it fails, the number is given to the next. */
  nextNumber(kind: DocumentKind, year: number): Promise<bigint>;
  /** Stores and announces it. @returns its id */
  add(id: string, tenantId: string, content: DocumentContent, sequence: bigint): Promise<void>;
  close(period: ClosedPeriod): Promise<void>;
}
export interface DocumentTransactions {
  /** All of `work` or nothing; may run it again after a conflict. */
  run<T>(work: (unit: DocumentUnit) => Promise<T>): Promise<T>;
}

export interface DocumentPage {
  readonly documents: readonly Document[];
  readonly nextCursor: string;
}
export interface DocumentReader {
  find(tenantId: string, id: string): Promise<Document | undefined>;
  /** Newest first. */
  list(tenantId: string, kinds: readonly DocumentKind[], page: PageAsk): Promise<DocumentPage>;
  /** The running period; undefined while the tenant has no wallet. */
  schedule(tenantId: string, currency: string): Promise<Schedule | undefined>;
}
export interface DetailsStore {
  details(tenantId: string): Promise<BillingDetails>;
  /** Replaces them; `nextTo` says when each running period ends in the new zone. */
  replace(tenantId: string, details: BillingDetails, by: string, at: Date, nextTo: (from: Date) => Date): Promise<void>;
}

/** The same bytes for the same document. */
export interface DocumentRenderer {
  pdf(document: Document): Promise<Uint8Array>;
}

/** Who issues: on every document, and the beginning of every number. */
export interface Issuer {
  readonly code: string;
  readonly party: Party;
  /** What the issuer charges in a country where no row says otherwise; undefined: nothing. */
  readonly standardRate?: (country: string, at: Date) => TaxRate | undefined;
}
