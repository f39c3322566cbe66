import { Type } from 'typebox';
import type { Promotion as PromotionMessage, Redemption as RedemptionMessage } from '#proto/namaskah/billing/v1/promotions.ts';
import { adminAccess, operatorAccess, readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, idempotencyKeyOf, pathId } from '../context.ts';
import { edgeId, fromMoney, fromTime, page, toMoney, toPage, toTime } from '../mapping.ts';
import { Amount, closed, Currency, id, IdempotencyHeaders, pageOf, PageQuery, problems, type Static, Timestamp } from '../schemas.ts';
import { fromPpm, Percent, toPpm } from '../rates.ts';
import type { App } from './index.ts';

const nothing = Type.Null();
const kinds = ['percent', 'fixed', 'credit'] as const;
const Kind = Type.Enum([...kinds], {
  description: 'percent and fixed take something off every price while the benefit lasts; credit goes into the wallet once',
});
const Code = Type.String({ minLength: 3, maxLength: 40, description: 'Case does not matter', examples: ['WELCOME-5'] });
const products = ['verification', 'campaign', 'rental', 'subscription', 'usage'] as const;
const Products = Type.Array(Type.Enum([...products]), { maxItems: 10, description: 'Empty: all' });

const benefit = {
  kind: Kind,
  percent: Type.Union([Percent, nothing]),
  amount: Type.Union([Type.String({ examples: ['5.00'] }), nothing]),
  currency: Type.Union([Currency, nothing]),
  products: Products,
};
const Redemption = Type.Object(
  {
    id: id('rdm'),
    code: Type.String({ examples: ['WELCOME-5'] }),
    ...benefit,
    transactionId: Type.Union([id('txn'), nothing], { description: 'The credit in the wallet' }),
    benefitEndsAt: Type.Union([Timestamp, nothing], { description: 'Until then the discount counts; null: open, or a credit' }),
    createdAt: Timestamp,
  },
  closed,
);
const Promotion = Type.Object(
  {
    id: id('prm'),
    code: Type.String({ examples: ['WELCOME-5'] }),
    ...benefit,
    minimum: Type.String({ examples: ['0.00'] }),
    firstPurchaseOnly: Type.Boolean(),
    startsAt: Timestamp,
    endsAt: Type.Union([Timestamp, nothing]),
    totalLimit: Type.Integer({ description: '0: unlimited' }),
    tenantLimit: Type.Integer({ description: '0: unlimited' }),
    benefitDays: Type.Integer({ description: '0: as long as the promotion' }),
    redeemed: Type.Integer({ examples: [3] }),
    createdBy: Type.String({ description: 'user:<id>', examples: ['user:0192d3a0-0000-7000-8000-000000000002'] }),
    createdAt: Timestamp,
  },
  closed,
);

type KindName = (typeof kinds)[number];
type ProductName = (typeof products)[number];

const fromBenefit = ({ kind, percentPpm, amount, products: named }: RedemptionMessage | PromotionMessage) => ({
  kind: kind as KindName,
  percent: kind === 'percent' ? fromPpm(BigInt(percentPpm)) : null,
  amount: amount === undefined ? null : fromMoney(amount),
  currency: amount?.currency ?? null,
  products: named as ProductName[],
});

const fromRedemption = (redemption: RedemptionMessage | undefined): Static<typeof Redemption> => {
  if (!redemption) throw new Error('the billing service answered without a redemption');
  return {
    id: edgeId('redemption', redemption.id),
    code: redemption.code,
    ...fromBenefit(redemption),
    transactionId: redemption.transactionId === '' ? null : edgeId('transaction', redemption.transactionId),
    benefitEndsAt: fromTime(redemption.benefitEndsAt),
    createdAt: fromTime(redemption.createdAt) ?? '',
  };
};

const fromPromotion = (promotion: PromotionMessage | undefined): Static<typeof Promotion> => {
  if (!promotion) throw new Error('the billing service answered without a promotion');
  const { firstPurchaseOnly, totalLimit, tenantLimit, benefitDays, redeemed, createdBy } = promotion;
  return {
    id: edgeId('promotion', promotion.id),
    code: promotion.code,
    ...fromBenefit(promotion),
    minimum: fromMoney(promotion.minimum),
    ...{ firstPurchaseOnly, totalLimit, tenantLimit, benefitDays, redeemed, createdBy },
    startsAt: fromTime(promotion.startsAt) ?? '',
    endsAt: fromTime(promotion.endsAt),
    createdAt: fromTime(promotion.createdAt) ?? '',
  };
};

