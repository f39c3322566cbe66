/** Every answered request of a tenant counts, except those that were refused for their number and those that failed by our fault. */
import type { FastifyInstance } from 'fastify';

export const usageMeter = (app: FastifyInstance, count: (tenantId: string) => void): void => {
  app.addHook('onResponse', (request, { statusCode }, done) => {
    const { caller } = request;
    if (caller !== undefined && statusCode !== 429 && statusCode < 500 && request.route.alwaysServed !== true) count(caller.tenantId);
    done();
  });
};
