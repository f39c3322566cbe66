import { appError, isAppError, type ErrorCode } from '#platform/errors/index.ts';
import { addMs, dayMs, minuteMs, type Clock } from '#platform/time/index.ts';
import { decideMove, funnelOf, type Campaign } from '../domain/campaign.ts';
import { planMessages } from './plan-messages.ts';
import type { CountryOf, Ledger, Template, Templates, Transactions, Unit } from './ports.ts';
import { closeIfNothingLeft } from './progress.ts';

export interface LaunchCampaignDeps {
  readonly transactions: Transactions;
  readonly templates: Templates;
  readonly ledger: Ledger;
  readonly newId: () => string;
  readonly countryOf: CountryOf;
  readonly clock: Clock;
  readonly wake: () => void;
  /** Contacts planned in one transaction. */
  readonly pageSize?: number;
}

export interface LaunchRequest {
  readonly tenantId: string;
  readonly id: string;
  readonly key: string;
  /** Who asks: user:<id> or key:<id>; left out when a launch is carried on. */
  readonly actor?: string;
}

/** A launch that stands still this long is taken over. Renewed with every page. */
const leaseMs = minuteMs;
/** The longest a campaign can run; `cancelExpiring` ends it before the money goes back by itself. */
export const holdLifeMs = 30 * dayMs;

/** Answers that say for certain that no money is held: the launch is undone. Anything else is unknown and tried again. */
const refusals: readonly ErrorCode[] = [
  'billing.insufficient_credit',
  'billing.spending_paused',
  'billing.budget_exhausted',
  'billing.no_price',
  // A key that holds money already answers before the quote is looked at.
  'billing.quote_invalid',
  'billing.quote_exceeded',
  'request.invalid',
  'auth.forbidden',
];

interface Lease {
  until: Date;
}

/**
 * Takes the campaign out of draft, or takes over a launch whose process died.
 * @returns undefined when it was launched by the same key before
 */
const begin = async (
  unit: Unit,
  request: LaunchRequest,
  clock: Clock,
): Promise<{ campaign: Campaign; lease: Lease } | { done: Campaign }> => {
  const campaign = await unit.campaigns.lock(request.tenantId, request.id);
  if (!campaign) throw appError('request.not_found');
  if (decideMove(campaign, 'launch', request.key) === 'done') return { done: campaign };
  const now = clock.now();
  if (campaign.launchLeaseUntil && campaign.launchLeaseUntil > now)
    throw appError('request.idempotency_in_progress', { retryAfterMs: 1_000 });
  const lease = { until: addMs(now, leaseMs) };
  await unit.campaigns.beginLaunch(campaign.id, { key: request.key, actor: request.actor, leaseUntil: lease.until });
  return { campaign: { ...campaign, launchActor: request.actor ?? campaign.launchActor }, lease };
};

/** Another process took over: this one must not go on. */
const keepLease = async (unit: Unit, campaign: Campaign, lease: Lease, clock: Clock): Promise<Date> => {
  const current = await unit.campaigns.lock(campaign.tenantId, campaign.id);
  if (current?.status !== 'launching' || current.launchLeaseUntil?.getTime() !== lease.until.getTime()) {
    throw appError('request.idempotency_in_progress', { retryAfterMs: 1_000 });
  }
  return addMs(clock.now(), leaseMs);
};

/** One message per contact, page by page: a page is planned once, a crash goes on after the last page. */
const planAll = async (deps: LaunchCampaignDeps, campaign: Campaign, template: Template, lease: Lease): Promise<void> => {
  const pageSize = deps.pageSize ?? 1_000;
  for (let planned = pageSize; planned === pageSize;) {
    const page = await deps.transactions.run(async (unit) => {
      const until = await keepLease(unit, campaign, lease, deps.clock);
      const members = await unit.jobs.audiencePage(campaign, pageSize);
      await unit.jobs.plan(campaign, planMessages(members, template, deps), deps.clock.now());
      await unit.campaigns.beginLaunch(campaign.id, { key: campaign.launchKey ?? '', leaseUntil: until });
      return { members: members.length, until };
    });
    lease.until = page.until;
    planned = page.members;
  }
};

/**
 * What the planned messages cost this tenant, promised by billing, country by country.
 * @returns the campaign with its estimate, or undefined when nobody can be reached
 */
const fixEstimate = async (deps: LaunchCampaignDeps, campaign: Campaign, lease: Lease): Promise<Campaign | undefined> => {
  const { tenantId, segmentPrice: listPrice } = campaign;
  const planned = await deps.transactions.run((unit) => unit.jobs.plannedByCountry(campaign.id));
  if (planned.length === 0) return undefined;
  const quote = await orUndo(deps, campaign, lease, () => deps.ledger.quoteMessages({ tenantId, listPrice, planned }));
  const { quoteId, prices, total: cost } = quote;
  const fixed = await deps.transactions.run(async (unit) => {
    const until = await keepLease(unit, campaign, lease, deps.clock);
    const holdExpiresAt = addMs(deps.clock.now(), holdLifeMs);
    await unit.campaigns.fixEstimate(campaign.id, { cost, quoteId, prices, holdExpiresAt, leaseUntil: until });
    return { campaign: { ...campaign, estimatedCost: cost, quoteId, holdExpiresAt }, until };
  });
  lease.until = fixed.until;
  return fixed.campaign;
};

