import { Type } from 'typebox';
import { operatorAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, pathId } from '../context.ts';
import { page, toMoney, toPage } from '../mapping.ts';
import {
  Decision,
  decisionFromProto,
  decisionKinds,
  KillSwitch,
  Note,
  OwnLimits,
  Policy,
  policyFromProto,
  PolicyClass,
  switchFromProto,
} from '../policy-shapes.ts';
import { closed, id, pageOf, PageQuery, problems } from '../schemas.ts';
import type { App } from './index.ts';

/** Acceptable use, for those who run the platform. What is set here counts from the next purchase on. */
export const policyAdminRoutes = (app: App, { policy }: Pick<Backends, 'policy'>): void => {
  const tags = ['operators'];
  const config = { access: operatorAccess() };
  const params = Type.Object({ id: Type.String() });
  app.get(
    '/v2/admin/tenants/:id/policy',
    {
      config,
      schema: { tags, summary: "A tenant's limits and their use", params, response: { 200: Policy, ...problems(403, 404) } },
    },
    async (request) =>
      policyFromProto((await policy.getTenantPolicy({ tenantId: pathId('tenant', request.params.id) }, callOptions(request))).policy),
  );
  app.put(
    '/v2/admin/tenants/:id/kyc',
    {
      config,
      schema: {
        tags,
        summary: 'Say how well a tenant’s holder is known',
        description: 'The level decides limits and whether restricted services may be rented. From level 1 on with the purpose stated.',
        params,
        body: Type.Object(
          {
            level: Type.Integer({ minimum: 0, maximum: 3 }),
            purpose: Type.Optional(Type.String({ maxLength: 500, examples: ['QA of our own sign-up'] })),
            note: Note,
          },
          closed,
        ),
        response: { 200: Policy, ...problems(403, 404, 422) },
      },
    },
    async (request) => {
      const { level, purpose = '', note } = request.body;
      const asked = { tenantId: pathId('tenant', request.params.id), level, purpose, note };
      return policyFromProto((await policy.setKycLevel(asked, callOptions(request))).policy);
    },
  );
  app.put(
    '/v2/admin/tenants/:id/limits',
    {
      config,
      schema: {
        tags,
        summary: "Give a tenant limits of its own instead of its level's",
        description: 'Replaces all that were set: what is left out is that of the level again.',
        params,
        body: Type.Object({ limits: OwnLimits, note: Note }, closed),
        response: { 200: Policy, ...problems(403, 404, 422) },
      },
    },
    async (request) => {
      const { limits, note } = request.body;
      const { spendPerDay, ...counts } = limits;
      const asked = {
        tenantId: pathId('tenant', request.params.id),
        limits: { ...counts, spendPerDay: spendPerDay === undefined ? undefined : toMoney('limits.spendPerDay', spendPerDay) },
        note,
      };
      return policyFromProto((await policy.setTenantLimits(asked, callOptions(request))).policy);
    },
  );
  app.put(
    '/v2/admin/tenants/:id/services/:service',
    {
      config,
      schema: {
        tags,
        summary: 'Open, restrict or block a service for one tenant',
        params: Type.Object({ id: Type.String(), service: Type.String({ minLength: 1, maxLength: 64 }) }),
        body: Type.Object(
          { policyClass: Type.Union([PolicyClass, Type.Null()], { description: "null: the catalogue's again" }), note: Note },
          closed,
        ),
        response: { 200: Policy, ...problems(403, 404, 422) },
      },
    },
    async (request) => {
      const { policyClass, note } = request.body;
      const asked = {
        ...{ tenantId: pathId('tenant', request.params.id), service: request.params.service },
        ...{ policyClass: policyClass ?? '', note },
      };
      return policyFromProto((await policy.setServiceClass(asked, callOptions(request))).policy);
    },
  );
  app.get(
    '/v2/admin/kill-switches',
    {
      config,
      schema: {
        tags,
        summary: 'Kill switches that are set, newest first',
        response: { 200: Type.Object({ data: Type.Array(KillSwitch) }, closed), ...problems(403) },
      },
    },
    async (request) => ({ data: (await policy.listKillSwitches({}, callOptions(request))).killSwitches.map(switchFromProto) }),
  );
  app.post(
    '/v2/admin/kill-switches',
    {
      config,
      schema: {
        tags,
        summary: 'Stop purchases of a tenant, of a service or from a provider',
        description: 'From the moment this answers, on every replica. What was bought goes on. Again: renews the reason.',
        body: Type.Object(
          {
            scope: Type.Enum(['tenant', 'service', 'provider']),
            target: Type.String({ minLength: 1, maxLength: 64, examples: ['telegram'] }),
            reason: Note,
          },
          closed,
        ),
        response: { 200: KillSwitch, ...problems(403, 422) },
      },
    },
    async (request) => {
      const { scope, target, reason } = request.body;
      const asked = { scope, target: scope === 'tenant' ? pathId('tenant', target) : target, reason };
      return switchFromProto((await policy.switchOff(asked, callOptions(request))).killSwitch);
    },
  );
  app.post(
    '/v2/admin/kill-switches/:id/lift',
    {
      config,
      schema: {
        tags,
        summary: 'Let purchases through again',
        params,
        body: Type.Object({ reason: Note }, closed),
        response: { 204: Type.Null(), ...problems(403, 404, 422) },
      },
    },
    async (request, reply) => {
      await policy.switchOn({ id: pathId('killSwitch', request.params.id), reason: request.body.reason }, callOptions(request));
      return reply.code(204).send(null);
    },
  );
  app.get(
    '/v2/admin/policy-decisions',
    {
      config,
      schema: {
        tags,
        summary: 'The audit: refused purchases, withheld messages, acts of operators, newest first',
        querystring: Type.Object(
          { ...PageQuery, tenantId: Type.Optional(id('ten')), kind: Type.Optional(Type.Enum([...decisionKinds])) },
          closed,
        ),
        response: { 200: pageOf(Decision), ...problems(403, 404, 422) },
      },
    },
    async (request) => {
      const { tenantId, kind = '' } = request.query;
      const asked = { page: toPage(request.query), tenantId: tenantId === undefined ? '' : pathId('tenant', tenantId), kind };
      const answer = await policy.listDecisions(asked, callOptions(request));
      return page(answer.decisions, answer.nextCursor, decisionFromProto);
    },
  );
};
