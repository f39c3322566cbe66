import { appError } from '#platform/errors/index.ts';
import type { Contact } from '../domain/contact.ts';
import type { ContactReads, Page, PageRequest } from './ports.ts';

/** One page, newest first. `search` matches the beginning of a name, the number or the e-mail address. */
export const listContacts =
  ({ contacts }: { contacts: ContactReads }) =>
  async (query: { tenantId: string; search: string; tag: string; page: PageRequest }): Promise<Page<Contact>> => {
    const search = query.search.trim();
    if (search.length > 100 || search.includes('\0'))
      throw appError('request.invalid', { fields: [{ field: 'search', reason: 'At most 100 characters.' }] });
    if (query.tag.includes('\0')) throw appError('request.invalid', { fields: [{ field: 'tag', reason: 'Not a tag.' }] });
    return contacts.list({ ...query, search });
  };
