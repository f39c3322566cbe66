import { appError, type AppError, type FieldViolation } from '#platform/errors/index.ts';
import type { Money } from '#platform/money/index.ts';
import { maxTextLength } from './segments.ts';

/** `launching`: rows are being planned and money is being held; outside it still shows as a draft. */
export type CampaignStatus = 'draft' | 'launching' | 'running' | 'paused' | 'completed' | 'cancelled';

/** Every message is in exactly one state; `claimed` is counted with `planned`: its answer is outstanding. */
export type JobState = 'planned' | 'claimed' | 'submitted' | 'delivered' | 'failed' | 'suppressed' | 'unknown' | 'cancelled';

export const countNames = ['planned', 'submitted', 'delivered', 'failed', 'suppressed', 'unknown', 'cancelled'] as const;
export type CountName = (typeof countNames)[number];
export type Counts = Readonly<Record<CountName, bigint>>;

const bucketOf = (state: JobState): CountName => (state === 'claimed' ? 'planned' : state);

/**
 * The figures as customers read them: how far the campaign came. `planned` is everybody it was to reach and never falls;
 * `submitted` is what the carrier took, delivered or not. Every other count is the state that messages are in now.
 */
export const funnelOf = ({ counts, accepted }: { readonly counts: Counts; readonly accepted: bigint }): Counts => ({
  ...counts,
  planned: countNames.reduce((sum, name) => sum + counts[name], 0n),
  submitted: accepted,
});

export type Audience = { readonly kind: 'all' } | { readonly kind: 'contacts'; readonly contactIds: readonly string[] };

export interface Campaign {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  readonly body: string;
  readonly audience: Audience;
  readonly sender: string;
  readonly status: CampaignStatus;
  readonly counts: Counts;
  /** Messages the carrier ever took, whatever became of them. */
  readonly accepted: bigint;
  /** The list price; what a segment costs this tenant, by country, is fixed by a quote at the launch. */
  readonly segmentPrice: Money;
  readonly quoteId: string | undefined;
  /** Known once the launch has rendered every message. */
  readonly estimatedCost: Money | undefined;
  readonly charged: Money;
  readonly holdId: string | undefined;
  readonly holdExpiresAt: Date | undefined;
  readonly launchKey: string | undefined;
  /** Who launched it: user:<id> or key:<id>. */
  readonly launchActor: string | undefined;
  readonly createdAt: Date;
  readonly launchedAt: Date | undefined;
  readonly completedAt: Date | undefined;
  /** Nothing is left to send and the final charge is told: later answers change counts, never money. */
  readonly closedAt: Date | undefined;
  readonly version: bigint;
}

const maxAudienceIds = 10_000;

export interface CampaignInput {
  readonly name: string;
  readonly body: string;
  readonly audience: Audience | undefined;
}

/**
 * @param checkBody syntax problem of the template, or undefined
 * @throws AppError request.invalid naming every wrong field
 */
export const checkCampaign = (
  input: CampaignInput,
  checkBody: (body: string) => string | undefined,
): { name: string; body: string; audience: Audience } => {
  const name = input.name.trim();
  const violations: FieldViolation[] = [];
  if (name === '' || name.length > 100 || /\p{Cc}/u.test(name) || !name.isWellFormed())
    violations.push({ field: 'name', reason: 'A name has 1 to 100 characters.' });
  if (input.body.trim() === '') violations.push({ field: 'body', reason: 'The text is empty.' });
  else if (input.body.length > maxTextLength) violations.push({ field: 'body', reason: `At most ${maxTextLength} characters.` });
  else if (input.body.includes('\0') || !input.body.isWellFormed())
    violations.push({ field: 'body', reason: 'The text holds a character that cannot be sent.' });
  else {
    const problem = checkBody(input.body);
    if (problem !== undefined) violations.push({ field: 'body', reason: problem });
  }
  const { audience } = input;
  if (!audience) violations.push({ field: 'audience', reason: 'Choose everybody or name contacts.' });
  if (audience?.kind === 'contacts') {
    if (audience.contactIds.length === 0) violations.push({ field: 'audience.contactIds', reason: 'Name at least one contact.' });
    if (audience.contactIds.length > maxAudienceIds)
      violations.push({ field: 'audience.contactIds', reason: `At most ${maxAudienceIds} contacts.` });
  }
  if (violations.length > 0 || !audience) throw appError('request.invalid', { fields: violations });
  return {
    name,
    body: input.body,
    audience: audience.kind === 'all' ? audience : { kind: 'contacts', contactIds: [...new Set(audience.contactIds)] },
  };
};

