import type { AddressInfo } from 'node:net';
import formbody from '@fastify/formbody';
import fastify from 'fastify';
import { appError } from '#platform/errors/index.ts';
import { registerControl, type ControlDependencies } from './control.ts';
import { registerHandlerApi, type HandlerApiDependencies } from './handler-api.ts';
import { registerRentalControl } from './rental-control.ts';
import { registerFiveSim, type FiveSimDependencies } from './five-sim/api.ts';
import { registerMailbox } from './mailbox.ts';
import type { Mailbox } from '../../app/accept-mail.ts';
import { registerPayments, type PaymentDependencies } from './payments.ts';
import { registerFlutterwave } from './flutterwave/api.ts';
import { registerPaystack } from './paystack/api.ts';
import { registerStripe, type StripeAccount } from './stripe/api.ts';
import { registerTextVerified, type TextVerifiedDependencies } from './text-verified/api.ts';
import { problemOf, sendProblem } from './problem.ts';

/** Payment protocols beside the simulator's own; one that is absent is not served. */
export interface PaymentAccounts {
  readonly stripe?: StripeAccount;
  readonly paystack?: { readonly secretKey: string; readonly webhookUrl: string };
  readonly flutterwave?: { readonly secretKey: string; readonly webhookUrl: string };
}

export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  readonly handlerApi: HandlerApiDependencies;
  /** Absent: not served. */
  readonly fiveSim: FiveSimDependencies | undefined;
  /** Absent: not served. */
  readonly textVerified: TextVerifiedDependencies | undefined;
  readonly payments: PaymentDependencies;
  readonly accounts: PaymentAccounts;
  readonly mailbox: Mailbox;
  readonly control: ControlDependencies;
  /** Told of errors that are nobody's fault but ours. */
  readonly onInternalError: (error: unknown) => void;
}

/** Everything of the simulator that speaks HTTP. Hung requests are cut when it closes. */
export const startHttpServer = async (options: HttpOptions): Promise<{ port: number; close(): Promise<void> }> => {
  const server = fastify({
    logger: false,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    keepAliveTimeout: 65_000,
    bodyLimit: 1_048_576,
  });
  await server.register(formbody);
  // An empty body is a body too, and clients of the handler API send all kinds of types with nothing in them.
  server.removeContentTypeParser(['application/json', 'text/plain']);
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (_, body, done) => {
    if (body === '') return done(null, undefined);
    try {
      done(null, JSON.parse(String(body)));
    } catch {
      done(Object.assign(new Error('not JSON'), { statusCode: 400 }));
    }
  });
  server.addContentTypeParser('*', { parseAs: 'string' }, (_, __, done) => done(null, undefined));
  server.setNotFoundHandler((_, reply) => sendProblem(reply, appError('request.not_found')));
  server.setErrorHandler((error, _, reply) => {
    const problem = problemOf(error);
    if (problem.code === 'platform.internal') options.onInternalError(error);
    return sendProblem(reply, problem);
  });
  registerHandlerApi(server, options.handlerApi);
  if (options.fiveSim !== undefined) registerFiveSim(server, options.fiveSim);
  if (options.textVerified !== undefined) registerTextVerified(server, options.textVerified);
  registerPayments(server, options.payments);
  const { stripe, paystack, flutterwave } = options.accounts;
  if (stripe !== undefined) registerStripe(server, options.payments, stripe);
  if (paystack !== undefined) registerPaystack(server, options.payments, paystack);
  if (flutterwave !== undefined) registerFlutterwave(server, options.payments, flutterwave);
  registerMailbox(server, { world: options.control.world, mailbox: options.mailbox });
  registerControl(server, options.control);
  registerRentalControl(server, options.handlerApi.rentals);
  await server.listen({ host: options.host, port: options.port });
  return {
    port: (server.server.address() as AddressInfo).port,
    close: () => server.close(),
  };
};
