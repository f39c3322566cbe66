import { appError } from '#platform/errors/index.ts';
import type { Clock } from '#platform/time/index.ts';
import { checkContact, type Contact, type ContactInput } from '../domain/contact.ts';
import type { NormalisePhone, Transactions } from './ports.ts';

export interface CreateContactDeps {
  readonly transactions: Transactions;
  readonly normalisePhone: NormalisePhone;
  readonly newId: () => string;
  readonly clock: Clock;
}

/**
 * Adds a person. Repeating the call with its key returns the same contact.
 * @throws AppError request.invalid, campaign.contact_exists, request.idempotency_conflict
 */
export const createContact =
  ({ transactions, normalisePhone, newId, clock }: CreateContactDeps) =>
  async (call: { tenantId: string; idempotencyKey: string; input: ContactInput }): Promise<Contact> => {
    const { tenantId, idempotencyKey: key } = call;
    const input = checkContact(call.input, normalisePhone);
    const at = clock.now();
    return transactions.run((unit) =>
      unit.once({ tenantId, operation: 'contact.create', key, request: input }, async () => {
        const doNotContact = await unit.optOuts.covers(tenantId, input.phone);
        const contact: Contact = { ...input, id: newId(), tenantId, doNotContact, createdAt: at };
        if (!(await unit.contacts.insert(contact))) {
          throw appError('campaign.contact_exists', { fields: [{ field: 'phone', reason: 'Another contact has this number.' }] });
        }
        await unit.contacts.record([{ contactId: contact.id, tenantId, type: 'created', at, campaignId: undefined, detail: '' }]);
        await unit.events.contactCreated({ tenantId, at, contactId: contact.id });
        return contact;
      }),
    );
  };
