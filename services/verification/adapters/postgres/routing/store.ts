import type { Database } from '#platform/postgres/index.ts';
import { type DayTally, type ProviderState, type RouteStore, type Sighted, unheardOf } from '../../../app/routing/ports.ts';
import type { Cell } from '../../../domain/routing/evidence.ts';
import { tallyFields } from '../../../domain/routing/tally.ts';
import { fromStateRow, type OfferRow, ProviderStateRow, type SwitchRow, type TallyRow, toStored } from './rows.ts';
import { cellNewsSql, daySql, horizonSql, offerNewsSql, pauseSql, publishCircuitSql, recordSql, switchedOffSql } from './sql.ts';

const hourMs = 3_600_000;
const hourOf = (at: Date): Date => new Date(Math.floor(at.getTime() / hourMs) * hourMs);
const theBeginning = new Date(0);

const cellOf = (row: TallyRow): Cell => ({
  ...{ provider: row.provider, service: row.service, country: row.country, operator: row.operator, asOf: row.as_of },
  tally: {
    ...{ granted: row.granted, refused: row.refused, unknown: row.unknown, codes: row.codes, misses: row.misses },
    ...{ lnLatencyMs: row.ln_latency_ms, costMicros: row.cost_micros },
  },
});

const recordParams = (sighted: readonly Sighted[], at: Date, halfLifeMs: number): unknown[] => [
  ...(['provider', 'service', 'country', 'operator'] as const).map((field) => sighted.map((row) => row[field])),
  ...tallyFields.map((field) => sighted.map(({ tally }) => tally[field])),
  ...[at, halfLifeMs, hourOf(at), sighted.map(({ latencies }) => JSON.stringify(latencies))],
];

/** A switch of policy is a pause, until it is switched on again. */
const withSwitches = (states: readonly ProviderState[], switches: readonly SwitchRow[]): readonly ProviderState[] => {
  const off = new Map(switches.map((row) => [row.provider, { at: row.set_at, by: row.set_by, note: row.reason }]));
  const unheard = [...off.keys()].filter((name) => states.every(({ provider }) => provider !== name)).map(unheardOf);
  return [...states, ...unheard].map((state) => ({ ...state, paused: state.paused ?? off.get(state.provider) }));
};

/** Routing in PostgreSQL. */
export const createRouteStore = ({ db, halfLifeMs }: { db: Database; halfLifeMs: number }): RouteStore => ({
  record: async (sighted, at) => {
    await db.query(recordSql, recordParams(sighted, at, halfLifeMs));
  },
  news: async (since) => {
    const from = since ?? theBeginning;
    const [horizon] = await db.query<{ until: Date }>(horizonSql);
    const [cells, offers, states, switches] = await Promise.all([
      db.query<TallyRow>(cellNewsSql, [from], { name: 'route-cell-news' }),
      db.query<OfferRow>(offerNewsSql, [from], { name: 'route-offer-news' }),
      db.em().find(ProviderStateRow, {}),
      db.query<SwitchRow>(switchedOffSql),
    ]);
    return {
      cells: cells.map(cellOf),
      offers: offers.map(({ cost_micros: costMicros, ...offer }) => ({ ...offer, costMicros })),
      providers: withSwitches(states.map(fromStateRow), switches),
      until: horizon?.until ?? from,
    };
  },
  publishCircuit: async (provider, circuit, version) =>
    (await db.query(publishCircuitSql, [provider, JSON.stringify(toStored(circuit)), version])).length > 0,
  pause: async (provider, paused) => {
    await db.query(pauseSql, [provider, paused?.at ?? null, paused?.by ?? null, paused?.note ?? null]);
  },
  day: (since) => db.query<DayTally>(daySql, [since]),
  forgetHours: async (before) => {
    await db.query('delete from route_hours where hour < $1', [before]);
  },
});
