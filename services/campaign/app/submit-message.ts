import { settle, type Settlement } from '../domain/outcome.ts';
import { segment } from '../domain/segments.ts';
import { renderText, type Rendered } from './plan-messages.ts';
import type { Carrier, ClaimedJob, SettledJob, Template } from './ports.ts';

export interface SubmitMessageDeps {
  readonly carrier: Carrier;
  /** Compiled body of a campaign. */
  readonly templateOf: (campaignId: string) => Template | undefined;
  /** 0…1 */
  readonly random: () => number;
}

const refused = (reason: string): Settlement => ({ state: 'failed', messageIds: [], reason, retryAfterMs: 0, countsAsRefusal: false });

const render = (job: ClaimedJob, templateOf: SubmitMessageDeps['templateOf']): Rendered => {
  if (job.text !== undefined) return { ok: true, segmentation: segment(job.text) };
  const template = job.campaignId === undefined ? undefined : templateOf(job.campaignId);
  return template ? renderText(template, job.variables) : { ok: false, reason: 'render_failed' };
};

/** Renders one claimed message, gives it to the carrier once, and says what became of it. Never throws. */
export const submitMessage =
  ({ carrier, templateOf, random }: SubmitMessageDeps) =>
  async (job: ClaimedJob): Promise<SettledJob> => {
    const { id, attempt } = job;
    const rendered = render(job, templateOf);
    if (!rendered.ok) return { id, attempt, settlement: refused(rendered.reason) };
    const { segmentation } = rendered;
    // More parts than were estimated have no money held for them.
    if (segmentation.parts.length > job.segments) return { id, attempt, settlement: refused('longer_than_estimated') };
    const outcome = await carrier.submit({ id, attempt, sender: job.sender, phone: job.phone, segmentation });
    return { id, attempt, settlement: settle(outcome, job, random()) };
  };
