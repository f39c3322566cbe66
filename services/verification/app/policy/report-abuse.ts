import { newId } from '#platform/ids/index.ts';
import type { Clock } from '#platform/time/index.ts';
import type { Place, Sealer } from '../ports.ts';
import { invalid } from './checks.ts';
import { abuseCategories, type AbuseReports, type HashNumber } from './ports.ts';

export interface AbuseParts {
  readonly reports: AbuseReports;
  readonly sealer: Sealer;
  readonly hashNumber: HashNumber;
  readonly clock: Clock;
}

export interface AbuseDetails {
  readonly phoneNumber: string;
  readonly description: string;
  /** Empty: they want no answer. */
  readonly contact: string;
}

/** Of nobody's activation yet: the service's key. */
export const abuseContext = (id: string): Place => ({ tenantId: undefined, context: `abuse:${id}` });

const e164 = /^\+[1-9]\d{6,14}$/;
const [shortest, longest] = [20, 4_000];
const longestContact = 254;

/**
 * Anybody tells us what was done with a number. The answer is the same whether it is one of ours or not: who asks learns nothing about
 * customers. @returns the report's id. @throws request.invalid naming the field
 */
export const reportAbuse =
  ({ reports, sealer, hashNumber, clock }: AbuseParts) =>
  async (request: AbuseDetails & { category: string; happenedAt: Date | undefined }): Promise<string> => {
    const now = clock.now();
    const phoneNumber = request.phoneNumber.trim();
    const [description, contact] = [request.description.trim(), request.contact.trim()];
    if (!e164.test(phoneNumber)) throw invalid('phoneNumber', 'must be in international form, like +447700900123');
    const category = abuseCategories.find((known) => known === request.category);
    if (category === undefined) throw invalid('category', `must be one of ${abuseCategories.join(', ')}`);
    if (description.length < shortest || description.length > longest)
      throw invalid('description', `must have ${shortest} to ${longest} characters`);
    if (contact.length > longestContact) throw invalid('contact', `must have at most ${longestContact} characters`);
    if (request.happenedAt && request.happenedAt > now) throw invalid('happenedAt', 'is in the future');
    const id = newId();
    const details: AbuseDetails = { phoneNumber, description, contact };
    return reports.receive(
      {
        ...{ id, status: 'open', category, numberHash: hashNumber(phoneNumber), receivedAt: now, happenedAt: request.happenedAt },
        sealed: await sealer.seal(JSON.stringify(details), abuseContext(id)),
        ...{ verificationId: undefined, tenantId: undefined, decidedBy: undefined, decidedAt: undefined, note: '' },
      },
      sealer.fingerprint(['abuse', phoneNumber, category, contact, description].join('\n')),
    );
  };
