import { Type, type Static } from 'typebox';
import { appError } from '#platform/errors/index.ts';
import { fromTypeId } from '#platform/ids/index.ts';
import { readAccess, writeAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, idempotencyKeyOf, pathId } from '../context.ts';
import { edgeId, fromEnum, fromMoney, fromTime, page, toPage } from '../mapping.ts';
import { closed, Currency, id, IdempotencyHeaders, pageOf, PageQuery, problems, Timestamp } from '../schemas.ts';
import type { Audience as AudienceMessage, Campaign as CampaignMessage } from '#proto/namaskah/campaign/v1/campaign.ts';
import type { App } from './index.ts';

const Audience = Type.Union([
  Type.Object({ all: Type.Literal(true) }, closed),
  Type.Object({ contactIds: Type.Array(id('con'), { minItems: 1, maxItems: 10_000, uniqueItems: true }) }, closed),
]);
const Count = Type.Integer({ minimum: 0 });
const Counts = Type.Object(
  {
    planned: Count,
    submitted: Count,
    delivered: Count,
    failed: Count,
    suppressed: Count,
    unknown: Type.Integer({ description: 'Given to the carrier, whose answer was lost: parked, never sent again blindly' }),
    cancelled: Count,
  },
  closed,
);
const statuses = ['draft', 'running', 'paused', 'completed', 'cancelled'] as const;
const Status = Type.Enum([...statuses]);
const MaybeTime = Type.Union([Timestamp, Type.Null()]);
const Campaign = Type.Object(
  {
    id: id('cmp'),
    name: Type.String(),
    body: Type.String(),
    audience: Audience,
    status: Status,
    counts: Counts,
    estimatedCost: Type.String(),
    charged: Type.String(),
    currency: Currency,
    createdAt: Timestamp,
    launchedAt: MaybeTime,
    completedAt: MaybeTime,
  },
  closed,
);

const audienceToProto = (audience: Static<typeof Audience>): AudienceMessage => {
  if ('all' in audience) return { selection: { $case: 'all', value: {} } };
  const ids = audience.contactIds.map((text, index) => {
    const uuid = fromTypeId('contact', text);
    if (uuid === undefined)
      throw appError('request.invalid', { fields: [{ field: `audience.contactIds[${index}]`, reason: 'is not a contact id' }] });
    return uuid;
  });
  return { selection: { $case: 'contactIds', value: { ids } } };
};

const audienceFromProto = (audience: AudienceMessage | undefined): Static<typeof Audience> =>
  audience?.selection?.$case === 'contactIds'
    ? { contactIds: audience.selection.value.ids.map((uuid) => edgeId('contact', uuid)) }
    : { all: true };

const campaignFromProto = (campaign: CampaignMessage | undefined): Static<typeof Campaign> => {
  if (!campaign) throw new Error('the campaign service answered without a campaign');
  const { counts } = campaign;
  return {
    id: edgeId('campaign', campaign.id),
    name: campaign.name,
    body: campaign.body,
    audience: audienceFromProto(campaign.audience),
    status: fromEnum('CAMPAIGN_STATUS', campaign.status) as (typeof statuses)[number],
    counts: {
      planned: Number(counts?.planned ?? 0n),
      submitted: Number(counts?.submitted ?? 0n),
      delivered: Number(counts?.delivered ?? 0n),
      failed: Number(counts?.failed ?? 0n),
      suppressed: Number(counts?.suppressed ?? 0n),
      unknown: Number(counts?.unknown ?? 0n),
      cancelled: Number(counts?.cancelled ?? 0n),
    },
    estimatedCost: fromMoney(campaign.estimatedCost),
    charged: fromMoney(campaign.charged),
    currency: campaign.estimatedCost?.currency || 'USD',
    createdAt: fromTime(campaign.createdAt) ?? '',
    launchedAt: fromTime(campaign.launchedAt),
    completedAt: fromTime(campaign.completedAt),
  };
};

