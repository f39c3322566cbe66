import { aged, minus, none, plus, type Tally } from './tally.ts';

/** A route: who is asked for what. `operator` is empty when any will do. */
export interface RouteKey {
  readonly provider: string;
  readonly service: string;
  readonly country: string;
  readonly operator: string;
}

/** What is known of one route, as of a moment. */
export interface Cell extends RouteKey {
  readonly tally: Tally;
  readonly asOf: Date;
}

interface Dated {
  readonly tally: Tally;
  readonly atMs: number;
}

/** From the widest to the route itself. Each borrows from the one before it as long as it has little of its own. */
const levelsOf = ({ provider, service, country, operator }: RouteKey): readonly string[] => [
  '',
  provider,
  `${provider} ${service}`,
  `${provider} ${service} ${country}`,
  ...(operator === '' ? [] : [`${provider} ${service} ${country} ${operator}`]),
];

const cellName = ({ provider, service, country, operator }: RouteKey): string => `${provider} ${service} ${country} ${operator}`;

/** Tallies of a route and of all that it belongs to, widest first, all seen at one moment. */
export type Ladder = readonly Tally[];

export interface Evidence {
  /** Takes in what is known now of one route, in place of what was known. */
  learn(cell: Cell): void;
  ladder(route: RouteKey, now: Date): Ladder;
  cells(now: Date): readonly Cell[];
}

/** All routes in memory, with the sums that they add up to. */
export const createEvidence = (halfLifeMs: number): Evidence => {
  const cells = new Map<string, Cell>();
  const sums = new Map<string, Dated>();
  const seenAt = ({ tally, atMs }: Dated, nowMs: number): Tally => aged(tally, nowMs - atMs, halfLifeMs);
  return {
    learn: (cell) => {
      const name = cellName(cell);
      const before = cells.get(name);
      cells.set(name, cell);
      for (const level of levelsOf(cell)) {
        const sum = sums.get(level);
        const atMs = Math.max(cell.asOf.getTime(), sum?.atMs ?? 0);
        const rest = sum === undefined ? none : seenAt(sum, atMs);
        const others = before === undefined ? rest : minus(rest, seenAt({ tally: before.tally, atMs: before.asOf.getTime() }, atMs));
        sums.set(level, { atMs, tally: plus(others, seenAt({ tally: cell.tally, atMs: cell.asOf.getTime() }, atMs)) });
      }
    },
    ladder: (route, now) =>
      levelsOf(route).map((level) => {
        const sum = sums.get(level);
        return sum === undefined ? none : seenAt(sum, now.getTime());
      }),
    cells: (now) =>
      [...cells.values()].map((cell) => ({ ...cell, tally: aged(cell.tally, now.getTime() - cell.asOf.getTime(), halfLifeMs), asOf: now })),
  };
};
