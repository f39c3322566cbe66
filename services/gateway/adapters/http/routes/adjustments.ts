import { Type } from 'typebox';
import { AdjustmentStatus, type Adjustment as AdjustmentMessage } from '#proto/namaskah/billing/v1/adjustments.ts';
import { operatorAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, fieldId, idempotencyKeyOf, pathId } from '../context.ts';
import { edgeId, fromEnum, fromMoney, fromTime, orNull, page, toMoney, toPage } from '../mapping.ts';
import { Amount, closed, Currency, id, IdempotencyHeaders, pageOf, PageQuery, problems, SignedAmount, Timestamp } from '../schemas.ts';
import type { App } from './index.ts';

const statuses = ['proposed', 'posted', 'rejected', 'expired'] as const;
const reasons = ['goodwill', 'correction', 'service_failure', 'fraud', 'chargeback', 'write_off'] as const;
const subject = { description: 'user:<id> or service:<name>', examples: ['user:0192d3a0-0000-7000-8000-000000000002'] };

const Adjustment = Type.Object(
  {
    id: id('adj'),
    tenantId: id('ten'),
    status: Type.Enum([...statuses], { description: 'proposed: waits for a second operator' }),
    amount: SignedAmount,
    currency: Currency,
    reason: Type.String({ examples: ['goodwill'] }),
    note: Type.String({ examples: ['Ticket 4711: codes came late'] }),
    proposedBy: Type.String(subject),
    proposedAt: Timestamp,
    expiresAt: Type.Union([Timestamp, Type.Null()], { description: 'While it waits' }),
    decidedBy: Type.Union([Type.String(subject), Type.Null()], {
      description: 'null while it waits, and of what needed no second operator',
    }),
    decisionNote: Type.Union([Type.String({ examples: ['Seen in the provider log'] }), Type.Null()]),
    decidedAt: Type.Union([Timestamp, Type.Null()]),
    transactionId: Type.Union([id('txn'), Type.Null()], { description: 'Of a posted one' }),
    refundOf: Type.Union([id('txn'), Type.Null()], { description: 'Of a refund: the charge that it gives back' }),
  },
  { ...closed, description: 'What an operator did, or wants to do, to a wallet by hand' },
);
const Reason = Type.Enum([...reasons], { description: 'The customer sees it' });
const Note = Type.String({
  minLength: 10,
  maxLength: 1_000,
  description: 'For operators and auditors',
  examples: ['Ticket 4711: codes came late'],
});
const Decision = Type.Object({ note: Type.Optional(Type.String({ maxLength: 1_000 })) }, closed);

const adjustmentFromProto = (adjustment: AdjustmentMessage | undefined) => {
  if (!adjustment) throw new Error('the billing service answered without an adjustment');
  return {
    id: edgeId('adjustment', adjustment.id),
    tenantId: edgeId('tenant', adjustment.tenantId),
    status: fromEnum('ADJUSTMENT_STATUS', adjustment.status) as (typeof statuses)[number],
    amount: fromMoney(adjustment.amount),
    currency: adjustment.amount?.currency ?? '',
    reason: adjustment.reason,
    note: adjustment.note,
    proposedBy: adjustment.proposedBy,
    proposedAt: fromTime(adjustment.proposedAt) ?? '',
    expiresAt: fromTime(adjustment.expiresAt),
    decidedBy: orNull(adjustment.decidedBy),
    decisionNote: orNull(adjustment.decisionNote),
    decidedAt: fromTime(adjustment.decidedAt),
    transactionId: adjustment.transactionId === '' ? null : edgeId('transaction', adjustment.transactionId),
    refundOf: adjustment.refundOf === '' ? null : edgeId('transaction', adjustment.refundOf),
  };
};

const toStatus = (status: (typeof statuses)[number] | undefined): AdjustmentStatus =>
  status === undefined ? AdjustmentStatus.ADJUSTMENT_STATUS_UNSPECIFIED : (`ADJUSTMENT_STATUS_${status.toUpperCase()}` as AdjustmentStatus);

