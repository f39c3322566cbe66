import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** One row of `hourly_figures`: what a figure came to for a tenant in an hour (UTC). */
export const HourlyFigureRow = defineEntity({
  name: 'HourlyFigureRow',
  tableName: 'hourly_figures',
  properties: {
    tenantId: p.uuid().primary(),
    hour: p.datetime().primary(),
    figure: p.text().primary(),
    dimension: p.text().primary(),
    count: p.bigint(),
    micros: p.bigint(),
  },
});
export type HourlyFigureRow = InferEntity<typeof HourlyFigureRow>;

/** `events` has none: it is written in batches and summed, always by SQL, and no single event is ever read. */
export const entities = [HourlyFigureRow];
