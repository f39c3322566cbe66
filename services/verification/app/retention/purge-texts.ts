import type { Clock } from '#platform/time/index.ts';
import { planPolicy, type Policies } from '../../domain/policies.ts';
import type { Texts } from './ports.ts';

const batchSize = 1_000;
/** A worker that has much to delete lets others work in between. */
const maxBatches = 20;

/** Deletes what no plan keeps any longer: texts, codes, senders. What was bought and paid stays. @returns how many messages went */
export const purgeTexts =
  ({ texts, policies, clock }: { readonly texts: Texts; readonly policies: Policies; readonly clock: Clock }) =>
  async (): Promise<number> => {
    const days = Object.fromEntries(Object.entries(policies.plans).map(([plan, { retentionDays }]) => [plan, retentionDays]));
    const defaultDays = planPolicy(policies, policies.defaultPlan).retentionDays;
    let gone = 0;
    for (let batch = 0; batch < maxBatches; batch++) {
      const deleted = await texts.purge(clock.now(), days, defaultDays, batchSize);
      gone += deleted;
      if (deleted < batchSize) break;
    }
    return gone;
  };
