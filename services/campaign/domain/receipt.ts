/**
 * Delivery receipts. They repeat, arrive in any order, and before the answer to the submit is stored. A part's status
 * only moves up in rank, so every order and every repetition of the same receipts ends in the same state.
 */
const partRank = { accepted: 0, enroute: 1, failed: 2, delivered: 3 } as const;
export type PartStatus = keyof typeof partRank;

export interface Receipt {
  /** As the carrier wrote it. */
  readonly messageId: string;
  /** The handset, E.164. */
  readonly phone: string;
  readonly status: PartStatus;
  /** Carrier's own code; kept for the timeline. */
  readonly error: string | undefined;
}

/** message_state (SMPP 3.4 §5.2.28) and the `stat:` word of the receipt's text. */
export const statusOfState: Readonly<Record<string, PartStatus>> = {
  '1': 'enroute',
  '2': 'delivered',
  '3': 'failed',
  '4': 'failed',
  '5': 'failed',
  '6': 'enroute',
  '7': 'enroute',
  '8': 'failed',
  ENROUTE: 'enroute',
  DELIVRD: 'delivered',
  EXPIRED: 'failed',
  DELETED: 'failed',
  UNDELIV: 'failed',
  ACCEPTD: 'enroute',
  UNKNOWN: 'enroute',
  REJECTD: 'failed',
};

/** One spelling per id: lower case, no leading zeros. */
export const canonicalId = (id: string): string =>
  id
    .trim()
    .toLowerCase()
    .replace(/^0+(?=.)/, '');

/**
 * The spellings under which the submit's answer may have named this message: carriers write hexadecimal in one place
 * and decimal in the other. The likeliest (as written) comes first.
 */
export const idCandidates = (id: string): readonly string[] => {
  const written = canonicalId(id);
  const candidates = [written];
  if (written.length <= 32) {
    if (/^\d+$/.test(written)) candidates.push(BigInt(written).toString(16));
    if (/^[0-9a-f]+$/.test(written)) candidates.push(BigInt(`0x${written}`).toString(10));
  }
  return [...new Set(candidates)];
};

export interface TrackedPart {
  readonly jobId: string;
  readonly part: number;
  /** Canonical. */
  readonly messageId: string;
  readonly status: PartStatus;
}

export type TrackedState = 'submitted' | 'delivered' | 'failed' | 'unknown';

export interface TrackedJob {
  readonly id: string;
  readonly campaignId: string | undefined;
  readonly phone: string;
  readonly state: TrackedState;
  /** Parts of the whole message, and how many of them the carrier took. */
  readonly segments: number;
  readonly accepted: number;
  readonly deliveredParts: number;
  readonly failedParts: number;
}

/** The message follows its parts: failed when one failed, delivered when all arrived. */
const stateFromParts = (job: TrackedJob): TrackedState => {
  // Refused at submit: some parts never went out, and no receipt can change that.
  if (job.state === 'failed' && job.accepted < job.segments) return 'failed';
  if (job.failedParts > 0) return 'failed';
  if (job.segments > 0 && job.deliveredParts >= job.segments) return 'delivered';
  return job.accepted >= job.segments ? 'submitted' : job.state;
};

export interface MatchResult {
  readonly parts: readonly (TrackedPart & { readonly error: string | undefined })[];
  readonly jobs: readonly { readonly before: TrackedJob; readonly after: TrackedJob; readonly error: string | undefined }[];
  readonly unmatched: readonly Receipt[];
}

const findPart = (
  receipt: Receipt,
  byId: ReadonlyMap<string, TrackedPart[]>,
  jobs: ReadonlyMap<string, TrackedJob>,
): TrackedPart | undefined => {
  for (const candidate of idCandidates(receipt.messageId)) {
    const part = byId.get(candidate)?.find(({ jobId }) => jobs.get(jobId)?.phone === receipt.phone);
    if (part) return part;
  }
  return undefined;
};

/**
 * Applies a batch of receipts, in any order.
 * @param parts parts whose ids are among the receipts' candidates
 * @param jobs the messages of those parts
 */
export const applyReceipts = (receipts: readonly Receipt[], parts: readonly TrackedPart[], jobs: readonly TrackedJob[]): MatchResult => {
  const jobById = new Map(jobs.map((job) => [job.id, job]));
  const byMessageId = new Map<string, TrackedPart[]>();
  for (const part of parts) byMessageId.set(part.messageId, [...(byMessageId.get(part.messageId) ?? []), part]);

  const changedParts = new Map<TrackedPart, { status: PartStatus; error: string | undefined }>();
  const unmatched: Receipt[] = [];
  for (const receipt of receipts) {
    const part = findPart(receipt, byMessageId, jobById);
    if (!part) {
      unmatched.push(receipt);
      continue;
    }
    const current = changedParts.get(part)?.status ?? part.status;
    if (partRank[receipt.status] > partRank[current]) changedParts.set(part, { status: receipt.status, error: receipt.error });
  }

  const after = new Map<string, { job: TrackedJob; error: string | undefined }>();
  for (const [part, change] of changedParts) {
    const entry = after.get(part.jobId);
    const job = entry?.job ?? jobById.get(part.jobId);
    if (!job) continue;
    const count = (status: 'delivered' | 'failed'): number => Number(change.status === status) - Number(part.status === status);
    const counted = { ...job, deliveredParts: job.deliveredParts + count('delivered'), failedParts: job.failedParts + count('failed') };
    after.set(part.jobId, { job: counted, error: change.status === 'failed' ? change.error : entry?.error });
  }

  return {
    parts: [...changedParts].map(([part, change]) => ({ ...part, ...change })),
    jobs: [...after.values()].map(({ job, error }) => ({
      before: jobById.get(job.id) ?? job,
      after: { ...job, state: stateFromParts(job) },
      error,
    })),
    unmatched,
  };
};