/** For those who run the platform: the tenant is named in the request. */
export const adjustmentRoutes = (app: App, { adjustments }: Pick<Backends, 'adjustments'>): void => {
  const tags = ['admin'];
  const config = { access: operatorAccess() };
  app.post(
    '/v2/admin/adjustments',
    {
      config,
      schema: {
        tags,
        summary: "Credit or debit a tenant's wallet",
        description:
          'Up to a limit for each operator, tenant and day it is posted at once; beyond it, it waits for a second operator. Never takes a wallet below what it holds.',
        headers: IdempotencyHeaders,
        body: Type.Object(
          {
            tenantId: id('ten'),
            direction: Type.Enum(['credit', 'debit']),
            amount: Amount,
            currency: Currency,
            reason: Reason,
            note: Note,
          },
          closed,
        ),
        response: { 201: Adjustment, ...problems(402, 403, 404, 409, 422) },
      },
    },
    async (request, reply) => {
      const { tenantId, direction, amount, currency, reason, note } = request.body;
      const { micros } = toMoney('amount', amount);
      const answer = await adjustments.proposeAdjustment(
        {
          idempotencyKey: idempotencyKeyOf(request),
          tenantId: pathId('tenant', tenantId),
          amount: { currency, micros: direction === 'debit' ? -micros : micros },
          reason,
          note,
        },
        callOptions(request),
      );
      return reply.code(201).send(adjustmentFromProto(answer.adjustment));
    },
  );
  app.post(
    '/v2/admin/refunds',
    {
      config,
      schema: {
        tags,
        summary: 'Give a charge back',
        description:
          'Whole or in parts, to the credit that it was taken from, never more than the charge. An adjustment like the others: beyond the limit it waits for a second operator. Refunds of payments are at /v2/refunds.',
        headers: IdempotencyHeaders,
        body: Type.Object(
          { tenantId: id('ten'), transactionId: id('txn'), amount: Amount, currency: Currency, reason: Reason, note: Note },
          closed,
        ),
        response: { 201: Adjustment, ...problems(403, 404, 409, 422) },
      },
    },
    async (request, reply) => {
      const { tenantId, transactionId, amount, currency, reason, note } = request.body;
      const answer = await adjustments.refundCharge(
        {
          idempotencyKey: idempotencyKeyOf(request),
          tenantId: pathId('tenant', tenantId),
          transactionId: pathId('transaction', transactionId),
          amount: toMoney('amount', amount, currency),
          reason,
          note,
        },
        callOptions(request),
      );
      return reply.code(201).send(adjustmentFromProto(answer.adjustment));
    },
  );
  app.get(
    '/v2/admin/adjustments',
    {
      config,
      schema: {
        tags,
        summary: 'List adjustments of all tenants, newest first',
        querystring: Type.Object(
          { ...PageQuery, tenantId: Type.Optional(id('ten')), status: Type.Optional(Type.Enum([...statuses])) },
          closed,
        ),
        response: { 200: pageOf(Adjustment), ...problems(403, 422) },
      },
    },
    async (request) => {
      const { tenantId, status } = request.query;
      const answer = await adjustments.listAdjustments(
        { page: toPage(request.query), tenantId: fieldId('tenant', 'tenantId', tenantId), status: toStatus(status) },
        callOptions(request),
      );
      return page(answer.adjustments, answer.nextCursor, adjustmentFromProto);
    },
  );
  app.get(
    '/v2/admin/adjustments/:id',
    {
      config,
      schema: {
        tags,
        summary: 'One adjustment',
        params: Type.Object({ id: Type.String() }),
        response: { 200: Adjustment, ...problems(403, 404) },
      },
    },
    async (request) =>
      adjustmentFromProto(
        (await adjustments.getAdjustment({ id: pathId('adjustment', request.params.id) }, callOptions(request))).adjustment,
      ),
  );
  for (const decision of ['approve', 'reject'] as const) {
    app.post(
      `/v2/admin/adjustments/:id/${decision}`,
      {
        config,
        schema: {
          tags,
          summary: decision === 'approve' ? 'Approve what somebody else proposed' : 'Reject a proposal, or take one back',
          description: 'Repeatable: the same decision by the same operator is answered as the first time.',
          params: Type.Object({ id: Type.String() }),
          body: Decision,
          response: { 200: Adjustment, ...problems(402, 403, 404, 409, 422) },
        },
      },
      async (request) => {
        const asked = { id: pathId('adjustment', request.params.id), note: request.body.note ?? '' };
        const options = callOptions(request);
        const answer = await (decision === 'approve'
          ? adjustments.approveAdjustment(asked, options)
          : adjustments.rejectAdjustment(asked, options));
        return adjustmentFromProto(answer.adjustment);
      },
    );
  }
};
