import { Type } from 'typebox';
import type { Dispute as DisputeMessage } from '#proto/namaskah/billing/v1/disputes.ts';
import { operatorAccess, readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, fieldId, pathId } from '../context.ts';
import { edgeId, fromEnum, fromMoney, fromTime, page, toPage } from '../mapping.ts';
import { closed, Currency, id, pageOf, PageQuery, problems, Timestamp } from '../schemas.ts';
import type { App } from './index.ts';

const statuses = ['open', 'won', 'lost'] as const;
const fields = {
  id: id('dsp'),
  paymentId: id('pay'),
  status: Type.Enum([...statuses], { description: 'won: the payment stays, and the credit is back' }),
  amount: Type.String({ examples: ['25.00'] }),
  currency: Currency,
  uncovered: Type.String({ description: 'What the wallet could not give, since it was spent or held', examples: ['0.00'] }),
  gateway: Type.String({ examples: ['stripe'] }),
  reason: Type.String({ description: "In the gateway's words", examples: ['fraudulent'] }),
  openedAt: Timestamp,
  decidedAt: Type.Union([Timestamp, Type.Null()]),
};
const about = "A payment that the customer's bank takes back";
const Dispute = Type.Object(fields, { ...closed, description: about });
const OperatorsDispute = Type.Object(
  {
    ...fields,
    tenantId: id('ten'),
    gatewayDisputeId: Type.String({ description: "To find it in the gateway's dashboard", examples: ['dp_1'] }),
  },
  { ...closed, description: about },
);
const filters = { ...PageQuery, paymentId: Type.Optional(id('pay')), status: Type.Optional(Type.Enum([...statuses])) };

const disputeFromProto = (dispute: DisputeMessage | undefined) => {
  if (!dispute) throw new Error('the billing service answered without a dispute');
  return {
    id: edgeId('dispute', dispute.id),
    paymentId: edgeId('payment', dispute.paymentId),
    status: fromEnum('DISPUTE_STATUS', dispute.status) as (typeof statuses)[number],
    amount: fromMoney(dispute.amount),
    currency: dispute.amount?.currency ?? '',
    uncovered: fromMoney(dispute.uncovered),
    gateway: dispute.gateway,
    reason: dispute.reason,
    openedAt: fromTime(dispute.openedAt) ?? '',
    decidedAt: fromTime(dispute.decidedAt),
  };
};

/** Disputes are answered to in the gateway's dashboard; here is what they did to the books. */
export const disputeRoutes = (app: App, { disputes }: Pick<Backends, 'disputes'>): void => {
  const asked = ({ paymentId, status, ...query }: { paymentId?: string; status?: string; limit?: number; cursor?: string }) => ({
    page: toPage(query),
    paymentId: fieldId('payment', 'paymentId', paymentId),
    status: status ?? '',
  });
  app.get(
    '/v2/disputes',
    {
      config: { access: readAccess('payments:read') },
      schema: {
        tags: ['payments'],
        summary: 'List disputed payments, newest first',
        querystring: Type.Object(filters, closed),
        response: { 200: pageOf(Dispute), ...problems(403, 422) },
      },
    },
    async (request) => {
      const answer = await disputes.listDisputes(asked(request.query), callOptions(request));
      return page(answer.disputes, answer.nextCursor, disputeFromProto);
    },
  );
  app.get(
    '/v2/disputes/:id',
    {
      config: { access: readAccess('payments:read') },
      schema: {
        tags: ['payments'],
        summary: 'One disputed payment',
        params: Type.Object({ id: Type.String() }),
        response: { 200: Dispute, ...problems(403, 404) },
      },
    },
    async (request) =>
      disputeFromProto((await disputes.getDispute({ id: pathId('dispute', request.params.id) }, callOptions(request))).dispute),
  );
  app.get(
    '/v2/admin/disputes',
    {
      config: { access: operatorAccess() },
      schema: {
        tags: ['admin'],
        summary: 'List disputed payments of all tenants, newest first',
        querystring: Type.Object({ ...filters, tenantId: Type.Optional(id('ten')) }, closed),
        response: { 200: pageOf(OperatorsDispute), ...problems(403, 422) },
      },
    },
    async (request) => {
      const { tenantId, ...query } = request.query;
      const answer = await disputes.listAllDisputes(
        { ...asked(query), tenantId: fieldId('tenant', 'tenantId', tenantId) },
        callOptions(request),
      );
      return page(answer.disputes, answer.nextCursor, (dispute) => ({
        ...disputeFromProto(dispute),
        tenantId: edgeId('tenant', dispute.tenantId),
        gatewayDisputeId: dispute.gatewayDisputeId,
      }));
    },
  );
};
