import { appError } from '#platform/errors/index.ts';
import type { Contact, TimelineEntry } from '../domain/contact.ts';
import type { ContactReads } from './ports.ts';

const timelineLimit = 100;

/** A contact and what happened with it, newest first. @throws AppError request.not_found */
export const getContact =
  ({ contacts }: { contacts: ContactReads }) =>
  async ({ tenantId, id }: { tenantId: string; id: string }): Promise<{ contact: Contact; timeline: readonly TimelineEntry[] }> => {
    const contact = await contacts.find(tenantId, id);
    if (!contact) throw appError('request.not_found');
    return { contact, timeline: await contacts.timeline(contact, timelineLimit) };
  };
