import { Type } from 'typebox';
import type { Margin as MarginMessage } from '#proto/namaskah/billing/v1/margins.ts';
import { operatorAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions } from '../context.ts';
import { fromMoney, orNull } from '../mapping.ts';
import { closed, Currency, problems } from '../schemas.ts';
import type { App } from './index.ts';

const Day = (description: string) => Type.String({ pattern: String.raw`^\d{4}-\d{2}-\d{2}$`, description, examples: ['2026-11-21'] });
const Product = Type.Enum(['verification', 'campaign', 'rental', 'subscription', 'usage'], { examples: ['verification'] });
const amount = (description: string, example: string) => Type.String({ description, examples: [example] });

const Margin = Type.Object(
  {
    day: Day('UTC'),
    product: Type.String({ examples: ['verification'] }),
    provider: Type.Union([Type.String({ examples: ['simulator'] }), Type.Null()], {
      description: 'null: no provider takes a part of it, or its cost was never told',
    }),
    currency: Currency,
    charged: amount('Taken from wallets', '128.40'),
    refunded: amount('Given back on this day, of charges of any day', '1.12'),
    cost: amount('Owed to the provider', '80.25'),
    margin: amount('charged − refunded − cost', '47.03'),
    charges: Type.Integer({ minimum: 0, examples: [456] }),
  },
  { ...closed, description: 'What was earned with a product and a provider on a day, over all tenants' },
);

const marginFromProto = (margin: MarginMessage) => ({
  day: margin.day,
  product: margin.product,
  provider: orNull(margin.provider),
  currency: margin.charged?.currency ?? '',
  charged: fromMoney(margin.charged),
  refunded: fromMoney(margin.refunded),
  cost: fromMoney(margin.cost),
  margin: fromMoney(margin.margin),
  charges: Number(margin.charges),
});

export const marginRoutes = (app: App, { margins }: Pick<Backends, 'margins'>): void => {
  app.get(
    '/v2/admin/margins',
    {
      config: { access: operatorAccess() },
      schema: {
        tags: ['admin'],
        summary: 'What is earned, by day, product and provider',
        description: 'Out of the books: charges and refunds of all tenants, and what providers take. Newest day first; at most 92 days.',
        querystring: Type.Object(
          {
            from: Day('First day, UTC'),
            to: Day('Last day, UTC, inclusive'),
            product: Type.Optional(Product),
            provider: Type.Optional(Type.String({ minLength: 1, maxLength: 100, examples: ['simulator'] })),
          },
          closed,
        ),
        response: { 200: Type.Object({ data: Type.Array(Margin) }, closed), ...problems(403, 422) },
      },
    },
    async (request) => {
      const { from, to, product = '', provider = '' } = request.query;
      const answer = await margins.listMargins({ from, to, product, provider }, callOptions(request));
      return { data: answer.margins.map(marginFromProto) };
    },
  );
};