export const campaignRoutes = (app: App, { campaigns }: Backends): void => {
  const tags = ['campaigns'];
  const params = Type.Object({ id: Type.String() });
  const noBody = Type.Optional(Type.Union([Type.Object({}, closed), Type.Null()]));
  app.post(
    '/v2/campaigns',
    {
      config: { access: writeAccess('campaigns:write') },
      schema: {
        tags,
        summary: 'Draft a campaign',
        headers: IdempotencyHeaders,
        body: Type.Object(
          {
            name: Type.String({ minLength: 1, maxLength: 120, examples: ['Spring news'] }),
            body: Type.String({
              minLength: 1,
              maxLength: 1600,
              description: 'Liquid: firstName, lastName, phone, email, fields.*',
              examples: ['Hello {{ firstName | default: "there" }}, we open at nine.'],
            }),
            audience: Audience,
          },
          closed,
        ),
        response: { 201: Campaign, ...problems(403, 409, 422) },
      },
    },
    async (request, reply) => {
      const { name, body, audience } = request.body;
      const answer = await campaigns.createCampaign(
        { idempotencyKey: idempotencyKeyOf(request), name, body, audience: audienceToProto(audience) },
        callOptions(request),
      );
      return reply.code(201).send(campaignFromProto(answer.campaign));
    },
  );
  app.get(
    '/v2/campaigns',
    {
      config: { access: readAccess('campaigns:read') },
      schema: {
        tags,
        summary: 'List campaigns, newest first',
        querystring: Type.Object({ ...PageQuery, status: Type.Optional(Status) }, closed),
        response: { 200: pageOf(Campaign), ...problems(403, 422) },
      },
    },
    async (request) => {
      const answer = await campaigns.listCampaigns(
        { page: toPage(request.query), status: request.query.status ?? '' },
        callOptions(request),
      );
      return page(answer.campaigns, answer.nextCursor, campaignFromProto);
    },
  );
  app.get(
    '/v2/campaigns/:id',
    {
      config: { access: readAccess('campaigns:read') },
      schema: { tags, summary: 'One campaign with its counts', params, response: { 200: Campaign, ...problems(403, 404) } },
    },
    async (request) =>
      campaignFromProto((await campaigns.getCampaign({ id: pathId('campaign', request.params.id) }, callOptions(request))).campaign),
  );
  app.post(
    '/v2/campaigns/:id/launch',
    {
      config: { access: writeAccess('campaigns:write') },
      schema: {
        tags,
        summary: 'Send it',
        description: 'Holds the estimated cost, then sends in the background. Only what the carrier accepts is charged.',
        headers: IdempotencyHeaders,
        params,
        body: noBody,
        response: { 202: Campaign, ...problems(402, 403, 404, 409, 422) },
      },
    },
    async (request, reply) => {
      const answer = await campaigns.launchCampaign(
        { id: pathId('campaign', request.params.id), idempotencyKey: idempotencyKeyOf(request) },
        callOptions(request),
      );
      return reply.code(202).send(campaignFromProto(answer.campaign));
    },
  );
  const steer = (
    verb: 'pause' | 'resume' | 'cancel',
    summary: string,
    call: 'pauseCampaign' | 'resumeCampaign' | 'cancelCampaign',
  ): void => {
    app.post(
      `/v2/campaigns/:id/${verb}`,
      {
        config: { access: writeAccess('campaigns:write') },
        schema: { tags, summary, params, body: noBody, response: { 200: Campaign, ...problems(403, 404, 409) } },
      },
      async (request) =>
        campaignFromProto(
          (await campaigns[call]({ id: pathId('campaign', (request.params as { id: string }).id) }, callOptions(request))).campaign,
        ),
    );
  };
  steer('pause', 'Stop sending for now', 'pauseCampaign');
  steer('resume', 'Go on sending', 'resumeCampaign');
  steer('cancel', 'Stop for good; what was not sent is not charged', 'cancelCampaign');
};
