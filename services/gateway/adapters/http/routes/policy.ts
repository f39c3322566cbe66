import { adminAccess, readAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions } from '../context.ts';
import { Policy, policyFromProto } from '../policy-shapes.ts';
import { problems } from '../schemas.ts';
import type { App } from './index.ts';

/** A tenant's own limits under the acceptable-use policy. */
export const policyRoutes = (app: App, { policy }: Pick<Backends, 'policy'>): void => {
  const tags = ['policy'];
  app.get(
    '/v2/policy',
    {
      config: { access: readAccess('verifications:read') },
      schema: {
        tags,
        summary: 'Your limits, and what you have used of them',
        description:
          'The numbers by which your next purchase is decided, before any money is reserved. Counts of an hour slide; those of a day begin anew at midnight UTC. Classes of services are in /v2/services; those that differ for you are here.',
        response: { 200: Policy, ...problems(403) },
      },
    },
    async (request) => policyFromProto((await policy.getPolicy({}, callOptions(request))).policy),
  );
  app.post(
    '/v2/policy/acknowledge',
    {
      config: { access: adminAccess('verifications:write') },
      schema: {
        tags,
        summary: 'Lift the block that follows too few codes',
        description:
          'When too small a share of your numbers gets a code, purchases stop for a day. You may lift that yourself a few times in 30 days; what led to it is not held against you again.',
        response: { 200: Policy, ...problems(403, 409) },
      },
    },
    async (request) => policyFromProto((await policy.acknowledge({}, callOptions(request))).policy),
  );
};