const wrongState = (message: string): AppError => appError('campaign.wrong_state', { message });

export type Move = 'launch' | 'pause' | 'resume' | 'cancel';

/**
 * What a request for a move means now.
 * @returns `done` when the campaign is there already (a repeated request), `go` when it may move
 * @throws AppError campaign.wrong_state
 */
export const decideMove = (campaign: Pick<Campaign, 'status' | 'launchKey'>, move: Move, launchKey = ''): 'go' | 'done' => {
  const { status } = campaign;
  switch (move) {
    case 'launch':
      if (status === 'draft' || status === 'launching') return 'go';
      if (campaign.launchKey === launchKey) return 'done';
      throw wrongState('The campaign was launched already.');
    case 'pause':
      if (status === 'running') return 'go';
      if (status === 'paused') return 'done';
      throw wrongState('Only a running campaign can be paused.');
    case 'resume':
      if (status === 'paused') return 'go';
      if (status === 'running') return 'done';
      throw wrongState('Only a paused campaign can be resumed.');
    case 'cancel':
      if (status === 'draft' || status === 'running' || status === 'paused') return 'go';
      if (status === 'cancelled') return 'done';
      throw wrongState(status === 'launching' ? 'The campaign is being launched; try again shortly.' : 'The campaign is completed.');
  }
};

/** What one batch changed in a campaign: differences per count, and the segments newly accepted. */
export interface Progress {
  readonly counts: Readonly<Record<CountName, number>>;
  /** Messages the carrier took for the first time; unlike `counts.submitted` this never falls when they arrive. */
  readonly newlySubmitted: number;
  readonly acceptedSegments: number;
  /** What those cost. */
  readonly chargeMicros: bigint;
}

export const noProgress: Progress = {
  counts: { planned: 0, submitted: 0, delivered: 0, failed: 0, suppressed: 0, unknown: 0, cancelled: 0 },
  newlySubmitted: 0,
  acceptedSegments: 0,
  chargeMicros: 0n,
};

export interface Transition {
  readonly campaignId: string;
  readonly from: JobState;
  readonly to: JobState;
  readonly messages: number;
  readonly acceptedSegments: number;
  readonly chargeMicros: bigint;
}

const isTaken = (state: JobState): boolean => state === 'submitted' || state === 'delivered';
const isUntold = (state: JobState): boolean => state === 'planned' || state === 'claimed' || state === 'unknown';

/** Sums transitions per campaign. */
export const sumTransitions = (transitions: readonly Transition[]): Map<string, Progress> => {
  const sums = new Map<string, Progress>();
  for (const { campaignId, from, to, messages, acceptedSegments, chargeMicros } of transitions) {
    const sum = sums.get(campaignId) ?? noProgress;
    const counts = { ...sum.counts };
    counts[bucketOf(from)] -= messages;
    counts[bucketOf(to)] += messages;
    sums.set(campaignId, {
      counts,
      newlySubmitted: sum.newlySubmitted + (isUntold(from) && isTaken(to) ? messages : 0),
      acceptedSegments: sum.acceptedSegments + acceptedSegments,
      chargeMicros: sum.chargeMicros + chargeMicros,
    });
  }
  return sums;
};
