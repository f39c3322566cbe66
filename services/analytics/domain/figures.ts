/**
 * What an event adds to which figure: the one place where figures are defined. The event store keeps the result beside
 * each event, so that roll-ups, exact sums over parts of an hour and the check of both all use the same definition.
 */
export type Fact =
  | { readonly kind: 'verification'; readonly step: VerificationStep; readonly service: string }
  | { readonly kind: 'campaign-launched'; readonly planned: bigint }
  | {
      readonly kind: 'messages-progressed';
      readonly submitted: bigint;
      readonly delivered: bigint;
      readonly failed: bigint;
      readonly suppressed: bigint;
    }
  /** Negative: given back. */
  | { readonly kind: 'spent'; readonly product: string; readonly currency: string; readonly micros: bigint }
  /** By us: promotional credit. */
  | { readonly kind: 'granted'; readonly currency: string; readonly micros: bigint }
  /** Payments that went back through the gateway. */
  | { readonly kind: 'refunded'; readonly currency: string; readonly micros: bigint }
  | { readonly kind: 'topped-up'; readonly currency: string; readonly micros: bigint }
  /** Kept, but counted nowhere yet. */
  | { readonly kind: 'other' };

export const verificationSteps = ['purchased', 'received', 'completed', 'cancelled', 'expired', 'failed'] as const;
export type VerificationStep = (typeof verificationSteps)[number];
export const messageSteps = ['planned', 'submitted', 'delivered', 'failed', 'suppressed'] as const;
export type MessageStep = (typeof messageSteps)[number];

export interface Measurement {
  /** For example `verifications.received`, `spend.USD`. */
  readonly figure: string;
  /** A service, a product; empty when the figure has none. */
  readonly dimension: string;
  readonly count: bigint;
  readonly micros: bigint;
}

const counted = (figure: string, count: bigint, dimension = ''): Measurement => ({ figure, dimension, count, micros: 0n });
const amount = (figure: string, micros: bigint, dimension = ''): Measurement => ({ figure, dimension, count: 1n, micros });

export const figuresOf = (fact: Fact): readonly Measurement[] => {
  switch (fact.kind) {
    case 'verification':
      return [counted(`verifications.${fact.step}`, 1n, fact.service)];
    case 'campaign-launched':
      return fact.planned === 0n ? [] : [counted('messages.planned', fact.planned)];
    case 'messages-progressed':
      return (['submitted', 'delivered', 'failed', 'suppressed'] as const).flatMap((step) =>
        fact[step] === 0n ? [] : [counted(`messages.${step}`, fact[step])],
      );
    case 'spent':
      return [amount(`spend.${fact.currency}`, fact.micros, fact.product)];
    case 'granted':
    case 'refunded':
      return [amount(`${fact.kind}.${fact.currency}`, fact.micros)];
    case 'topped-up':
      return [amount(`topped-up.${fact.currency}`, fact.micros)];
    case 'other':
      return [];
  }
};
