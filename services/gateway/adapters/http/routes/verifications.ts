import { Type, type Static } from 'typebox';
import { readAccess, writeAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callerOf, callOptions, idempotencyKeyOf, pathId } from '../context.ts';
import { edgeId, fromEnum, fromMoney, fromTime, orNull, toMoney, toRoutes } from '../mapping.ts';
import {
  Amount,
  AreaCode,
  Capability,
  closed,
  Currency,
  id,
  IdempotencyHeaders,
  Operator,
  problems,
  Routes,
  textOrNull,
  Timestamp,
} from '../schemas.ts';
import {
  type ReceivedMessage,
  VerificationStatus,
  type Verification as VerificationMessage,
} from '#proto/namaskah/verification/v1/verification.ts';
import type { WaitingAnswers } from '../waiting-answers.ts';
import { quoteIdOf } from './prices.ts';
import type { App } from './index.ts';

export const statuses = ['waiting', 'received', 'completed', 'cancelled', 'expired', 'failed'] as const;
export const Status = Type.Enum([...statuses]);
export const Message = Type.Object(
  {
    id: id('msg'),
    sender: textOrNull(Type.String()),
    text: Type.String(),
    code: textOrNull(Type.String()),
    audioUrl: textOrNull(Type.String(), {
      description: 'Of a call, whose transcription is the text: where it can be heard',
      examples: [null],
    }),
    receivedAt: Timestamp,
  },
  closed,
);
export const Verification = Type.Object(
  {
    id: id('ver'),
    status: Status,
    service: Type.String({ examples: ['telegram'] }),
    country: Type.String({ examples: ['ID'] }),
    capability: Type.String({ examples: ['sms'] }),
    operator: textOrNull(Type.String({ examples: ['telkomsel'] }), { description: 'That you insisted on; null: any' }),
    areaCode: textOrNull(Type.String({ examples: ['212'] }), { description: 'That you insisted on; null: any' }),
    phoneNumber: textOrNull(Type.String({ examples: ['+6281234567890'] }), {
      description: 'null while the provider still has to confirm',
    }),
    price: Type.String({ examples: ['0.45'] }),
    currency: Currency,
    code: textOrNull(Type.String({ examples: ['48151'] })),
    messages: Type.Array(Message),
    expiresAt: textOrNull(Timestamp, { description: 'null as long as there is no number' }),
    createdAt: Timestamp,
    endedAt: textOrNull(Timestamp),
    reason: textOrNull(Type.String(), { description: 'Why it failed or was cancelled, when it was' }),
    cancellableAt: textOrNull(Timestamp, {
      description: 'From then on it can be cancelled or reported for the full price; null: not (any more)',
    }),
    awaitingAnotherCode: Type.Boolean({ description: 'A further code was asked for and has not come', examples: [false] }),
    late: Type.Boolean({
      description:
        'The code came after the end, when the price had been given back: your plan decides whether such a code is hidden, shown, or shown and charged anew. The status stays cancelled or expired',
      examples: [false],
    }),
    retryOf: textOrNull(id('ver'), { description: 'The verification that this one replaces' }),
    reportReason: textOrNull(Type.String({ examples: ['number_already_used'] }), {
      description: 'What you reported about it',
    }),
  },
  closed,
);

export const messageFromProto = (message: ReceivedMessage): Static<typeof Message> => ({
  id: edgeId('message', message.id),
  sender: orNull(message.sender),
  text: message.text,
  code: orNull(message.code),
  audioUrl: orNull(message.audioUrl ?? ''),
  receivedAt: fromTime(message.receivedAt) ?? '',
});

export const verificationFromProto = (verification: VerificationMessage | undefined): Static<typeof Verification> => {
  if (!verification) throw new Error('the verification service answered without a verification');
  return {
    id: edgeId('verification', verification.id),
    status: fromEnum('VERIFICATION_STATUS', verification.status) as (typeof statuses)[number],
    service: verification.service,
    country: verification.country,
    capability: verification.capability,
    operator: orNull(verification.operator ?? ''),
    areaCode: orNull(verification.areaCode ?? ''),
    phoneNumber: orNull(verification.phoneNumber),
    price: fromMoney(verification.price),
    currency: verification.price?.currency ?? 'USD',
    code: orNull(verification.code),
    messages: verification.messages.map(messageFromProto),
    expiresAt: fromTime(verification.expiresAt),
    createdAt: fromTime(verification.createdAt) ?? '',
    endedAt: fromTime(verification.endedAt),
    reason: orNull(verification.reason),
    cancellableAt: fromTime(verification.cancellableAt),
    awaitingAnotherCode: verification.awaitsAnother,
    late: verification.late,
    retryOf: verification.retryOf === '' ? null : edgeId('verification', verification.retryOf),
    reportReason: orNull(verification.reportReason),
  };
};

