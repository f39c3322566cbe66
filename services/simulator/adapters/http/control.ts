import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { appError } from '#platform/errors/index.ts';
import type { ActivationBook } from '../../app/activation-book.ts';
import type { ComposeFor } from '../../app/compose-code.ts';
import type { PaymentBook } from '../../app/create-payment.ts';
import type { DisputeBook } from '../../app/dispute-payment.ts';
import type { DeliverCode } from '../../app/deliver-code.ts';
import type { Carrier, World } from '../../app/ports.ts';
import type { ChangeSettings, ResetWorld } from '../../app/reset-world.ts';
import { isComplete, textOf, type MessageRecord, type SubmissionBook } from '../../app/submission-book.ts';
import { bodyReader } from './check-body.ts';
import { activationRecord } from './handler-api-answers.ts';
import { disputeJson, paymentJson } from './payments.ts';
import { invalid } from './problem.ts';
import { readSettingsPatch } from './settings-schema.ts';

export interface ControlDependencies {
  readonly world: World;
  readonly activations: ActivationBook;
  readonly submissions: SubmissionBook;
  readonly payments: PaymentBook;
  readonly disputeBook: DisputeBook;
  readonly deliverCode: DeliverCode;
  readonly compose: ComposeFor;
  readonly carrier: Carrier;
  readonly changeSettings: ChangeSettings;
  readonly resetWorld: ResetWorld;
  /** Numbers of this very moment: connections, queues. */
  readonly gauges: () => Record<string, unknown>;
}

const readCode = bodyReader(
  Type.Object(
    {
      text: Type.Optional(Type.String({ minLength: 1, maxLength: 2_000 })),
      code: Type.Optional(Type.String({ minLength: 1, maxLength: 40 })),
    },
    { additionalProperties: false },
  ),
);
/** What one request may ask for; a thousandth of a second is the shortest time between two. */
const maxCodes = 10_000;
const readCodes = bodyReader(
  Type.Object(
    {
      activationIds: Type.Array(Type.String({ minLength: 1, maxLength: 40 }), { minItems: 1, maxItems: maxCodes }),
      perSecond: Type.Number({ exclusiveMinimum: 0, maximum: 1_000 }),
    },
    { additionalProperties: false },
  ),
);
const readInbound = bodyReader(
  Type.Object(
    {
      from: Type.String({ pattern: '^[+]?[0-9]{3,15}$' }),
      to: Type.String({ pattern: '^[+]?[A-Za-z0-9 ]{1,21}$' }),
      text: Type.String({ maxLength: 5_000 }),
    },
    { additionalProperties: false },
  ),
);
const readDispute = bodyReader(
  Type.Object({ reason: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })) }, { additionalProperties: false }),
);
const readDecision = bodyReader(Type.Object({ status: Type.Enum(['won', 'lost']) }, { additionalProperties: false }));
const readNothing = bodyReader(Type.Object({}, { additionalProperties: false }));

const maxListed = 10_000;

const limitOf = (text: string | undefined): number =>
  text !== undefined && /^\d{1,6}$/.test(text) ? Math.min(Number(text), maxListed) : 100;

const submissionJson = (record: MessageRecord): object => ({
  messageIds: record.messageIds,
  from: record.from,
  to: record.to,
  text: textOf(record),
  encoding: record.encoding,
  parts: record.segments.size,
  totalParts: record.totalParts,
  complete: isComplete(record),
  registeredDelivery: record.registeredDelivery,
  receipts: record.receipts,
  receivedAt: new Date(record.receivedAtMs).toISOString(),
});

const digits = (number: string): string => number.replace(/^\+/, '');

interface ListQuery {
  limit?: string;
  to?: string;
}

