/** The part of a ts-proto message object that events need: proto3-JSON both ways. */
export interface EventCodec<P> {
  fromJSON(object: unknown): P;
  toJSON(message: P): unknown;
}

export interface EventDefinition<P> {
  /** namaskah.<context>.v1.<aggregate>.<past-tense> */
  readonly subject: string;
  readonly codec: EventCodec<P>;
}

const subjectPattern = /^namaskah\.[a-z]+\.v\d+\.[a-z-]+\.[a-z-]+$/;

export const defineEvent = <P>(subject: string, codec: EventCodec<P>): EventDefinition<P> => {
  if (!subjectPattern.test(subject)) throw new Error(`not an event subject: ${subject}`);
  return { subject, codec };
};

/** A fact about one aggregate, to be published. */
export interface EventFacts<P> {
  readonly tenantId: string;
  readonly aggregateId: string;
  /** Grows with every change of the aggregate: consumers ignore what is older than what they know. */
  readonly aggregateVersion: number | bigint;
  readonly occurredAt: Date;
  readonly payload: P;
}

export interface ReceivedEvent<P = unknown> {
  /** Outbox id: the same for every delivery and replay. */
  readonly id: string;
  readonly subject: string;
  readonly tenantId: string;
  readonly aggregateId: string;
  readonly aggregateVersion: number;
  readonly occurredAt: Date;
  readonly payload: P;
  /** 1 for the first delivery. */
  readonly deliveryCount: number;
}
