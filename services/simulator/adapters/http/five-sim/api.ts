import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parseDecimal } from '#platform/money/index.ts';
import type { ActivationBook } from '../../../app/activation-book.ts';
import type { BuyNumber } from '../../../app/buy-number.ts';
import type { ActivationCommand, ChangeActivation } from '../../../app/change-activation.ts';
import type { World } from '../../../app/ports.ts';
import { priceMicros, stockOf } from '../../../app/quote-price.ts';
import type { Activation } from '../../../domain/activation.ts';
import { chooseFault } from '../../../domain/choose-fault.ts';
import { countries } from '../../../domain/countries.ts';
import { isServiceCode } from '../../../domain/services.ts';
import type { HandlerFault } from '../../../domain/settings.ts';
import { isBearer } from '../bearer.ts';
import { refuseOnTheWay, spoilAnswer } from '../provider-faults.ts';
import { htmlError, latency, reset } from '../spoil-reply.ts';
import { nameOfIso } from './country-names.ts';
import { orderOf, priceOf, refusalOfChange, refusalOfPurchase, shownCodes, textFaults, type Refusal } from './orders.ts';

export interface FiveSimDependencies {
  readonly world: World;
  readonly token: string;
  readonly book: ActivationBook;
  readonly buyNumber: BuyNumber;
  readonly changeActivation: ChangeActivation;
}

type Params = Readonly<Record<string, string | undefined>>;
type Answer = object | Refusal;
type Action = (parameters: Params, fault: HandlerFault | undefined) => Answer;

const isRefusal = (answer: Answer): answer is Refusal => 'status' in answer && 'text' in answer;

const countryIds: ReadonlyMap<string, number> = new Map(
  [...countries.values()].flatMap(({ id, iso }) => {
    const name = nameOfIso.get(iso);
    return name === undefined ? [] : [[name, id] as const];
  }),
);
/** Products that the catalogue pages show; any other name of the right form is sold too. */
const shownProducts = ['telegram', 'whatsapp', 'google', 'facebook', 'instagram', 'twitter', 'openai', 'discord', 'tiktok', 'other'];

const whole = (text: string | undefined, fallback: number, max: number): number =>
  text !== undefined && /^\d{1,9}$/.test(text) ? Math.min(Number(text), max) : fallback;

const notFound: Refusal = { status: 404, text: 'order not found' };

/**
 * 5sim REST v1 under `/5sim/v1` (5sim.net/docs): bearer token, JSON, refusals as plain text. It shares the market with the
 * handler API: the same stock, prices, fates and faults; the actions of `handlerApi.nextFaultsOf` are called
 * `fiveSimCheck`, `fiveSimFinish`, `fiveSimCancel`, `fiveSimBan`, `fiveSimOrders`, `fiveSimInbox`.
 */