/** The levers of the simulated world, and what it has seen. */
export const registerControl = (server: FastifyInstance, dependencies: ControlDependencies): void => {
  const { world, activations, submissions, payments } = dependencies;

  server.get('/control/settings', async () => world.settings);
  server.patch('/control/settings', async (request) => {
    dependencies.changeSettings(readSettingsPatch(request.body));
    return world.settings;
  });
  server.post('/control/reset', async (request) => {
    readNothing(request.body ?? {});
    dependencies.resetWorld();
    return world.settings;
  });

  server.post<{ Params: { id: string } }>('/control/activations/:id/code', async (request) => {
    const wish = readCode(request.body ?? {});
    const activation = activations.get(request.params.id);
    if (activation === undefined) throw appError('request.not_found');
    const composed = dependencies.compose(activation);
    const code = wish.code ?? /\d[\d -]{2,}\d/.exec(wish.text ?? '')?.[0] ?? composed.code;
    const text = wish.text ?? (wish.code === undefined ? composed.text : composed.text.replace(composed.code, wish.code));
    const received = dependencies.deliverCode(activation, { code, text });
    return { activationId: activation.id, code: received.code, text: received.text, late: received.late };
  });

  // A steady rate without a request for each: what makes the load should not be a part of it.
  server.post('/control/codes', async (request, reply) => {
    const { activationIds, perSecond } = readCodes(request.body);
    const wanted = activationIds.map((id) => activations.get(id));
    const unknown = wanted.flatMap((activation, index) =>
      activation ? [] : [{ field: `activationIds.${index}`, reason: 'is not known' }],
    );
    if (unknown.length > 0) throw invalid(unknown.slice(0, 20));
    const firstMs = world.clock.now().getTime();
    for (const [index, activation] of wanted.entries())
      if (activation)
        world.agenda.at(firstMs + (index * 1_000) / perSecond, () =>
          dependencies.deliverCode(activation, dependencies.compose(activation)),
        );
    return reply.code(202).send({ planned: wanted.length });
  });

  server.post('/control/inbound', async (request, reply) => {
    const message = readInbound(request.body);
    dependencies.carrier.deliver({ kind: 'inbound', from: digits(message.from), to: digits(message.to), text: message.text }, undefined);
    return reply.code(202).send({ accepted: true });
  });

  server.get<{ Querystring: ListQuery }>('/control/activations', async (request) => ({
    data: activations.newest(limitOf(request.query.limit)).map(activationRecord),
  }));
  server.get<{ Params: { id: string } }>('/control/activations/:id', async (request) => {
    const activation = activations.get(request.params.id);
    if (activation === undefined) throw appError('request.not_found');
    return activationRecord(activation);
  });
  server.get<{ Querystring: ListQuery }>('/control/submissions', async (request) => {
    const to = request.query.to === undefined ? undefined : digits(request.query.to.trim());
    const found = submissions.records.newest(limitOf(request.query.limit), (record) => to === undefined || record.to === to);
    return { data: found.map(submissionJson), total: submissions.records.size };
  });
  server.get<{ Querystring: ListQuery }>('/control/payments', async (request) => ({
    data: payments.payments
      .newest(limitOf(request.query.limit))
      .map((payment) => paymentJson(payment, `${request.protocol}://${request.host}/checkout/${payment.id}`)),
  }));
  // A bank's part: opens a dispute of a payment, then decides it.
  server.post<{ Params: { id: string } }>('/control/payments/:id/disputes', async (request, reply) => {
    const payment = payments.payments.get(request.params.id);
    if (payment === undefined) throw appError('request.not_found');
    const dispute = dependencies.disputeBook.open(payment, readDispute(request.body ?? {}).reason ?? 'fraudulent');
    if (dispute === undefined) throw invalid([{ field: 'id', reason: 'was not paid' }]);
    return reply.code(201).send(disputeJson(dispute));
  });
  server.post<{ Params: { id: string } }>('/control/disputes/:id/decide', async (request) => {
    const dispute = dependencies.disputeBook.disputes.get(request.params.id);
    if (dispute === undefined) throw appError('request.not_found');
    dependencies.disputeBook.decide(dispute, readDecision(request.body).status);
    return disputeJson(dispute);
  });
  server.get('/control/statistics', async () => ({ ...world.counters, ...dependencies.gauges() }));
};
