import { defineEntity, type InferEntity, p } from '@mikro-orm/postgresql';
import type { ProviderState } from '../../../app/routing/ports.ts';
import { type Circuit, closedCircuit } from '../../../domain/routing/breaker.ts';

export const ProviderStateRow = defineEntity({
  name: 'ProviderStateRow',
  tableName: 'provider_states',
  properties: {
    provider: p.text().primary(),
    circuit: p.json().$type<StoredCircuit>().nullable(),
    version: p.integer(),
    pausedAt: p.datetime().nullable(),
    pausedBy: p.text().nullable(),
    pauseNote: p.text().nullable(),
    balanceMicros: p.bigint('bigint').nullable(),
    balanceAt: p.datetime().nullable(),
    marketAt: p.datetime().nullable(),
    expectedMicros: p.bigint('bigint').nullable(),
    driftMicros: p.bigint('bigint').nullable(),
    driftLimitMicros: p.bigint('bigint').nullable(),
    reconciledAt: p.datetime().nullable(),
  },
});

export const routingEntities = [ProviderStateRow] as const;

/** A circuit as JSON: its time is text. */
export type StoredCircuit = Omit<Circuit, 'openUntil'> & { readonly openUntil: string | null };

export const toStored = ({ openUntil, ...circuit }: Circuit): StoredCircuit => ({
  ...circuit,
  openUntil: openUntil?.toISOString() ?? null,
});

const fromStored = ({ openUntil, ...circuit }: StoredCircuit): Circuit => ({
  ...circuit,
  openUntil: openUntil === null ? undefined : new Date(openUntil),
});

export const fromStateRow = (row: InferEntity<typeof ProviderStateRow>): ProviderState => ({
  provider: row.provider,
  circuit: row.circuit ? fromStored(row.circuit) : closedCircuit,
  version: row.version,
  paused: row.pausedAt ? { at: row.pausedAt, by: row.pausedBy ?? '', note: row.pauseNote ?? '' } : undefined,
  balance: row.balanceAt ? { micros: row.balanceMicros ?? 0n, at: row.balanceAt } : undefined,
  marketAt: row.marketAt ?? undefined,
  reconciled: row.reconciledAt
    ? {
        ...{ at: row.reconciledAt, expectedMicros: row.expectedMicros ?? 0n },
        ...{ driftMicros: row.driftMicros ?? 0n, limitMicros: row.driftLimitMicros ?? 0n },
      }
    : undefined,
});

/** A row of route_tallies, as SQL returns it. */
export interface TallyRow {
  readonly provider: string;
  readonly service: string;
  readonly country: string;
  readonly operator: string;
  readonly granted: number;
  readonly refused: number;
  readonly unknown: number;
  readonly codes: number;
  readonly misses: number;
  readonly ln_latency_ms: number;
  readonly cost_micros: number;
  readonly as_of: Date;
}

export interface SwitchRow {
  readonly provider: string;
  readonly set_by: string;
  readonly set_at: Date;
  readonly reason: string;
}

export interface OfferRow {
  readonly provider: string;
  readonly country: string;
  readonly service: string;
  readonly cost_micros: bigint;
  readonly stock: number;
}