/** Back to draft without a trace. */
const undo = async ({ transactions, clock }: LaunchCampaignDeps, campaign: Campaign, lease: Lease): Promise<void> => {
  const batch = 5_000;
  for (let removed = batch; removed === batch;) {
    removed = await transactions.run(async (unit) => {
      await keepLease(unit, campaign, lease, clock);
      const count = await unit.jobs.discard(campaign.id, batch);
      if (count < batch) await unit.campaigns.abandonLaunch(campaign.id);
      return count;
    });
  }
};

/** Asks billing. A refusal undoes the launch; without an answer the same is asked again, on the caller's repetition or by the keeper. */
const orUndo = async <T>(deps: LaunchCampaignDeps, campaign: Campaign, lease: Lease, ask: () => Promise<T>): Promise<T> => {
  try {
    return await ask();
  } catch (error) {
    if (refusals.some((code) => isAppError(error, code))) {
      await undo(deps, campaign, lease);
    } else {
      await deps.transactions.run(async (unit) => {
        await keepLease(unit, campaign, lease, deps.clock);
        await unit.campaigns.beginLaunch(campaign.id, { key: campaign.launchKey ?? '', leaseUntil: deps.clock.now() });
      });
    }
    throw error;
  }
};

const placeHold = async (deps: LaunchCampaignDeps, campaign: Campaign, lease: Lease): Promise<string> => {
  const {
    tenantId,
    id: campaignId,
    name: campaignName,
    estimatedCost: amount,
    quoteId,
    holdExpiresAt: expiresAt,
    launchActor: actor,
  } = campaign;
  if (!amount || !expiresAt) throw appError('platform.internal', { cause: new Error('a launch without an estimate') });
  const hold = { tenantId, campaignId, campaignName, amount, quoteId, expiresAt, actor };
  return (await orUndo(deps, campaign, lease, () => deps.ledger.placeHold(hold))).holdId;
};

const start = (deps: LaunchCampaignDeps, campaign: Campaign, holdId: string, lease: Lease): Promise<Campaign> =>
  deps.transactions.run(async (unit) => {
    await keepLease(unit, campaign, lease, deps.clock);
    const at = deps.clock.now();
    const running = await unit.campaigns.start(campaign.id, { holdId, at });
    const { tenantId, id: campaignId, counts, charged: chargedTotal, estimatedCost } = running;
    if (!estimatedCost) throw new Error('a launch without an estimate');
    const base = { tenantId, at, campaignId, holdId };
    await unit.events.campaignLaunched({ ...base, version: running.version - 1n, planned: funnelOf(running).planned, estimatedCost });
    if (counts.suppressed + counts.failed > 0n) {
      const progress = { submitted: 0, delivered: 0, failed: Number(counts.failed), suppressed: Number(counts.suppressed), unknown: 0 };
      await unit.events.messagesProgressed({ ...base, version: running.version, chargedTotal, progress });
    }
    // Everybody may have opted out since the page was planned.
    if (counts.planned === 0n) await closeIfNothingLeft(unit, campaignId, at);
    return (await unit.campaigns.lock(tenantId, campaignId)) ?? running;
  });

/**
 * Plans one message per contact from really rendered texts, holds the money for all of them, and starts sending. The
 * rows are the estimate: what is held is exactly what can be sent. Each step is repeatable, so a crash anywhere is
 * carried on by the next call or by the keeper.
 * @throws AppError request.not_found, campaign.wrong_state, campaign.empty_audience, billing.insufficient_credit (still a
 *   draft then), request.idempotency_in_progress while another process works on it
 */
export const launchCampaign =
  (deps: LaunchCampaignDeps) =>
  async (request: LaunchRequest): Promise<Campaign> => {
    const begun = await deps.transactions.run((unit) => begin(unit, request, deps.clock));
    if ('done' in begun) return begun.done;
    const { lease } = begun;
    let campaign: Campaign = { ...begun.campaign, launchKey: request.key };
    if (!campaign.estimatedCost) {
      await planAll(deps, campaign, deps.templates.compile(campaign.body), lease);
      const estimated = await fixEstimate(deps, campaign, lease);
      if (!estimated) {
        await undo(deps, campaign, lease);
        throw appError('campaign.empty_audience');
      }
      campaign = estimated;
    }
    const holdId = await placeHold(deps, campaign, lease);
    const running = await start(deps, campaign, holdId, lease);
    deps.wake();
    return running;
  };
