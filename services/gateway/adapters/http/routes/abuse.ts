import { Type } from 'typebox';
import type { AbuseReport, NumberBan } from '#proto/namaskah/verification/v1/policy.ts';
import { operatorAccess, publicAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, pathId } from '../context.ts';
import { edgeId, fromTime, orNull, page, toPage, toTime } from '../mapping.ts';
import { Note } from '../policy-shapes.ts';
import { closed, id, pageOf, PageQuery, problems, Timestamp } from '../schemas.ts';
import type { App } from './index.ts';

const PhoneNumber = Type.String({ pattern: String.raw`^\+[1-9]\d{6,14}$`, description: 'E.164', examples: ['+447700900123'] });
const Category = Type.Enum(['spam', 'fraud', 'impersonation', 'harassment', 'other']);
const Status = Type.Enum(['open', 'frozen', 'upheld', 'dismissed'], { description: 'frozen: the activation shows and receives nothing' });

const Ban = Type.Object(
  {
    id: id('ban'),
    service: Type.String({ description: '"*": every service', examples: ['telegram'] }),
    until: Timestamp,
    origin: Type.Enum(['reports', 'operator'], { description: 'reports: of several customers' }),
    reason: Type.String(),
    setBy: Type.String(),
    setAt: Timestamp,
  },
  { ...closed, description: 'A number off sale. Which one it is cannot be read: it is kept as a keyed hash' },
);

const Report = Type.Object(
  {
    id: id('abr'),
    status: Status,
    category: Category,
    phoneNumber: PhoneNumber,
    description: Type.String(),
    contact: Type.Union([Type.String(), Type.Null()]),
    happenedAt: Type.Union([Timestamp, Type.Null()]),
    receivedAt: Timestamp,
    verificationId: Type.Union([id('ver'), Type.Null()], { description: 'The activation that is frozen by it' }),
    tenantId: Type.Union([id('ten'), Type.Null()]),
    decidedBy: Type.Union([Type.String(), Type.Null()]),
    decidedAt: Type.Union([Timestamp, Type.Null()]),
    note: Type.String(),
    leases: Type.Array(
      Type.Object({ verificationId: id('ver'), tenantId: id('ten'), service: Type.String(), leasedAt: Timestamp }, closed),
      { description: 'Who had the number last, by service' },
    ),
  },
  closed,
);

const banFromProto = (ban: NumberBan | undefined) => {
  if (!ban) throw new Error('the verification service answered without a ban');
  const { service, origin, reason, setBy } = ban;
  return {
    id: edgeId('numberBan', ban.id),
    ...{ service, origin: origin as 'reports' | 'operator', reason, setBy },
    until: fromTime(ban.until) ?? '',
    setAt: fromTime(ban.setAt) ?? '',
  };
};

const reportFromProto = (report: AbuseReport | undefined) => {
  if (!report) throw new Error('the verification service answered without a report');
  return {
    id: edgeId('abuseReport', report.id),
    status: report.status as 'open' | 'frozen' | 'upheld' | 'dismissed',
    category: report.category as 'spam' | 'fraud' | 'impersonation' | 'harassment' | 'other',
    phoneNumber: report.phoneNumber,
    description: report.description,
    contact: orNull(report.contact),
    happenedAt: fromTime(report.happenedAt),
    receivedAt: fromTime(report.receivedAt) ?? '',
    verificationId: report.verificationId === '' ? null : edgeId('verification', report.verificationId),
    tenantId: report.tenantId === '' ? null : edgeId('tenant', report.tenantId),
    decidedBy: orNull(report.decidedBy),
    decidedAt: fromTime(report.decidedAt),
    note: report.note,
    leases: report.leases.map(({ verificationId, tenantId, service, leasedAt }) => ({
      verificationId: edgeId('verification', verificationId),
      tenantId: edgeId('tenant', tenantId),
      service,
      leasedAt: fromTime(leasedAt) ?? '',
    })),
  };
};

/** Each address may report this often; people have time, scripts do not. */
const intake = { max: 10, timeWindow: 60_000 };

