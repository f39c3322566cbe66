import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parseDecimal } from '#platform/money/index.ts';
import type { ActivationBook } from '../../../app/activation-book.ts';
import type { BuyNumber } from '../../../app/buy-number.ts';
import type { ChangeActivation } from '../../../app/change-activation.ts';
import type { ReactivateNumber } from '../../../app/reactivate-number.ts';
import type { World } from '../../../app/ports.ts';
import type { RentalBook } from '../../../app/rental-book.ts';
import type { Activation, Capability, ReceivedCode } from '../../../domain/activation.ts';
import { chooseFault } from '../../../domain/choose-fault.ts';
import { countries } from '../../../domain/countries.ts';
import type { HandlerFault } from '../../../domain/settings.ts';
import { refuseOnTheWay, spoilAnswer } from '../provider-faults.ts';
import { htmlError, latency, reset } from '../spoil-reply.ts';
import {
  type Action,
  type Answer,
  callOf,
  compact,
  createdLink,
  expanded,
  type Links,
  nationalOf,
  notFound,
  refusal,
  refusalOfPurchase,
  smsOf,
  unauthorized,
  wordFaults,
} from './objects.ts';
import { rentalSms } from './rental-objects.ts';
import { rentalRoutes } from './rentals.ts';

export interface TextVerifiedDependencies {
  readonly world: World;
  readonly apiKey: string;
  readonly username: string;
  readonly book: ActivationBook;
  readonly buyNumber: BuyNumber;
  readonly changeActivation: ChangeActivation;
  readonly reactivateNumber: ReactivateNumber;
  readonly rentals: RentalBook;
}

const prefix = '/textverified/api/pub/v2';
const tokenLifeSeconds = 900;
const pageRows = 25;
const unitedStates = [...countries.values()].find(({ iso }) => iso === 'US')?.id ?? 0;

const ok = (body: object): Answer => ({ status: 200, body });
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const same = (a: unknown, b: string): boolean => timingSafeEqual(digest(typeof a === 'string' ? a : ''), digest(b));

const pageOf = (rows: readonly object[], request: FastifyRequest, href: string): object => {
  const { page: asked } = request.query as { page?: string };
  const page = asked !== undefined && /^\d{1,6}$/.test(asked) ? Number(asked) : 0;
  const start = page * pageRows;
  const to = (index: number): object => ({ method: 'GET', href: `${href}${href.includes('?') ? '&' : '?'}page=${index}` });
  const [hasNext, hasPrevious] = [rows.length > start + pageRows, page > 0];
  const none = { method: null, href: null };
  return {
    data: rows.slice(start, start + pageRows),
    count: rows.length,
    hasNext,
    hasPrevious,
    links: { current: to(page), next: hasNext ? to(page + 1) : none, previous: hasPrevious ? to(page - 1) : none },
  };
};

interface NewVerification {
  readonly serviceName?: unknown;
  readonly capability?: unknown;
  readonly maxPrice?: unknown;
  readonly areaCodeSelectOption?: unknown;
  readonly carrierSelectOption?: unknown;
}

/** A list of wishes, best first: this market always has the first. @returns undefined when it is no such list */
const wishOf = (value: unknown, pattern: RegExp): { readonly first: string | undefined } | undefined => {
  if (value === undefined || value === null) return { first: undefined };
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string' && pattern.test(each))) return undefined;
  return { first: value[0] as string | undefined };
};

/**
 * TextVerified v2 under `/textverified/api/pub/v2`: token flow, `201` with `Location`, `Idempotency-Key` on creation, links
 * to follow, pages. It shares the market with the handler API (stock, prices, fates, faults); every number is in the
 * United States. The actions of `handlerApi.nextFaultsOf` are `textVerifiedRead`, `…Cancel`, `…List`, `…Sms`, `…Calls`, `…Auth`.
 */