/** No change can follow. */
export const isTerminal = ({ status }: VerificationMessage): boolean =>
  status !== VerificationStatus.VERIFICATION_STATUS_WAITING && status !== VerificationStatus.VERIFICATION_STATUS_RECEIVED;

export const verificationRoutes = (app: App, { verifications }: Backends, waiting: WaitingAnswers): void => {
  const tags = ['verifications'];
  app.post(
    '/v2/verifications',
    {
      config: { access: writeAccess('verifications:write') },
      schema: {
        tags,
        summary: 'Rent a number for one code',
        description: 'The price is held at once and charged only when a code arrives; without a code all of it comes back.',
        headers: IdempotencyHeaders,
        body: Type.Object(
          {
            service: Type.String({ minLength: 1, maxLength: 64, examples: ['telegram'] }),
            country: Type.String({ pattern: '^[A-Za-z]{2}$', description: 'ISO 3166-1 alpha-2', examples: ['ID'] }),
            capability: Type.Optional(Capability),
            operator: Type.Optional(Operator),
            areaCode: Type.Optional(AreaCode),
            ...Routes,
            maxPrice: Type.Optional(Amount),
            quoteId: Type.Optional(
              Type.String({ ...id('quo'), description: 'A quote of yours for this very thing: what it says is what you pay' }),
            ),
          },
          closed,
        ),
        response: { 201: Verification, ...problems(402, 403, 409, 422) },
      },
    },
    async (request, reply) => {
      const { service, country, capability = 'sms', operator = '', areaCode = '', maxPrice, quoteId } = request.body;
      const answer = await verifications.createVerification(
        {
          idempotencyKey: idempotencyKeyOf(request),
          service,
          country: country.toUpperCase(),
          capability,
          maxPrice: maxPrice === undefined ? undefined : toMoney('maxPrice', maxPrice),
          quoteId: quoteIdOf(quoteId),
          operator,
          routes: toRoutes(request.body),
          areaCode,
        },
        callOptions(request),
      );
      const body = verificationFromProto(answer.verification);
      return reply.code(201).header('location', `/v2/verifications/${body.id}`).send(body);
    },
  );
  app.get(
    '/v2/verifications/:id',
    {
      config: { access: readAccess('verifications:read') },
      schema: {
        tags,
        summary: 'Status, number, code and messages',
        params: Type.Object({ id: Type.String() }),
        response: { 200: Verification, ...problems(403, 404) },
      },
    },
    (request, reply) => {
      const { tenantId } = callerOf(request);
      const { id } = request.params;
      const json =
        waiting.find(tenantId, id) ??
        waiting.read(tenantId, id, async () => {
          const asked = { id: pathId('verification', id) };
          return (await verifications.getVerification(asked, callOptions(request))).verification;
        });
      // Text that is made already is sent as it is, and without a promise when it is here.
      reply.type('application/json; charset=utf-8');
      return json as unknown as Static<typeof Verification>;
    },
  );
  app.post(
    '/v2/verifications/:id/cancel',
    {
      config: { access: writeAccess('verifications:write') },
      schema: {
        tags,
        summary: 'Cancel and get the price back',
        description:
          'Refused with 409 once a code exists, and with 409 and Retry-After while the provider takes nothing back yet: see `cancellableAt`.',
        params: Type.Object({ id: Type.String() }),
        body: Type.Optional(Type.Union([Type.Object({}, closed), Type.Null()])),
        response: { 200: Verification, ...problems(403, 404, 409) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const cancel = () => verifications.cancelVerification({ id: pathId('verification', id) }, callOptions(request));
      return verificationFromProto((await waiting.change(id, cancel)).verification);
    },
  );
};