/** Reports of abuse by anybody, and what operators do about numbers. */
export const abuseRoutes = (app: App, { policy }: Pick<Backends, 'policy'>): void => {
  const tags = ['operators'];
  const config = { access: operatorAccess() };
  const params = Type.Object({ id: Type.String() });
  app.post(
    '/v2/abuse-reports',
    {
      config: { access: publicAccess, rateLimit: intake },
      schema: {
        tags: ['abuse'],
        summary: 'Report what was done with a number',
        description:
          'No account is needed; ten reports a minute for each address. A person reads it. The answer is the same whether the number is one of ours or not. The same report again is answered with the id of the first.',
        security: [],
        body: Type.Object(
          {
            phoneNumber: PhoneNumber,
            category: Category,
            description: Type.String({
              minLength: 20,
              maxLength: 4_000,
              examples: ['This number sent me a false parcel notice with a link.'],
            }),
            contact: Type.Optional(
              Type.String({ maxLength: 254, description: 'How to reach you, if you like', examples: ['me@example.com'] }),
            ),
            happenedAt: Type.Optional(Timestamp),
          },
          closed,
        ),
        response: { 202: Type.Object({ id: id('abr') }, closed), ...problems(422) },
      },
    },
    async (request, reply) => {
      const { phoneNumber, category, description, contact = '', happenedAt } = request.body;
      const asked = { phoneNumber, category, description, contact, happenedAt: toTime(happenedAt) };
      const answer = await policy.reportAbuse(asked, callOptions(request));
      return reply.code(202).send({ id: edgeId('abuseReport', answer.id) });
    },
  );
  app.get(
    '/v2/admin/abuse-reports',
    {
      config,
      schema: {
        tags,
        summary: 'Reports of abuse, newest first',
        querystring: Type.Object({ ...PageQuery, status: Type.Optional(Status) }, closed),
        response: { 200: pageOf(Report), ...problems(403, 422) },
      },
    },
    async (request) => {
      const asked = { page: toPage(request.query), status: request.query.status ?? '' };
      const answer = await policy.listAbuseReports(asked, callOptions(request));
      return page(answer.reports, answer.nextCursor, reportFromProto);
    },
  );
  app.post(
    '/v2/admin/abuse-reports/:id/decide',
    {
      config,
      schema: {
        tags,
        summary: 'Freeze an activation, uphold a report or dismiss it',
        description:
          'freeze: the activation shows nothing and receives nothing while it is looked into. uphold: for good. dismiss: it thaws. The last two are final.',
        params,
        body: Type.Object(
          {
            decision: Type.Enum(['freeze', 'uphold', 'dismiss']),
            verificationId: Type.Optional(id('ver')),
            note: Note,
          },
          closed,
        ),
        response: { 200: Report, ...problems(403, 404, 409, 422) },
      },
    },
    async (request) => {
      const { decision, verificationId, note } = request.body;
      const asked = {
        ...{ id: pathId('abuseReport', request.params.id), decision, note },
        verificationId: verificationId === undefined ? '' : pathId('verification', verificationId),
      };
      return reportFromProto((await policy.decideAbuseReport(asked, callOptions(request))).report);
    },
  );
  app.get(
    '/v2/admin/bans',
    {
      config,
      schema: {
        tags,
        summary: 'Numbers off sale, newest first',
        querystring: Type.Object(PageQuery, closed),
        response: { 200: pageOf(Ban), ...problems(403, 422) },
      },
    },
    async (request) => {
      const answer = await policy.listBans({ page: toPage(request.query) }, callOptions(request));
      return page(answer.bans, answer.nextCursor, banFromProto);
    },
  );
  app.post(
    '/v2/admin/bans',
    {
      config,
      schema: {
        tags,
        summary: 'Take a number off sale',
        description: 'For one service, or for all ("*"). Again: replaces the ban that there is.',
        body: Type.Object(
          {
            phoneNumber: PhoneNumber,
            service: Type.String({ minLength: 1, maxLength: 64, examples: ['telegram'] }),
            days: Type.Integer({ minimum: 1, maximum: 3_650, examples: [90] }),
            reason: Note,
          },
          closed,
        ),
        response: { 200: Ban, ...problems(403, 422) },
      },
    },
    async (request) => banFromProto((await policy.banNumber(request.body, callOptions(request))).ban),
  );
  app.post(
    '/v2/admin/bans/:id/lift',
    {
      config,
      schema: {
        tags,
        summary: 'Put a number on sale again',
        params,
        body: Type.Object({ reason: Note }, closed),
        response: { 204: Type.Null(), ...problems(403, 404, 422) },
      },
    },
    async (request, reply) => {
      await policy.liftBan({ id: pathId('numberBan', request.params.id), reason: request.body.reason }, callOptions(request));
      return reply.code(204).send(null);
    },
  );
};
