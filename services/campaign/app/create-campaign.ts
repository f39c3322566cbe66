import { appError } from '#platform/errors/index.ts';
import { zero, type Money } from '#platform/money/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { checkCampaign, type Campaign, type CampaignInput } from '../domain/campaign.ts';
import type { Templates, Transactions, Unit } from './ports.ts';

export interface CreateCampaignDeps {
  readonly transactions: Transactions;
  readonly templates: Templates;
  readonly newId: () => string;
  readonly clock: Clock;
  /** Address that messages come from, and price of one segment: fixed when the campaign is made. */
  readonly sender: string;
  readonly segmentPrice: Money;
}

const noCounts = { planned: 0n, submitted: 0n, delivered: 0n, failed: 0n, suppressed: 0n, unknown: 0n, cancelled: 0n };
const reported = 10;

const refuseUnknownContacts = async (unit: Unit, tenantId: string, ids: readonly string[]): Promise<void> => {
  const unknown = new Set(await unit.contacts.unknownIds(tenantId, ids));
  if (unknown.size === 0) return;
  const fields = ids.flatMap((id, i) =>
    unknown.has(id) ? [{ field: `audience.contactIds[${i}]`, reason: 'There is no such contact.' }] : [],
  );
  throw appError('request.invalid', { fields: fields.slice(0, reported) });
};

/**
 * Makes a draft. Repeating the call with its key returns the same campaign.
 * @throws AppError request.invalid (syntax errors name `body` and the line), request.idempotency_conflict
 */
export const createCampaign =
  ({ transactions, templates, newId, clock, sender, segmentPrice }: CreateCampaignDeps) =>
  async (call: { tenantId: string; idempotencyKey: string; input: CampaignInput }): Promise<Campaign> => {
    const { tenantId, idempotencyKey: key } = call;
    const input = checkCampaign(call.input, templates.check);
    return transactions.run((unit) =>
      unit.once({ tenantId, operation: 'campaign.create', key, request: input }, async () => {
        if (input.audience.kind === 'contacts') await refuseUnknownContacts(unit, tenantId, input.audience.contactIds);
        const campaign: Campaign = {
          ...input,
          id: newId(),
          tenantId,
          sender,
          status: 'draft',
          counts: noCounts,
          accepted: 0n,
          segmentPrice,
          quoteId: undefined,
          estimatedCost: undefined,
          charged: zero(segmentPrice.currency),
          holdId: undefined,
          holdExpiresAt: undefined,
          launchKey: undefined,
          launchActor: undefined,
          createdAt: clock.now(),
          launchedAt: undefined,
          completedAt: undefined,
          closedAt: undefined,
          version: 1n,
        };
        await unit.campaigns.insert(campaign);
        return campaign;
      }),
    );
  };
