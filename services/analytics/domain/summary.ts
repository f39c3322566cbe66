import { money, type Money } from '#platform/money/index.ts';
import { messageSteps, verificationSteps, type MessageStep, type VerificationStep } from './figures.ts';

/** Sum of one figure over an interval, over all its dimensions. */
export interface FigureSum {
  readonly figure: string;
  readonly count: bigint;
  readonly micros: bigint;
}

export interface Summary {
  readonly verifications: Readonly<Record<VerificationStep, bigint>>;
  readonly messages: Readonly<Record<MessageStep, bigint>>;
  readonly spend: readonly Money[];
  readonly toppedUp: readonly Money[];
  readonly granted: readonly Money[];
  readonly refunded: readonly Money[];
}

const counts = <Step extends string>(sums: readonly FigureSum[], prefix: string, steps: readonly Step[]): Record<Step, bigint> =>
  Object.fromEntries(steps.map((step) => [step, sums.find(({ figure }) => figure === `${prefix}.${step}`)?.count ?? 0n])) as Record<
    Step,
    bigint
  >;

const amounts = (sums: readonly FigureSum[], prefix: string): Money[] =>
  sums
    .filter(({ figure }) => figure.startsWith(`${prefix}.`))
    .map(({ figure, micros }) => money(figure.slice(prefix.length + 1), micros))
    .toSorted((a, b) => a.currency.localeCompare(b.currency));

export const summarise = (sums: readonly FigureSum[]): Summary => ({
  verifications: counts(sums, 'verifications', verificationSteps),
  messages: counts(sums, 'messages', messageSteps),
  spend: amounts(sums, 'spend'),
  toppedUp: amounts(sums, 'topped-up'),
  granted: amounts(sums, 'granted'),
  refunded: amounts(sums, 'refunded'),
});

const hourMs = 3_600_000;

export interface Interval {
  readonly from: Date;
  readonly to: Date;
}

/** [from, to) cut into whole hours, which roll-ups answer, and the edges, which single events answer. */
export const cut = ({ from, to }: Interval): { readonly hours: Interval | undefined; readonly edges: readonly Interval[] } => {
  const start = new Date(Math.ceil(from.getTime() / hourMs) * hourMs);
  const end = new Date(Math.floor(to.getTime() / hourMs) * hourMs);
  if (start >= end) return { hours: undefined, edges: [{ from, to }] };
  const edges = [
    { from, to: start },
    { from: end, to },
  ];
  return { hours: { from: start, to: end }, edges: edges.filter((edge) => edge.from < edge.to) };
};
