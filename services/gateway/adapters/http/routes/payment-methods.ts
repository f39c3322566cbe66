import { Type } from 'typebox';
import type { PaymentMethod as MethodMessage, TopUp as TopUpMessage } from '#proto/namaskah/billing/v1/payment_methods.ts';
import { adminAccess, readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, pathId } from '../context.ts';
import { edgeId, fromMoney, fromTime, orNull, toMoney } from '../mapping.ts';
import { Amount, closed, Currency, id, problems, Timestamp } from '../schemas.ts';
import type { App } from './index.ts';

const Method = Type.Object(
  {
    id: id('pm'),
    gateway: Type.String({ examples: ['stripe'] }),
    brand: Type.String({ examples: ['visa'] }),
    last4: Type.String({ examples: ['4242'] }),
    expiryMonth: Type.Integer({ examples: [12] }),
    expiryYear: Type.Integer({ examples: [2031] }),
    isDefault: Type.Boolean({ description: 'Charged by the automatic top-up' }),
    createdAt: Timestamp,
  },
  { ...closed, description: 'A card that the gateway keeps; only its last digits are known here' },
);
const Methods = Type.Object({ data: Type.Array(Method) }, closed);
const TopUp = Type.Object(
  {
    enabled: Type.Boolean(),
    threshold: Type.String({ description: 'When less than this is available', examples: ['10.00'] }),
    amount: Type.String({ examples: ['50.00'] }),
    monthlyLimit: Type.String({ description: 'Of top-ups in a calendar month, UTC', examples: ['500.00'] }),
    currency: Currency,
    suspendedReason: Type.Union([Type.String(), Type.Null()], { description: 'Why the platform switched it off' }),
    updatedAt: Timestamp,
  },
  closed,
);

const methodFromProto = (method: MethodMessage) => ({
  id: edgeId('paymentMethod', method.id),
  gateway: method.gateway,
  brand: method.brand,
  last4: method.last4,
  expiryMonth: method.expiryMonth,
  expiryYear: method.expiryYear,
  isDefault: method.isDefault,
  createdAt: fromTime(method.createdAt) ?? '',
});
const topUpFromProto = (topUp: TopUpMessage | undefined) => {
  if (!topUp) throw new Error('the billing service answered without a top-up');
  return {
    enabled: topUp.enabled,
    threshold: fromMoney(topUp.threshold),
    amount: fromMoney(topUp.amount),
    monthlyLimit: fromMoney(topUp.monthlyLimit),
    currency: topUp.amount?.currency ?? '',
    suspendedReason: orNull(topUp.suspendedReason),
    updatedAt: fromTime(topUp.updatedAt) ?? '',
  };
};

/** Saved cards, and the wallet that fills itself from one of them. */
export const paymentMethodRoutes = (app: App, { paymentMethods }: Pick<Backends, 'paymentMethods'>): void => {
  const tags = ['payments'];
  const params = Type.Object({ id: Type.String() });
  app.get(
    '/v2/payment-methods',
    {
      config: { access: readAccess('payments:read') },
      schema: {
        tags,
        summary: 'List saved payment methods, the default first',
        description: 'At most 100. One is saved by a payment with saveMethod.',
        response: { 200: Methods, ...problems(403) },
      },
    },
    async (request) => ({ data: (await paymentMethods.listPaymentMethods({}, callOptions(request))).methods.map(methodFromProto) }),
  );
  app.delete(
    '/v2/payment-methods/:id',
    {
      config: { access: adminAccess('payments:write') },
      schema: {
        tags,
        summary: 'Forget a payment method',
        description: 'The newest of the others becomes the default when the default is forgotten.',
        params,
        response: { 204: Type.Null(), ...problems(403, 404) },
      },
    },
    async (request, reply) => {
      await paymentMethods.removePaymentMethod({ id: pathId('paymentMethod', request.params.id) }, callOptions(request));
      return reply.code(204).send(null);
    },
  );
  app.post(
    '/v2/payment-methods/:id/default',
    {
      config: { access: adminAccess('payments:write') },
      schema: { tags, summary: 'Make it the one that is charged by top-ups', params, response: { 200: Methods, ...problems(403, 404) } },
    },
    async (request) => {
      const answer = await paymentMethods.setDefaultPaymentMethod({ id: pathId('paymentMethod', request.params.id) }, callOptions(request));
      return { data: answer.methods.map(methodFromProto) };
    },
  );
  app.get(
    '/v2/top-up',
    {
      config: { access: readAccess('payments:read') },
      schema: {
        tags,
        summary: 'The automatic top-up',
        description: '404 until it is set.',
        response: { 200: TopUp, ...problems(403, 404) },
      },
    },
    async (request) => topUpFromProto((await paymentMethods.getTopUp({}, callOptions(request))).topUp),
  );
  app.put(
    '/v2/top-up',
    {
      config: { access: adminAccess('payments:write') },
      schema: {
        tags,
        summary: 'Let the wallet fill itself when it runs low',
        description:
          'Charges the default payment method. One payment at a time; after three failures in a row it is switched off, with a mail, until it is set again.',
        body: Type.Object({ enabled: Type.Boolean(), threshold: Amount, amount: Amount, monthlyLimit: Amount, currency: Currency }, closed),
        response: { 200: TopUp, ...problems(403, 409, 422) },
      },
    },
    async (request) => {
      const { enabled, threshold, amount, monthlyLimit, currency } = request.body;
      const wanted = {
        enabled,
        threshold: toMoney('threshold', threshold, currency),
        amount: toMoney('amount', amount, currency),
        monthlyLimit: toMoney('monthlyLimit', monthlyLimit, currency),
      };
      return topUpFromProto((await paymentMethods.setTopUp(wanted, callOptions(request))).topUp);
    },
  );
};