/** For customers: redeem a code, see what was redeemed. */
export const promotionRoutes = (app: App, { promotions }: Backends): void => {
  const tags = ['prices'];
  app.post(
    '/v2/promotions/redeem',
    {
      config: { access: adminAccess('payments:write') },
      schema: {
        tags,
        summary: 'Redeem a code',
        description: 'A credit is in the wallet at once; a discount counts for every price asked from now on.',
        headers: IdempotencyHeaders,
        body: Type.Object({ code: Code }, closed),
        response: { 201: Redemption, ...problems(403, 409, 422) },
      },
    },
    async (request, reply) => {
      const call = { idempotencyKey: idempotencyKeyOf(request), code: request.body.code };
      const { redemption } = await promotions.redeemPromotion(call, callOptions(request));
      return reply.code(201).send(fromRedemption(redemption));
    },
  );
  app.get(
    '/v2/promotions',
    {
      config: { access: readAccess('wallet:read') },
      schema: {
        tags,
        summary: 'Codes that you have redeemed, newest first',
        querystring: Type.Object(PageQuery, closed),
        response: { 200: pageOf(Redemption), ...problems(403, 422) },
      },
    },
    async (request) => {
      const answer = await promotions.listRedemptions({ page: toPage(request.query) }, callOptions(request));
      return page(answer.redemptions, answer.nextCursor, fromRedemption);
    },
  );
};

const limit = (description: string) => Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000_000, description }));

/** For operators: make codes, watch them, end them. */
export const promotionAdminRoutes = (app: App, { promotions }: Backends): void => {
  const tags = ['operators'];
  app.post(
    '/v2/admin/promotions',
    {
      config: { access: operatorAccess() },
      schema: {
        tags,
        summary: 'Make a promotion code',
        headers: IdempotencyHeaders,
        body: Type.Object(
          {
            code: Code,
            kind: Kind,
            percent: Type.Optional(Percent),
            amount: Type.Optional(Amount),
            products: Type.Optional(Products),
            minimum: Type.Optional(
              Type.String({ ...Amount, description: 'percent, fixed: prices below it are left alone; credit: paid in so far, at least' }),
            ),
            firstPurchaseOnly: Type.Optional(Type.Boolean()),
            startsAt: Type.Optional(Timestamp),
            endsAt: Type.Optional(Timestamp),
            totalLimit: limit('0: unlimited; a credit needs one'),
            tenantLimit: limit('1, if left out'),
            benefitDays: Type.Optional(Type.Integer({ minimum: 0, maximum: 366, description: '0: as long as the promotion' })),
          },
          { ...closed, examples: [{ code: 'WELCOME-5', kind: 'credit', amount: '5.00', totalLimit: 1000, firstPurchaseOnly: true }] },
        ),
        response: { 201: Promotion, ...problems(403, 409, 422) },
      },
    },
    async (request, reply) => {
      const { code, kind, percent, amount, minimum, products: named = [], firstPurchaseOnly = false, startsAt, endsAt } = request.body;
      const { totalLimit = 0, tenantLimit = 1, benefitDays = 0 } = request.body;
      const promotion = {
        ...{ id: '', code, kind, products: named, firstPurchaseOnly, totalLimit, tenantLimit, benefitDays, redeemed: 0, createdBy: '' },
        percentPpm: percent === undefined ? 0 : Number(toPpm('percent', percent)),
        amount: amount === undefined ? undefined : toMoney('amount', amount),
        minimum: minimum === undefined ? undefined : toMoney('minimum', minimum),
        ...{ startsAt: toTime(startsAt), endsAt: toTime(endsAt), createdAt: undefined },
      };
      const call = { idempotencyKey: idempotencyKeyOf(request), promotion };
      return reply.code(201).send(fromPromotion((await promotions.createPromotion(call, callOptions(request))).promotion));
    },
  );
  app.get(
    '/v2/admin/promotions',
    {
      config: { access: operatorAccess() },
      schema: {
        tags,
        summary: 'All promotion codes, newest first',
        querystring: Type.Object(PageQuery, closed),
        response: { 200: pageOf(Promotion), ...problems(403, 422) },
      },
    },
    async (request) => {
      const answer = await promotions.listPromotions({ page: toPage(request.query) }, callOptions(request));
      return page(answer.promotions, answer.nextCursor, fromPromotion);
    },
  );
  app.post(
    '/v2/admin/promotions/:id/end',
    {
      config: { access: operatorAccess() },
      schema: {
        tags,
        summary: 'End a promotion',
        description: 'No more redemptions; benefits that were given last on. Repeatable.',
        params: Type.Object({ id: Type.String() }),
        response: { 200: Promotion, ...problems(403, 404) },
      },
    },
    async (request) =>
      fromPromotion((await promotions.endPromotion({ id: pathId('promotion', request.params.id) }, callOptions(request))).promotion),
  );
};
