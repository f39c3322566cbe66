import { formatDecimal } from '#platform/money/index.ts';
import type { RentalBook, RentalPush, SimulatedRental } from '../../app/rental-book.ts';
import { knownServices, isServiceCode } from '../../domain/services.ts';
import { stockOf } from '../../app/quote-price.ts';
import type { World } from '../../app/ports.ts';
import { ok, type Answer } from './handler-api-answers.ts';

type Parameters = Readonly<Record<string, string | undefined>>;
type Action = (parameters: Parameters) => Answer;

const timestamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}+00:00`;
const refused = (message: string): Answer => ok({ status: 'error', message });
const whole = (text: string | undefined): number | undefined => (text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : undefined);
const hoursOf = (parameters: Parameters): number | undefined => whole(parameters['rent_time'] ?? parameters['duration'] ?? '4');
const callbackOf = (text: string | undefined): string | undefined =>
  text !== undefined && /^https?:/.test(text) && URL.canParse(text) ? text : undefined;

const phoneOf = ({ id, phone, endsAtMs }: SimulatedRental): object => ({ id, number: phone, endDate: timestamp(endsAtMs) });
const rowOf = (rental: SimulatedRental, { from, text, atMs }: SimulatedRental['messages'][number]): object => ({
  ...{ phoneFrom: from, text, service: rental.service, date: timestamp(atMs) },
});

/** To the `url` of the purchase: the row that getRentStatus has, and which rental it is about. */
export const handlerApiRentalPush: RentalPush = (rental, message) =>
  rental.pushUrl === undefined
    ? undefined
    : { kind: 'push', url: rental.pushUrl, body: JSON.stringify({ rentId: rental.id, phone: rental.phone, ...rowOf(rental, message) }) };

/** The rental part of the family. Faults of the way are the same as for every other action. */
export const rentalActions = (world: World, book: RentalBook): readonly (readonly [string, Action])[] => {
  const ofRental =
    (answer: (rental: SimulatedRental, parameters: Parameters) => Answer): Action =>
    (parameters) => {
      const rental = book.get('handler_api', parameters['id'] ?? '');
      return rental === undefined ? refused('NO_ID_RENT') : answer(rental, parameters);
    };
  const ended = ({ state }: SimulatedRental, cancelled: string, finished: string): Answer | undefined =>
    state === 'active' ? undefined : refused(state === 'cancelled' ? cancelled : finished);

  return [
    [
      'getRentServicesAndCountries',
      (parameters) => {
        const [hours, countryId] = [hoursOf(parameters), whole(parameters['country'] ?? '0')];
        if (hours === undefined || hours < 1) return refused('INVALID_TIME');
        if (countryId === undefined) return refused('WRONG_COUNTRY');
        // The market serves more services than it names: one that is asked for is shown, too.
        const asked = parameters['service'];
        const codes = new Set([...knownServices.keys(), ...(asked !== undefined && isServiceCode(asked) ? [asked] : [])]);
        const services = [...codes].map((service) => {
          const cost = Number(formatDecimal(book.costOf({ service, countryId, hours })));
          return [service, { cost, quant: stockOf(world.settings.handlerApi, service, countryId) }] as const;
        });
        return ok({ operators: { '0': 'any' }, countries: { '0': countryId }, services: Object.fromEntries(services), currency: 840 });
      },
    ],
    [
      'getRentNumber',
      (parameters) => {
        const [hours, countryId] = [hoursOf(parameters), whole(parameters['country'] ?? '0')];
        if (hours === undefined || hours < 1) return refused('INVALID_TIME');
        if (countryId === undefined) return refused('WRONG_COUNTRY');
        const service = parameters['service'] ?? '';
        if (!isServiceCode(service)) return refused('BAD_SERVICE');
        const outcome = book.rent({ market: 'handler_api', service, countryId, hours, pushUrl: callbackOf(parameters['url']) });
        switch (outcome.kind) {
          case 'rented':
            return ok({ status: 'success', phone: phoneOf(outcome.rental) });
          case 'no_numbers':
            return refused('NO_NUMBERS');
          case 'no_balance':
            return refused('NO_BALANCE');
          case 'too_long':
            return refused('INVALID_TIME');
        }
      },
    ],
    [
      'getRentStatus',
      ofRental((rental, parameters) => {
        const over = ended(rental, 'STATUS_CANCEL', 'STATUS_FINISH');
        if (over !== undefined) return over;
        if (rental.messages.length === 0) return refused('STATUS_WAIT_CODE');
        const size = Math.min(whole(parameters['size']) ?? 10, 100);
        const from = ((whole(parameters['page']) ?? 1) - 1) * size;
        const values = rental.messages
          .toReversed()
          .slice(from, from + size)
          .map((message) => rowOf(rental, message));
        return ok({ status: 'success', quantity: String(rental.messages.length), values: Object.fromEntries(values.entries()) });
      }),
    ],
    [
      'setRentStatus',
      ofRental((rental, { status }) => {
        const over = ended(rental, 'ALREADY_CANCEL', 'ALREADY_FINISH');
        if (over !== undefined) return over;
        if (status !== '1' && status !== '2') return refused('INCORECT_STATUS');
        if (status === '2' && !book.refund(rental)) return refused('CANT_CANCEL');
        if (status === '1') book.end(rental);
        return ok({ status: 'success' });
      }),
    ],
    [
      'getContinueRentPriceNumber',
      ofRental((rental, parameters) => {
        const hours = hoursOf(parameters);
        if (hours === undefined || hours < 1) return refused('INVALID_TIME');
        if (rental.state !== 'active') return refused('RENT_DIE');
        return ok({ status: 'success', price: Number(formatDecimal(book.costOf({ ...rental, hours }))), currency: 840 });
      }),
    ],
    [
      'continueRentNumber',
      ofRental((rental, parameters) => {
        const hours = hoursOf(parameters);
        if (hours === undefined || hours < 1) return refused('INVALID_TIME');
        switch (book.extend(rental, hours)) {
          case 'extended':
            return ok({ status: 'success', phone: phoneOf(rental) });
          case 'ended':
            return refused('RENT_DIE');
          case 'too_long':
            return refused('MAX_HOURS_EXCEED');
          case 'no_balance':
            return refused('NO_BALANCE');
        }
      }),
    ],
    [
      'getRentList',
      () => {
        const rows = book.live('handler_api');
        if (rows.length === 0) return refused('NO_NUMBERS');
        const values = rows.map(({ id, phone, service, countryId, endsAtMs }) => ({
          ...{ id, phone, service, country: countryId, endDate: timestamp(endsAtMs) },
        }));
        return ok({ status: 'success', values: Object.fromEntries(values.entries()) });
      },
    ],
  ];
};
