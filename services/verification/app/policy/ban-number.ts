import { newId } from '#platform/ids/index.ts';
import { addMs, type Clock, dayMs } from '#platform/time/index.ts';
import type { Catalogue } from '../../domain/catalogue.ts';
import { invalid, requireNote } from './checks.ts';
import type { HashNumber, NumberBan, NumberBans } from './ports.ts';

const e164 = /^\+[1-9]\d{6,14}$/;
const mostDays = 3_650;

/** An operator takes a number off sale, for one service or ("*") for all. @throws request.invalid naming the field */
export const banNumber =
  (parts: { readonly bans: NumberBans; readonly catalogue: Catalogue; readonly hashNumber: HashNumber; readonly clock: Clock }) =>
  async (actor: string, request: { phoneNumber: string; service: string; days: number; reason: string }): Promise<NumberBan> => {
    const { phoneNumber, days } = request;
    if (!e164.test(phoneNumber)) throw invalid('phoneNumber', 'must be in international form, like +447700900123');
    const service = request.service === '*' ? '*' : parts.catalogue.service(request.service.toLowerCase())?.code;
    if (service === undefined) throw invalid('service', 'must be "*" or a service of the catalogue');
    if (!Number.isInteger(days) || days < 1 || days > mostDays) throw invalid('days', `must be a whole number from 1 to ${mostDays}`);
    const at = parts.clock.now();
    return parts.bans.set(
      parts.hashNumber(phoneNumber),
      { id: newId(), service, until: addMs(at, days * dayMs), origin: 'operator' },
      { actor, note: requireNote(request.reason, 'reason'), at },
    );
  };
