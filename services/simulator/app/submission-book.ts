import { boundedMap, type BoundedMap } from '../domain/bounded-map.ts';
import { joinSegments } from '../domain/concatenation.ts';
import type { MessageState } from '../domain/settings.ts';

const capacity = 200_000;
const pendingCapacity = 10_000;

/** What the SMSC has seen of one message: a long one is one record with several ids. */
export interface MessageRecord {
  readonly from: string;
  readonly to: string;
  readonly encoding: string;
  readonly totalParts: number;
  readonly registeredDelivery: number;
  readonly receivedAtMs: number;
  readonly messageIds: string[];
  /** By part number. */
  readonly segments: Map<number, string>;
  readonly receipts: MessageState[];
}

export const isComplete = (record: MessageRecord): boolean => record.segments.size === record.totalParts;

/** The whole text once every part is there, else what has arrived, in order. */
export const textOf = (record: MessageRecord): string =>
  joinSegments([...record.segments].sort(([a], [b]) => a - b).map(([, segment]) => segment));

export interface SubmissionBook {
  readonly records: BoundedMap<string, MessageRecord>;
  /** Segments of messages that are not complete yet. */
  readonly pending: BoundedMap<string, MessageRecord>;
  clear(): void;
}

export const createSubmissionBook = (): SubmissionBook => {
  const records = boundedMap<string, MessageRecord>(capacity);
  const pending = boundedMap<string, MessageRecord>(pendingCapacity);
  return {
    records,
    pending,
    clear: () => {
      records.clear();
      pending.clear();
    },
  };
};
