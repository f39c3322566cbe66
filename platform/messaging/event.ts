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
