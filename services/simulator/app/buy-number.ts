import type { Activation, Capability, Fate, Market } from '../domain/activation.ts';
import { chooseFault } from '../domain/choose-fault.ts';
import { countryOf, type Country } from '../domain/countries.ts';
import { isServiceCode } from '../domain/services.ts';
import type { ActivationBook } from './activation-book.ts';
import type { ComposeFor } from './compose-code.ts';
import type { DeliverCode } from './deliver-code.ts';
import type { EndActivation } from './end-activation.ts';
import type { World } from './ports.ts';
import { priceMicros, takeFromStock } from './quote-price.ts';

export interface NumberOrder {
  readonly market: Market;
  readonly service: string;
  readonly countryId: number;
  readonly maxPriceMicros: bigint | undefined;
  readonly orderId: string | undefined;
  /** Numbers that start with one of these are not wanted. */
  readonly exceptPrefixes: readonly string[];
  readonly operator: string | undefined;
  /** The national number begins with it. */
  readonly areaCode?: string | undefined;
  readonly capability?: Capability;
}

export type BuyOutcome =
  | { readonly kind: 'bought'; readonly activation: Activation }
  | { readonly kind: 'bad_service' | 'wrong_country' | 'no_numbers' | 'no_balance' | 'order_exists' }
  | { readonly kind: 'wrong_max_price'; readonly minMicros: bigint };

export type BuyNumber = (order: NumberOrder) => BuyOutcome;

/** Decides at purchase what will become of the code; every ratio draws from its own stream, each purchase once. */
const createDrawFate = (world: World): (() => Fate) => {
  const stream = (name: string) => world.random.stream(`handler_api/fate/${name}`);
  const queue = stream('queue');
  const none = stream('none');
  const twice = stream('twice');
  const late = stream('late');
  const hyphenated = stream('hyphenated');
  const pushTwice = stream('push_twice');
  const heldBack = stream('held_back');
  const noPush = stream('no_push');
  return () => {
    const settings = world.settings.handlerApi;
    const drawn = {
      none: none.chance(settings.noCodeRatio),
      twice: twice.chance(settings.twoCodesRatio),
      late: late.chance(settings.lateCodeRatio),
      hyphenated: hyphenated.chance(settings.hyphenatedRatio),
      pushTwice: pushTwice.chance(settings.duplicatePushRatio),
      heldBack: heldBack.chance(settings.reorderedPushRatio),
      noPush: noPush.chance(settings.noPushRatio),
    };
    const queued = chooseFault(settings.nextCodes, {}, queue);
    if (queued === undefined) {
      return {
        arrives: !drawn.none && !drawn.late,
        twice: drawn.twice,
        late: drawn.late,
        hyphenated: drawn.hyphenated,
        pushTwice: drawn.pushTwice,
        pushHeldBack: drawn.heldBack,
        pushed: !drawn.noPush,
      };
    }
    return {
      arrives: queued !== 'no_code' && queued !== 'late_code',
      twice: queued === 'two_codes' || queued === 'reordered_push',
      late: queued === 'late_code',
      hyphenated: queued === 'hyphenated',
      pushTwice: queued === 'duplicate_push',
      pushHeldBack: queued === 'reordered_push',
      pushed: queued !== 'no_push',
    };
  };
};

const drawsPerNumber = 50;

export const createBuyNumber = (
  world: World,
  dependencies: { book: ActivationBook; deliverCode: DeliverCode; endActivation: EndActivation; compose: ComposeFor },
): BuyNumber => {
  const { book, deliverCode, endActivation, compose } = dependencies;
  const numbers = world.random.stream('handler_api/numbers');
  const delays = world.random.stream('handler_api/code_delays');
  const drawFate = createDrawFate(world);

  const drawPhone = (country: Country, exceptPrefixes: readonly string[], areaCode = ''): string | undefined => {
    // What begins with a place is as long, and what follows is a subscriber's number all the same.
    const [prefix, freeDigits] =
      areaCode === ''
        ? [country.prefix, country.freeDigits]
        : [`${areaCode}55`, country.prefix.length + country.freeDigits - areaCode.length - 2];
    for (let draw = 0; draw < drawsPerNumber; draw += 1) {
      const phone = country.dialCode + prefix + numbers.digits(freeDigits);
      if (!book.isRented(phone) && !exceptPrefixes.some((prefix) => phone.startsWith(prefix))) return phone;
    }
    return undefined;
  };

  const planLife = (activation: Activation): void => {
    const settings = world.settings.handlerApi;
    const delayMs = delays.between(settings.codeDelayMinMs, Math.max(settings.codeDelayMinMs, settings.codeDelayMaxMs));
    activation.plannedEnd = world.agenda.at(activation.endsAtMs, () => {
      endActivation(activation, activation.state === 'waiting' ? 'expired' : 'finished');
    });
    if (!activation.fate.arrives) return;
    const message = compose(activation);
    const second = activation.fate.twice ? compose(activation) : undefined;
    activation.plannedCode = world.agenda.at(activation.createdAtMs + delayMs, () => {
      deliverCode(activation, message);
      if (second === undefined) return;
      activation.plannedCode = world.agenda.at(world.clock.now().getTime() + settings.secondCodeDelayMs, () => {
        deliverCode(activation, second);
      });
    });
  };

  const refuse = (order: NumberOrder, costMicros: bigint): Exclude<BuyOutcome, { kind: 'bought' }> | undefined => {
    if (!isServiceCode(order.service)) return { kind: 'bad_service' };
    if (!Number.isSafeInteger(order.countryId) || order.countryId < 0) return { kind: 'wrong_country' };
    if (order.orderId !== undefined && book.byOrder(order.orderId) !== undefined) return { kind: 'order_exists' };
    const settings = world.settings.handlerApi;
    if (order.maxPriceMicros !== undefined && order.maxPriceMicros < costMicros) {
      return { kind: 'wrong_max_price', minMicros: costMicros };
    }
    if (book.balanceMicros() < costMicros) return { kind: 'no_balance' };
    return takeFromStock(settings, order.service, order.countryId) ? undefined : { kind: 'no_numbers' };
  };

  return (order) => {
    const settings = world.settings.handlerApi;
    const costMicros = priceMicros(settings, order.service, order.countryId);
    const refused = refuse(order, costMicros);
    const country = countryOf(order.countryId, settings.dialCodes);
    const phone = refused === undefined ? drawPhone(country, order.exceptPrefixes, order.areaCode) : undefined;
    if (refused !== undefined || phone === undefined) {
      world.counters.purchasesRefused += 1;
      return refused ?? { kind: 'no_numbers' };
    }
    const createdAtMs = world.clock.now().getTime();
    const activation: Activation = {
      id: book.nextId(),
      market: order.market,
      service: order.service,
      countryId: order.countryId,
      dialCode: country.dialCode,
      phone,
      costMicros,
      operator: order.operator ?? 'any',
      capability: order.capability ?? 'sms',
      orderId: order.orderId,
      createdAtMs,
      endsAtMs: createdAtMs + settings.lifeMs,
      fate: drawFate(),
      state: 'waiting',
      endedAtMs: undefined,
      codes: [],
      plannedCode: undefined,
      plannedEnd: undefined,
      successor: undefined,
    };
    book.spend(activation.costMicros);
    book.add(activation);
    planLife(activation);
    world.counters.purchases += 1;
    return { kind: 'bought', activation };
  };
};
