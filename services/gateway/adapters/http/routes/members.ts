import { Type } from 'typebox';
import { adminAccess, publicAccess, readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions } from '../context.ts';
import { edgeId, fromEnum, fromTime, page, toPage } from '../mapping.ts';
import { closed, id, pageOf, PageQuery, problems, Timestamp } from '../schemas.ts';
import { Role } from '#proto/namaskah/auth/v1/auth.ts';
import { Email, Password, TenantRef, UserRef } from './auth.ts';
import type { App } from './index.ts';

const Member = Type.Object({ userId: id('usr'), email: Type.String(), role: Type.String(), joinedAt: Timestamp }, closed);
const InvitedRole = Type.Union([Type.Literal('admin'), Type.Literal('staff'), Type.Literal('viewer')]);
const toRole = { admin: Role.ROLE_ADMIN, staff: Role.ROLE_STAFF, viewer: Role.ROLE_VIEWER } as const;

export const memberRoutes = (app: App, { members }: Backends): void => {
  const tags = ['auth'];
  app.get(
    '/v2/members',
    {
      config: { access: readAccess('members:read') },
      schema: {
        tags,
        summary: 'List members',
        querystring: Type.Object(PageQuery, closed),
        response: { 200: pageOf(Member), ...problems(403, 422) },
      },
    },
    async (request) => {
      const answer = await members.listMembers({ page: toPage(request.query) }, callOptions(request));
      return page(answer.members, answer.nextCursor, (member) => ({
        userId: edgeId('user', member.userId),
        email: member.email,
        role: fromEnum('ROLE', member.role),
        joinedAt: fromTime(member.joinedAt) ?? '',
      }));
    },
  );
  app.post(
    '/v2/invitations',
    {
      config: { access: adminAccess('members:write') },
      schema: {
        tags,
        summary: 'Invite somebody',
        description: 'A mail with a token follows; it is accepted at POST /v2/invitations/accept.',
        body: Type.Object({ email: Email, role: InvitedRole }, closed),
        response: { 201: Type.Object({ id: id('inv'), expiresAt: Timestamp }, closed), ...problems(403, 409, 422) },
      },
    },
    async (request, reply) => {
      const { email, role } = request.body;
      const answer = await members.inviteMember({ email, role: toRole[role] }, callOptions(request));
      return reply.code(201).send({ id: edgeId('invitation', answer.invitationId), expiresAt: fromTime(answer.expiresAt) ?? '' });
    },
  );
  app.post(
    '/v2/invitations/accept',
    {
      config: { access: publicAccess },
      schema: {
        tags,
        summary: 'Accept an invitation',
        security: [],
        body: Type.Object({ token: Type.String({ minLength: 1, maxLength: 512 }), password: Password }, closed),
        response: { 201: Type.Object({ user: UserRef, tenant: TenantRef }, closed), ...problems(422) },
      },
    },
    async (request, reply) => {
      const { user, tenant } = await members.acceptInvitation(request.body, callOptions(request));
      return reply.code(201).send({
        user: { id: edgeId('user', user?.id ?? ''), email: user?.email ?? '' },
        tenant: { id: edgeId('tenant', tenant?.id ?? ''), name: tenant?.name ?? '' },
      });
    },
  );
};
