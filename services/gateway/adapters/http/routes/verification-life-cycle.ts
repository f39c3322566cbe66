/** What can be done with a number besides waiting and cancelling. */
import { Type } from 'typebox';
import { readAccess, writeAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, idempotencyKeyOf, pathId } from '../context.ts';
import { fromEnum, fromTime, toMoney, toRoutes } from '../mapping.ts';
import { Amount, closed, IdempotencyHeaders, problems, Routes, Timestamp } from '../schemas.ts';
import type { App } from './index.ts';
import type { WaitingAnswers } from '../waiting-answers.ts';
import { Message, messageFromProto, Status, Verification, verificationFromProto } from './verifications.ts';

const tags = ['verifications'];
const reasons = ['number_already_used', 'number_blocked', 'number_invalid', 'code_not_received', 'code_rejected'] as const;
const params = Type.Object({ id: Type.String() });
const NoBody = Type.Optional(Type.Union([Type.Object({}, closed), Type.Null()]));

const Change = Type.Object(
  {
    version: Type.Integer({ examples: [3] }),
    kind: Type.String({
      description:
        'created, purchased, code_received, late_code_received, another_code_requested, another_code_ended, completed, cancelled, expired, failed; changed: something else that can be seen',
      examples: ['code_received'],
    }),
    status: Status,
    at: Timestamp,
  },
  closed,
);

export const verificationLifeCycleRoutes = (app: App, { lifeCycle }: Pick<Backends, 'lifeCycle'>, waiting: WaitingAnswers): void => {
  app.post(
    '/v2/verifications/:id/another-code',
    {
      config: { access: writeAccess('verifications:write') },
      schema: {
        tags,
        summary: 'Wait for another code on the same number',
        description:
          'Once a first code has come and until the number is given back, about a minute later. Free for most services; for the others a share ' +
          'of the price is held and charged only when the code comes. Asking again while it is waited for changes nothing.',
        params,
        body: NoBody,
        response: { 200: Verification, ...problems(402, 403, 404, 409) },
      },
    },
    async (request) => {
      const id = pathId('verification', request.params.id);
      return verificationFromProto((await lifeCycle.requestAnotherCode({ id }, callOptions(request))).verification);
    },
  );
  app.post(
    '/v2/verifications/:id/retry',
    {
      config: { access: writeAccess('verifications:write') },
      schema: {
        tags,
        summary: 'Rent another number for the same service and country',
        description:
          'A purchase of its own, held and charged like any other; `retryOf` names the first. The first is cancelled when that is still possible. ' +
          'Never the number of the first again, and its route only when no other has one. ' +
          'When nothing can be bought, the first goes on as it was.',
        params,
        headers: IdempotencyHeaders,
        body: Type.Optional(Type.Union([Type.Object({ maxPrice: Type.Optional(Amount), ...Routes }, closed), Type.Null()])),
        response: { 201: Verification, ...problems(402, 403, 404, 409, 422) },
      },
    },
    async (request, reply) => {
      const maxPrice = request.body?.maxPrice;
      const asked = {
        id: pathId('verification', request.params.id),
        idempotencyKey: idempotencyKeyOf(request),
        routes: toRoutes(request.body ?? {}),
        maxPrice: maxPrice === undefined ? undefined : toMoney('maxPrice', maxPrice),
      };
      const answer = await waiting.change(request.params.id, () => lifeCycle.retryVerification(asked, callOptions(request)));
      const body = verificationFromProto(answer.verification);
      return reply.code(201).header('location', `/v2/verifications/${body.id}`).send(body);
    },
  );
  app.post(
    '/v2/verifications/:id/report',
    {
      config: { access: writeAccess('verifications:write') },
      schema: {
        tags,
        summary: 'Report a bad number',
        description:
          'Without a code the provider is told and the full price comes back, once. With a code, or after the end, the report is only kept. ' +
          'The first report counts. 409 with Retry-After while the provider takes nothing back yet: see `cancellableAt`.',
        params,
        body: Type.Object({ reason: Type.Enum([...reasons], { examples: ['number_already_used'] }) }, closed),
        response: { 200: Verification, ...problems(403, 404, 409, 422) },
      },
    },
    async (request) => {
      const asked = { id: pathId('verification', request.params.id), reason: request.body.reason };
      const report = () => lifeCycle.reportNumber(asked, callOptions(request));
      return verificationFromProto((await waiting.change(request.params.id, report)).verification);
    },
  );
  app.get(
    '/v2/verifications/:id/messages',
    {
      config: { access: readAccess('verifications:read') },
      schema: {
        tags,
        summary: 'All messages of one number, oldest first',
        description: 'Texts and codes are deleted after the days that your plan keeps them.',
        params,
        response: { 200: Type.Object({ data: Type.Array(Message) }, closed), ...problems(403, 404) },
      },
    },
    async (request) => {
      const { messages } = await lifeCycle.listMessages({ id: pathId('verification', request.params.id) }, callOptions(request));
      return { data: messages.map(messageFromProto) };
    },
  );
  app.get(
    '/v2/verifications/:id/events.json',
    {
      config: { access: readAccess('verifications:read') },
      schema: {
        tags,
        summary: 'What happened to one verification, oldest first',
        description: 'The history as a document; `/events` is the live stream.',
        params,
        response: { 200: Type.Object({ data: Type.Array(Change) }, closed), ...problems(403, 404) },
      },
    },
    async (request) => {
      const { changes } = await lifeCycle.listChanges({ id: pathId('verification', request.params.id) }, callOptions(request));
      return {
        data: changes.map(({ version, kind, status, at }) => ({
          ...{ version: Number(version), kind, at: fromTime(at) ?? '' },
          status: fromEnum('VERIFICATION_STATUS', status) as (typeof Status)['enum'][number],
        })),
      };
    },
  );
};
