import type { BookContent, BookKey } from './book.ts';

export const bookStates = ['draft', 'proposed', 'published', 'rejected'] as const;
export type BookState = (typeof bookStates)[number];

/** One version of a price book. */
export interface PriceBook {
  readonly id: string;
  readonly key: BookKey;
  /** 0 until it is published, then 1, 2, 3 … in its book. */
  readonly version: number;
  readonly state: BookState;
  readonly content: BookContent;
  readonly note: string;
  /** Of a proposal: what is asked for. */
  readonly effectiveFrom: Date | undefined;
  readonly effectiveTo: Date | undefined;
  /** Rises with every change of a draft. */
  readonly revision: number;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly proposedBy: string | undefined;
  readonly decidedBy: string | undefined;
  readonly decidedAt: Date | undefined;
}

/** Prices for one tenant are a contract: what one person proposes, another approves. */
export const needsSecondPerson = ({ key }: PriceBook): boolean => key.scope === 'tenant';

export interface Span {
  readonly from: Date;
  /** Undefined: until it is replaced. */
  readonly to: Date | undefined;
}

/** When it can begin at the earliest, and still end as asked. @returns undefined when its time has passed */
export const spanFrom = (from: Date | undefined, to: Date | undefined, now: Date): Span | undefined => {
  const start = from === undefined || from < now ? now : from;
  return to !== undefined && to <= start ? undefined : { from: start, to };
};