export const registerFiveSim = (server: FastifyInstance, dependencies: FiveSimDependencies): void => {
  const { world, token, book, buyNumber, changeActivation } = dependencies;
  const purchases = world.random.stream('five_sim/faults');
  const banned = new Set<string>();

  const found = ({ id = '' }: Params): Activation | undefined => {
    const activation = book.get(id);
    return activation?.market === '5sim' ? activation : undefined;
  };
  const shown = (activation: Activation): object => orderOf(activation, banned.has(activation.id));

  const buy: Action = ({ country = '', operator = 'any', product = '', maxPrice }) => {
    const countryId = country === 'any' ? countryIds.get('russia') : countryIds.get(country);
    if (countryId === undefined) return { status: 400, text: 'bad country' };
    const limit = maxPrice === undefined ? undefined : parseDecimal(maxPrice);
    if (maxPrice !== undefined && limit === undefined) return { status: 400, text: 'bad maxPrice' };
    const outcome = buyNumber({
      market: '5sim',
      service: product,
      countryId,
      maxPriceMicros: limit,
      orderId: undefined,
      exceptPrefixes: [],
      operator: operator === 'any' ? undefined : operator,
    });
    return outcome.kind === 'bought' ? shown(outcome.activation) : refusalOfPurchase(outcome);
  };

  const change =
    (command: ActivationCommand): Action =>
    (parameters, fault) => {
      const activation = found(parameters);
      if (activation === undefined) return notFound;
      return refusalOfChange(changeActivation(activation.id, command, fault === 'code_during_cancel')) ?? shown(activation);
    };

  const orders: Action = ({ category = 'activation', limit, offset, reverse }) => {
    const rows = category === 'activation' ? book.of('5sim') : [];
    const ordered = reverse === 'true' ? rows : rows.toReversed();
    const start = whole(offset, 0, Number.MAX_SAFE_INTEGER);
    return {
      Data: ordered.slice(start, start + whole(limit, 100, 1_000)).map(shown),
      ProductNames: [],
      Statuses: [],
      Total: rows.length,
    };
  };

  const quote = (countryId: number, product: string): { cost: number; count: number } => {
    const settings = world.settings.handlerApi;
    return { cost: priceOf(priceMicros(settings, product, countryId)), count: stockOf(settings, product, countryId) };
  };
  const prices: Action = ({ country, product }) => {
    const names = country === undefined ? [...countryIds.keys()] : [country];
    const products = product === undefined ? shownProducts : [product].filter(isServiceCode);
    return Object.fromEntries(
      names.flatMap((name) => {
        const id = countryIds.get(name);
        const rows = products.map((each) => [each, { any: { ...quote(id ?? 0, each), rate: 90 } }] as const);
        return id === undefined ? [] : [[name, Object.fromEntries(rows)] as const];
      }),
    );
  };
  const products: Action = ({ country = '' }) => {
    const id = countryIds.get(country);
    if (id === undefined) return { status: 400, text: 'bad country' };
    const row = (product: string) => ({ Category: 'activation', Qty: quote(id, product).count, Price: quote(id, product).cost });
    return Object.fromEntries(shownProducts.map((product) => [product, row(product)]));
  };
  const listCountries: Action = () =>
    Object.fromEntries(
      [...countries.values()].flatMap(({ id, iso, dialCode, name }) => {
        const key = nameOfIso.get(iso);
        return key === undefined || countryIds.get(key) !== id
          ? []
          : [[key, { iso: { [iso.toLowerCase()]: 1 }, prefix: { [`+${dialCode}`]: 1 }, text_en: name }] as const];
      }),
    );

  const chooseFor = (action: string): HandlerFault | undefined => {
    const settings = world.settings.handlerApi;
    if (action === 'buy') return chooseFault(settings.nextFaults, settings.faultRatios, purchases);
    const name = `fiveSim${action.charAt(0).toUpperCase()}${action.slice(1)}`;
    const queue = settings.nextFaultsOf[name];
    const ratios = settings.faultRatiosOf[name];
    if (queue === undefined && ratios === undefined) return undefined;
    return chooseFault(queue ?? [], ratios ?? {}, world.random.stream(`five_sim/faults/${action}`));
  };

  const send = (reply: FastifyReply, answer: Answer): FastifyReply =>
    isRefusal(answer)
      ? reply.code(answer.status).type('text/plain; charset=utf-8').send(answer.text)
      : reply.code(200).type('application/json; charset=utf-8').send(JSON.stringify(answer));

  const route = (path: string, action: string, run: Action, open = false): void => {
    server.get(`/5sim/v1${path}`, async (request: FastifyRequest, reply) => {
      const settings = world.settings.handlerApi;
      if (settings.outage === 'reset') {
        reset(reply);
        return reply;
      }
      if (settings.outage === '503') return htmlError(reply, 503, '503 Service Temporarily Unavailable');
      const wait = latency(settings.latencyMs);
      if (wait !== undefined) await wait;
      if (!open && !isBearer(request, token)) return send(reply, { status: 401, text: 'unauthorized' });
      const parameters: Params = { ...(request.query as Params), ...(request.params as Params) };
      const fault = chooseFor(action);
      if (fault === undefined) return send(reply, run(parameters, undefined));
      const refused = textFaults[fault];
      if (refused !== undefined) return send(reply, refused);
      const onTheWay = refuseOnTheWay(world, reply, fault);
      if (onTheWay !== undefined) return onTheWay;
      const answer = run(parameters, fault);
      return spoilAnswer(world, reply, fault) ?? send(reply, answer);
    });
  };

  route('/user/profile', 'profile', () => ({
    id: 1,
    email: 'simulator@example.test',
    balance: priceOf(book.balanceMicros()),
    rating: 96,
    default_country: { name: 'russia', iso: 'ru', prefix: '+7' },
    default_operator: { name: '' },
    frozen_balance: 0,
  }));
  route('/user/buy/activation/:country/:operator/:product', 'buy', buy);
  route('/user/check/:id', 'check', (parameters) => {
    const activation = found(parameters);
    return activation === undefined ? notFound : shown(activation);
  });
  route('/user/finish/:id', 'finish', change('finish'));
  route('/user/cancel/:id', 'cancel', change('cancel'));
  route('/user/ban/:id', 'ban', (parameters, fault) => {
    const answer = change('cancel')(parameters, fault);
    if (isRefusal(answer)) return answer;
    const activation = found(parameters);
    if (activation === undefined) return notFound;
    banned.add(activation.id);
    return shown(activation);
  });
  route('/user/sms/inbox/:id', 'inbox', (parameters) => {
    const activation = found(parameters);
    if (activation === undefined) return notFound;
    const codes = shownCodes(activation);
    return { Data: codes, Total: codes.length };
  });
  route('/user/orders', 'orders', orders);
  route('/guest/countries', 'countries', listCountries, true);
  route('/guest/products/:country/:operator', 'products', products, true);
  route('/guest/prices', 'prices', prices, true);
};
