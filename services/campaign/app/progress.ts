import { noProgress, sumTransitions, type Progress, type Transition } from '../domain/campaign.ts';
import type { ProgressDelta, ProgressedCampaign, Unit } from './ports.ts';

const progressDelta = ({ counts, newlySubmitted }: Progress): ProgressDelta => ({
  submitted: newlySubmitted,
  delivered: counts.delivered,
  failed: counts.failed,
  suppressed: counts.suppressed,
  unknown: counts.unknown,
});

const announce = async (unit: Unit, campaign: ProgressedCampaign, progress: Progress, at: Date): Promise<void> => {
  // Before the launch is announced nobody knows the campaign; the launch itself tells what was planned.
  if (!campaign.launched) return;
  const { id: campaignId, tenantId, holdId = '', charged: chargedTotal } = campaign;
  const delta = progressDelta(progress);
  const base = { tenantId, at, campaignId, holdId, chargedTotal };
  if (Object.values(delta).some((n) => n !== 0) || progress.acceptedSegments !== 0) {
    await unit.events.messagesProgressed({ ...base, version: campaign.version - (campaign.closedNow ? 1n : 0n), progress: delta });
  }
  if (!campaign.closedNow) return;
  if (campaign.status === 'completed') await unit.events.campaignCompleted({ ...base, version: campaign.version });
  else await unit.events.campaignCancelled({ ...base, version: campaign.version });
};

/** Moves counts and charge by what just happened to messages, in the transaction in which it happened, and tells it. */
export const recordProgress = async (unit: Unit, transitions: readonly Transition[], at: Date): Promise<void> => {
  const sums = sumTransitions(transitions);
  if (sums.size === 0) return;
  for (const campaign of await unit.campaigns.addProgress(sums, at)) {
    await announce(unit, campaign, sums.get(campaign.id) ?? noProgress, at);
  }
};

/** Ends a campaign whose last message was settled while it could not end (paused, launching, being cancelled). */
export const closeIfNothingLeft = async (unit: Unit, campaignId: string, at: Date): Promise<void> => {
  for (const campaign of await unit.campaigns.addProgress(new Map([[campaignId, noProgress]]), at))
    await announce(unit, campaign, noProgress, at);
};
