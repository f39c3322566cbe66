import { chooseFault } from '../domain/choose-fault.ts';
import type { Part } from '../domain/concatenation.ts';
import type { DestinationOutcome, SmppSettings, SubmitFault } from '../domain/settings.ts';
import type { World } from './ports.ts';
import type { PlanReceipts } from './plan-receipts.ts';
import { isComplete, type MessageRecord, type SubmissionBook } from './submission-book.ts';

/** A submit_sm, decoded. */
export interface Submission {
  /** The connection it came by. */
  readonly link: string;
  /** Digits or letters as submitted. */
  readonly from: string;
  /** Digits without a plus. */
  readonly to: string;
  readonly text: string;
  readonly encoding: string;
  readonly part: Part | undefined;
  /** The registered_delivery octet. */
  readonly registeredDelivery: number;
}

export interface Verdict {
  /** command_status of the response. */
  readonly status: number;
  readonly messageId: string | undefined;
  readonly delayMs: number;
  readonly reply: 'answer' | 'silence' | 'disconnect';
}

export interface AcceptSubmission {
  (submission: Submission): Verdict;
}

const statusOfFault: Partial<Record<SubmitFault, number>> = {
  throttled: 0x58,
  queue_full: 0x14,
  invalid_destination: 0x0b,
  invalid_source: 0x0a,
  system_error: 0x08,
  submit_failed: 0x45,
  temporary_error: 0x64,
  permanent_error: 0x65,
};

/** The outcome of the longest configured prefix of this number. */
const outcomeOf = (settings: SmppSettings, to: string): DestinationOutcome | undefined => {
  let found: DestinationOutcome | undefined;
  let longest = 0;
  for (const prefix in settings.destinations) {
    if (prefix.length > longest && to.startsWith(prefix)) {
      longest = prefix.length;
      found = settings.destinations[prefix];
    }
  }
  return found;
};

/** An early receipt overtakes its submit_sm_resp by this much. */
const earlyReceiptMs = 50;

export const createAcceptSubmission = (
  world: World,
  dependencies: { book: SubmissionBook; planReceipts: PlanReceipts },
): AcceptSubmission => {
  const { book, planReceipts } = dependencies;
  const faults = world.random.stream('smpp/submit_faults');
  // Grows from the start time: a restarted SMSC never gives an id twice.
  let lastId = world.clock.now().getTime() * 10;
  const rate = { second: 0, used: 0 };

  const overRate = (nowMs: number): boolean => {
    const limit = world.settings.smpp.maxSubmitsPerSecond;
    if (limit === 0) return false;
    const second = Math.floor(nowMs / 1000);
    if (rate.second !== second) Object.assign(rate, { second, used: 0 });
    rate.used += 1;
    return rate.used > limit;
  };

  const record = (submission: Submission, messageId: string, nowMs: number): MessageRecord => {
    const { part } = submission;
    const key = part === undefined ? undefined : `${submission.from}>${submission.to}#${part.reference}/${part.total}`;
    const known = key === undefined ? undefined : book.pending.get(key);
    const message: MessageRecord = known ?? {
      from: submission.from,
      to: submission.to,
      encoding: submission.encoding,
      totalParts: part?.total ?? 1,
      registeredDelivery: submission.registeredDelivery,
      receivedAtMs: nowMs,
      messageIds: [],
      segments: new Map(),
      receipts: [],
    };
    message.messageIds.push(messageId);
    message.segments.set(part?.number ?? 1, submission.text);
    if (known === undefined) book.records.set(messageId, message);
    if (key !== undefined && known === undefined) book.pending.set(key, message);
    if (key !== undefined && isComplete(message)) book.pending.delete(key);
    return message;
  };

  const refuse = (status: number): Verdict => {
    world.counters.submissionsRefused += 1;
    return { status, messageId: undefined, delayMs: world.settings.smpp.responseDelayMs, reply: 'answer' };
  };

  return (submission) => {
    const settings = world.settings.smpp;
    const nowMs = world.clock.now().getTime();
    const fault = chooseFault(settings.nextFaults, settings.faultRatios, faults) ?? 'none';
    if (fault === 'disconnect_before') return { status: 0, messageId: undefined, delayMs: 0, reply: 'disconnect' };
    const status = overRate(nowMs) ? 0x58 : statusOfFault[fault];
    if (status !== undefined) return refuse(status);
    const destination = outcomeOf(settings, submission.to);
    if (destination === 'invalid_destination' || !/^\d{3,15}$/.test(submission.to)) return refuse(0x0b);

    const id = (lastId += 1);
    const messageId = settings.idFormat === 'decimal' ? String(id) : id.toString(16).toUpperCase();
    const message = record(submission, messageId, nowMs);
    world.counters.submissions += 1;
    const plan = planReceipts({
      link: submission.link,
      message,
      text: submission.text,
      receiptId: settings.idFormat === 'hex' ? messageId : String(id),
      destination,
    });
    const delayMs = settings.responseDelayMs + (plan === 'early' ? earlyReceiptMs : 0);
    if (fault === 'lost_response') return { status: 0, messageId, delayMs, reply: 'silence' };
    return { status: 0, messageId, delayMs, reply: fault === 'disconnect' ? 'disconnect' : 'answer' };
  };
};
