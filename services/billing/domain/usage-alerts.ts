import { formatDecimal, maxMicros, parseDecimal } from '#platform/money/index.ts';

/**
 * Alerts fire where a value crosses a threshold on its way from what was seen before to what is seen now. The value that was seen is part of the
 * alert's state, so whoever looks, how often, and after which crash, the same crossings are found, each once.
 */
export const alertMetrics = ['usage_quantity', 'usage_amount', 'included_percent', 'budget_percent', 'wallet_balance'] as const;
export type AlertMetric = (typeof alertMetrics)[number];
export const isAlertMetric = (text: string): text is AlertMetric => (alertMetrics as readonly string[]).includes(text);

export const alertDirections = ['up', 'down'] as const;
export type AlertDirection = (typeof alertDirections)[number];
export const isAlertDirection = (text: string): text is AlertDirection => (alertDirections as readonly string[]).includes(text);

/**
 * once: the first crossing of its threshold, then it rests. every: each crossing; usage and budgets begin at zero in each period, so that is once a period.
 * multiple: the threshold, twice the threshold, and so on; upwards only.
 */
export const alertRecurrences = ['once', 'every', 'multiple'] as const;
export type AlertRecurrence = (typeof alertRecurrences)[number];
export const isAlertRecurrence = (text: string): text is AlertRecurrence => (alertRecurrences as readonly string[]).includes(text);

/** Percentages are compared in hundredths of a percent: whole numbers, so that "80 %" is exact. */
export const percentScale = 100n;
const isPercent = (metric: AlertMetric): boolean => metric === 'included_percent' || metric === 'budget_percent';

export interface AlertRule {
  readonly direction: AlertDirection;
  readonly recurrence: AlertRecurrence;
  /** In the unit of the value; greater than zero. */
  readonly threshold: bigint;
}

export interface AlertState {
  /** The period that `value` belongs to; a value of another period is compared with the beginning of its own. */
  readonly scope: string | undefined;
  readonly value: bigint | undefined;
  /** Crossings so far: the number of the next one is one more. */
  readonly fired: bigint;
  /** Those of thresholds before the present one. */
  readonly firedBefore: bigint;
}

export interface Observation {
  readonly scope: string;
  readonly value: bigint;
  readonly at: Date;
}

export interface Crossing {
  readonly number: bigint;
  readonly scope: string;
  /** The threshold that was crossed; of a multiple, that multiple. */
  readonly threshold: bigint;
  readonly value: bigint;
  readonly at: Date;
}

/** Of one look; what a jump over more multiples leaves is found by the next look, since the state stops where this one did. */
export const maxCrossings = 50;

export interface Observed {
  readonly state: AlertState;
  readonly crossings: readonly Crossing[];
  /** How many observations are done with; of the next one, the state says how far it was followed. */
  readonly consumed: number;
}

const floorDivide = (value: bigint, by: bigint): bigint => (value >= 0n ? value / by : -((-value + by - 1n) / by));

/** All thresholds crossed between two values; undefined before: the side on which the alert is silent. */
const crossed = (
  { direction, recurrence, threshold }: AlertRule,
  before: bigint | undefined,
  value: bigint,
): { from: bigint; count: bigint } => {
  const single = (hit: boolean) => ({ from: 0n, count: hit ? 1n : 0n });
  if (direction === 'down') return single((before === undefined || before >= threshold) && value < threshold);
  if (recurrence !== 'multiple') return single((before === undefined || before < threshold) && value >= threshold);
  const from = before === undefined || before < 0n ? 0n : floorDivide(before, threshold);
  const to = floorDivide(value, threshold);
  return { from, count: to > from ? to - from : 0n };
};

/** @param observations in the order in which the values were true @returns the new state and the crossings on the way, at most `maxCrossings` */
export const observe = (rule: AlertRule, state: AlertState, observations: readonly Observation[]): Observed => {
  let current = state;
  const crossings: Crossing[] = [];
  for (const [index, seen] of observations.entries()) {
    const { from, count } = crossed(rule, seen.scope === current.scope ? current.value : undefined, seen.value);
    const wanted = rule.recurrence === 'once' && current.fired > current.firedBefore ? 0n : count;
    const room = BigInt(maxCrossings - crossings.length);
    const taken = wanted < room ? wanted : room;
    for (let step = 1n; step <= taken; step++)
      crossings.push({
        number: current.fired + step,
        scope: seen.scope,
        threshold: (from + step) * rule.threshold,
        value: seen.value,
        at: seen.at,
      });
    const fired = current.fired + taken;
    if (taken < wanted) {
      // As far as it was followed; where not even that, the state stays and so does the observation.
      const reached = { ...current, scope: seen.scope, value: (from + taken) * rule.threshold, fired };
      return { state: rule.recurrence === 'multiple' ? reached : current, crossings, consumed: index };
    }
    current = { ...current, scope: seen.scope, value: seen.value, fired };
  }
  return { state: current, crossings, consumed: observations.length };
};

const maxPercent = 1_000n;
const maxUnits = 1_000_000_000_000n;
const whole = (text: string, most: bigint): bigint | undefined =>
  /^[1-9]\d{0,12}$/.test(text) && BigInt(text) <= most ? BigInt(text) : undefined;

/** What a caller writes: whole units, whole percent, or a decimal amount. @returns undefined when it is none of the metric's */
export const parseThreshold = (metric: AlertMetric, text: string): bigint | undefined => {
  if (isPercent(metric)) {
    const percent = whole(text, maxPercent);
    return percent === undefined ? undefined : percent * percentScale;
  }
  if (metric === 'usage_quantity') return whole(text, maxUnits);
  const micros = parseDecimal(text);
  return micros !== undefined && micros > 0n && micros <= maxMicros ? micros : undefined;
};

/** The same way back; a percentage that lies between whole ones shows its hundredths. */
export const formatValue = (metric: AlertMetric, value: bigint): string => {
  if (metric === 'usage_quantity') return value.toString();
  if (!isPercent(metric)) return formatDecimal(value);
  const rest = value % percentScale;
  return rest === 0n ? `${value / percentScale}` : `${value / percentScale}.${rest.toString().padStart(2, '0')}`;
};