export const registerTextVerified = (server: FastifyInstance, dependencies: TextVerifiedDependencies): void => {
  const { world, apiKey, username, book, buyNumber, changeActivation, reactivateNumber } = dependencies;
  const purchases = world.random.stream('text_verified/faults');
  const tokens = new Map<string, number>();
  const made = new Map<string, string>();
  let lastToken = 0;
  const nowMs = (): number => world.clock.now().getTime();

  const found = (id: string): Activation | undefined => {
    const activation = book.get(id);
    return activation?.market === 'textverified' ? activation : undefined;
  };
  const idOf = (request: FastifyRequest): string => (request.params as { id?: string }).id ?? '';

  const authenticate: Action = ({ headers }) => {
    const genuine = [same(headers['x-api-key'], apiKey), same(headers['x-api-username'], username)].every(Boolean);
    if (!genuine) return unauthorized;
    lastToken += 1;
    const token = digest(`${apiKey} ${nowMs()} ${lastToken}`).toString('base64url');
    tokens.set(token, nowMs() + tokenLifeSeconds * 1_000);
    const expiresAt = new Date(nowMs() + tokenLifeSeconds * 1_000).toISOString();
    return ok({ token, expiresIn: tokenLifeSeconds, expiresAt });
  };
  const isSignedIn = ({ headers }: FastifyRequest): boolean => {
    const token = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
    return token !== undefined && (tokens.get(token) ?? 0) > nowMs();
  };

  const create: Action = (request, links) => {
    const { serviceName, capability, maxPrice, ...options } = (request.body ?? {}) as NewVerification;
    if (typeof serviceName !== 'string' || (capability !== 'sms' && capability !== 'voice'))
      return refusal(400, 'BadRequest', 'serviceName and capability are needed.');
    const [area, carrier] = [wishOf(options.areaCodeSelectOption, /^[2-9]\d\d$/), wishOf(options.carrierSelectOption, /^[a-z]{2,20}$/)];
    if (area === undefined || carrier === undefined) return refusal(400, 'BadRequest', 'There is no such area code or carrier.');
    const limit = typeof maxPrice === 'number' ? parseDecimal(String(maxPrice)) : undefined;
    const key = request.headers['idempotency-key'];
    const known = typeof key === 'string' ? found(made.get(key) ?? '') : undefined;
    const created = (activation: Activation): Answer => {
      const body = createdLink(links, activation);
      return { status: 201, body, location: body.href };
    };
    if (known !== undefined) return created(known);
    const order = { service: serviceName, countryId: unitedStates, maxPriceMicros: limit, exceptPrefixes: [] };
    const wishes = {
      operator: carrier.first,
      areaCode: area.first,
      capability: capability === 'voice' ? ('voice' as const) : ('sms' as const),
    };
    const outcome = buyNumber({ ...order, ...wishes, market: 'textverified', orderId: undefined });
    if (outcome.kind !== 'bought') return refusalOfPurchase(outcome);
    if (typeof key === 'string') made.set(key, outcome.activation.id);
    return created(outcome.activation);
  };

  const reactivate: Action = (request, links) => {
    const activation = found(idOf(request));
    if (activation === undefined) return notFound;
    const next = reactivateNumber(activation);
    if (next === undefined) return refusal(400, 'CannotReactivate', 'The verification cannot be reactivated.');
    const body = createdLink(links, next);
    return { status: 201, body, location: body.href };
  };

  const cancel: Action = (request, _links, fault) => {
    const activation = found(idOf(request));
    if (activation === undefined) return notFound;
    const outcome = changeActivation(activation.id, 'cancel', fault === 'code_during_cancel');
    return outcome.kind === 'cancelled' ? { status: 200 } : refusal(400, 'CannotCancel', 'The verification does not allow cancellation.');
  };

  /** Texts or calls, of whatever numbers the question is about. */
  const listReceived =
    (path: 'sms' | 'calls', capability: Capability, rowOf: (links: Links, activation: Activation, code: ReceivedCode) => object): Action =>
    (request, links) => {
      const { reservationId, to } = request.query as { reservationId?: string; to?: string };
      const wanted = book
        .of('textverified')
        .filter((activation) => activation.capability === capability)
        .filter(
          (activation) =>
            (reservationId === undefined || activation.id === reservationId) && (to === undefined || nationalOf(activation) === to),
        );
      const rows = wanted.flatMap((activation) =>
        activation.codes
          .filter(({ late }) => !late)
          .map((code) => rowOf(links, activation, code))
          .toReversed(),
      );
      if (path === 'sms')
        for (const rental of dependencies.rentals.of('textverified'))
          if ((reservationId === undefined || rental.id === reservationId) && (to === undefined || rental.phone === `1${to}`))
            rows.push(...rental.messages.toReversed().map((message) => rentalSms(rental, message)));
      const query = reservationId === undefined ? '' : `?reservationId=${encodeURIComponent(reservationId)}`;
      return ok(pageOf(rows, request, `${links.base}/${path}${query}`));
    };

  const chooseFor = (action: string): HandlerFault | undefined => {
    const settings = world.settings.handlerApi;
    if (action === 'Create') return chooseFault(settings.nextFaults, settings.faultRatios, purchases);
    const name = `textVerified${action}`;
    const [queue, ratios] = [settings.nextFaultsOf[name], settings.faultRatiosOf[name]];
    if (queue === undefined && ratios === undefined) return undefined;
    return chooseFault(queue ?? [], ratios ?? {}, world.random.stream(`text_verified/faults/${action}`));
  };

  const send = (reply: FastifyReply, answer: Answer): FastifyReply => {
    if ('errorCode' in answer) {
      const { errorCode, errorDescription } = answer;
      return reply.code(answer.status).send({ errorCode, errorDescription });
    }
    if (answer.location !== undefined) void reply.header('location', answer.location);
    return reply.code(answer.status).send(answer.body ?? '');
  };

  const route = (method: 'GET' | 'POST', path: string, action: string, run: Action): void => {
    server.route({
      method,
      url: prefix + path,
      handler: async (request, reply) => {
        const settings = world.settings.handlerApi;
        if (settings.outage === 'reset') {
          reset(reply);
          return reply;
        }
        if (settings.outage === '503') return htmlError(reply, 503, '503 Service Temporarily Unavailable');
        const wait = latency(settings.latencyMs);
        if (wait !== undefined) await wait;
        if (action !== 'Auth' && !isSignedIn(request)) return send(reply, unauthorized);
        const links: Links = { base: `http://${request.headers.host ?? 'localhost'}${prefix}` };
        const fault = chooseFor(action);
        if (fault === undefined) return send(reply, run(request, links, undefined));
        const word = wordFaults[fault];
        if (word !== undefined) return send(reply, word);
        const refused = refuseOnTheWay(world, reply, fault);
        if (refused !== undefined) return refused;
        const answer = run(request, links, fault);
        return spoilAnswer(world, reply, fault) ?? send(reply, answer);
      },
    });
  };

  route('POST', '/auth', 'Auth', authenticate);
  route('GET', '/account/me', 'Account', () => ok({ username, currentBalance: Number(book.balanceMicros() / 10_000n) / 100 }));
  route('POST', '/verifications', 'Create', create);
  route('GET', '/verifications', 'List', (request, links) =>
    ok(
      pageOf(
        book.of('textverified').map((activation) => compact(links, activation)),
        request,
        `${links.base}/verifications`,
      ),
    ),
  );
  route('GET', '/verifications/:id', 'Read', (request, links) => {
    const activation = found(idOf(request));
    return activation === undefined ? notFound : ok(expanded(links, activation));
  });
  route('POST', '/verifications/:id/cancel', 'Cancel', cancel);
  route('POST', '/verifications/:id/report', 'Report', (request) => {
    const activation = found(idOf(request));
    if (activation === undefined) return notFound;
    const outcome = changeActivation(activation.id, 'cancel', false);
    return outcome.kind === 'cancelled' ? { status: 200 } : refusal(400, 'CannotReport', 'The verification cannot be reported.');
  });
  route('POST', '/verifications/:id/reactivate', 'Reactivate', reactivate);
  for (const one of rentalRoutes({ book: dependencies.rentals, countryId: unitedStates, page: pageOf }))
    route(one.method, one.path, one.action, one.run);
  const textOf = (_links: Links, activation: Activation, code: ReceivedCode): object =>
    smsOf(activation, code, activation.codes.indexOf(code));
  route('GET', '/sms', 'Sms', listReceived('sms', 'sms', textOf));
  route('GET', '/calls', 'Calls', listReceived('calls', 'voice', callOf));
};
