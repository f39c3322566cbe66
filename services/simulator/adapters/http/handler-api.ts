import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { formatDecimal, parseDecimal } from '#platform/money/index.ts';
import type { ActivationBook } from '../../app/activation-book.ts';
import type { BuyNumber, NumberOrder } from '../../app/buy-number.ts';
import type { ActivationCommand, ChangeActivation } from '../../app/change-activation.ts';
import type { World } from '../../app/ports.ts';
import type { RentalBook } from '../../app/rental-book.ts';
import type { ReadMarket } from '../../app/read-market.ts';
import { lastCode, type Activation } from '../../domain/activation.ts';
import { chooseFault } from '../../domain/choose-fault.ts';
import type { HandlerFault } from '../../domain/settings.ts';
import {
  activeRow,
  boughtV1,
  boughtV2,
  changeAnswer,
  ok,
  refusalOf,
  statusV1,
  statusV2,
  textFaults,
  type Answer,
} from './handler-api-answers.ts';
import { rentalActions } from './handler-api-rentals.ts';
import { refuseOnTheWay, spoilAnswer } from './provider-faults.ts';
import { htmlError, latency, reset } from './spoil-reply.ts';

export interface HandlerApiDependencies {
  readonly world: World;
  readonly apiKey: string;
  readonly book: ActivationBook;
  readonly buyNumber: BuyNumber;
  readonly changeActivation: ChangeActivation;
  readonly market: ReadMarket;
  readonly rentals: RentalBook;
}

type Parameters = Readonly<Record<string, string | undefined>>;
/** @param fault what the request meets; only `code_during_cancel` and `wrong_max_price` concern an action itself */
type Action = (parameters: Parameters, fault: HandlerFault | undefined) => Answer;

const commands: Readonly<Record<string, ActivationCommand>> = {
  '1': 'ready',
  '3': 'another',
  '6': 'finish',
  '8': 'cancel',
  '-1': 'cancel',
};

const wholeNumber = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;

const clamp = (value: number | undefined, fallback: number, max: number): number => Math.min(value ?? fallback, max);

const orderOf = (parameters: Parameters): NumberOrder | Answer => {
  const exceptPrefixes = (parameters['phoneException'] ?? '').split(',').filter((prefix) => prefix !== '');
  if (exceptPrefixes.length > 20 || exceptPrefixes.some((prefix) => !/^\d{1,15}$/.test(prefix))) return ok('WRONG_EXCEPTION_PHONE');
  const country = parameters['country'];
  const maxPrice = parameters['maxPrice'];
  const maxPriceMicros = maxPrice === undefined || maxPrice === '' ? undefined : parseDecimal(maxPrice);
  if (maxPrice !== undefined && maxPrice !== '' && maxPriceMicros === undefined) return ok('WRONG_MAX_PRICE:0.00');
  return {
    market: 'handler_api',
    service: parameters['service'] ?? '',
    countryId: country === undefined ? 0 : (wholeNumber(country) ?? -1),
    maxPriceMicros,
    orderId: parameters['orderId'] === '' ? undefined : parameters['orderId'],
    exceptPrefixes,
    operator: parameters['operator'],
  };
};

const createActions = (dependencies: HandlerApiDependencies): ReadonlyMap<string, Action> => {
  const { world, book, buyNumber, changeActivation, market } = dependencies;
  const buy =
    (bought: (activation: Activation) => Answer): Action =>
    (parameters) => {
      const order = orderOf(parameters);
      if ('status' in order) return order;
      const outcome = buyNumber(order);
      return outcome.kind === 'bought' ? bought(outcome.activation) : refusalOf(outcome);
    };
  const ofActivation =
    (answer: (activation: Activation) => Answer): Action =>
    (parameters) => {
      const activation = book.get(parameters['id'] ?? parameters['activationId'] ?? '');
      return activation === undefined ? ok('NO_ACTIVATION') : answer(activation);
    };
  const balance: Action = () => ok(`ACCESS_BALANCE:${formatDecimal(book.balanceMicros())}`);
  const newestLive = (): Activation[] => book.live('handler_api').reverse();

  return new Map<string, Action>([
    ...rentalActions(world, dependencies.rentals),
    ['getBalance', balance],
    ['getBalanceAndCashBack', balance],
    ['getNumber', buy(boughtV1)],
    ['getNumberV2', buy(boughtV2)],
    [
      'setStatus',
      (parameters, fault) => {
        const command = commands[parameters['status'] ?? ''];
        if (command === undefined) return ok('BAD_STATUS');
        const outcome = changeActivation(parameters['id'] ?? '', command, fault === 'code_during_cancel');
        return changeAnswer(outcome, world.settings.handlerApi.errorStyle);
      },
    ],
    ['getStatus', ofActivation(statusV1)],
    ['getStatusV2', ofActivation(statusV2)],
    [
      'getFullSms',
      ofActivation((activation) => {
        const code = lastCode(activation);
        return code === undefined ? statusV1(activation) : ok(`FULL_SMS:${code.text}`);
      }),
    ],
    [
      'getActiveActivations',
      (parameters) => {
        const start = wholeNumber(parameters['start']) ?? 0;
        const limit = clamp(wholeNumber(parameters['limit']), 100, 100);
        return ok({
          status: 'success',
          data: newestLive()
            .slice(start, start + limit)
            .map(activeRow),
        });
      },
    ],
    ['getPrices', (parameters) => ok(market.prices(parameters['service'], wholeNumber(parameters['country'])))],
    ['getNumbersStatus', (parameters) => ok(market.stock(wholeNumber(parameters['country']) ?? 0))],
    ['getCountries', () => ok(market.countries())],
    ['getServicesList', () => ok({ status: 'success', services: market.services() })],
  ]);
};

const send = (reply: FastifyReply, answer: Answer): FastifyReply =>
  typeof answer.body === 'string'
    ? reply.code(answer.status).type('text/plain; charset=utf-8').send(answer.body)
    : reply.code(answer.status).type('application/json; charset=utf-8').send(JSON.stringify(answer.body));

const digest = (text: string): Buffer => hash('sha256', text, 'buffer');

/** The SMS-Activate family's one address. Classic answers are `200 text/plain`; GET and POST, query and form mean the same. */
export const registerHandlerApi = (server: FastifyInstance, dependencies: HandlerApiDependencies): void => {
  const { world } = dependencies;
  const actions = createActions(dependencies);
  const keyDigest = digest(dependencies.apiKey);
  const jitter = world.random.stream('handler_api/latency');
  const purchases = world.random.stream('handler_api/faults');

  const chooseFor = (action: string): HandlerFault | undefined => {
    const settings = world.settings.handlerApi;
    if (action === 'getNumber' || action === 'getNumberV2') return chooseFault(settings.nextFaults, settings.faultRatios, purchases);
    const queue = settings.nextFaultsOf[action];
    const ratios = settings.faultRatiosOf[action];
    if (queue === undefined && ratios === undefined) return undefined;
    return chooseFault(queue ?? [], ratios ?? {}, world.random.stream(`handler_api/faults/${action}`));
  };

  const answerTo = (reply: FastifyReply, parameters: Parameters): FastifyReply => {
    const key = parameters['api_key'];
    if (key === undefined || key === '') return send(reply, ok('NO_KEY'));
    if (!timingSafeEqual(digest(key), keyDigest)) return send(reply, ok('BAD_KEY'));
    const name = parameters['action'] ?? '';
    const action = actions.get(name);
    if (action === undefined) return send(reply, ok('BAD_ACTION'));
    const fault = chooseFor(name);
    if (fault === undefined) return send(reply, action(parameters, undefined));
    const text = fault === 'wrong_max_price' ? `WRONG_MAX_PRICE:${world.settings.handlerApi.cost}` : textFaults[fault];
    if (text !== undefined) return send(reply, ok(text));
    const refused = refuseOnTheWay(world, reply, fault);
    if (refused !== undefined) return refused;
    const answer = action(parameters, fault);
    return spoilAnswer(world, reply, fault) ?? send(reply, answer);
  };

  /** Without a promise when there is nothing to wait for; an answer that is sent, or never comes, is nothing to return. */
  const handle = (request: FastifyRequest, reply: FastifyReply): void | Promise<FastifyReply> => {
    const settings = world.settings.handlerApi;
    if (settings.outage === 'reset') return reset(reply);
    if (settings.outage === '503') return void htmlError(reply, 503, '503 Service Temporarily Unavailable');
    const waitMs = settings.latencyMs + (settings.latencyJitterMs > 0 ? jitter.between(0, settings.latencyJitterMs) : 0);
    const body = request.body as Parameters | undefined;
    const query = request.query as Parameters;
    const answer = (): FastifyReply => answerTo(reply, typeof body === 'object' && body !== null ? { ...body, ...query } : query);
    const wait = latency(waitMs);
    return wait === undefined ? void answer() : wait.then(answer);
  };

  server.get('/stubs/handler_api.php', handle);
  server.post('/stubs/handler_api.php', handle);
};
