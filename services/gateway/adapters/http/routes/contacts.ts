import { Type } from 'typebox';
import { readAccess, writeAccess } from '../../../app/access.ts';
import type { Backends } from '../backends.ts';
import { callOptions, idempotencyKeyOf, pathId } from '../context.ts';
import { edgeId, fromTime, orNull, page, toPage } from '../mapping.ts';
import { closed, id, IdempotencyHeaders, pageOf, PageQuery, problems, Timestamp } from '../schemas.ts';
import type { Contact as ContactMessage } from '#proto/namaskah/campaign/v1/campaign.ts';
import type { App } from './index.ts';

const Name = Type.String({ maxLength: 100 });
const Tags = Type.Array(Type.String({ minLength: 1, maxLength: 50 }), { maxItems: 50, uniqueItems: true });
const Fields = Type.Record(Type.String({ pattern: String.raw`^\w{1,50}$` }), Type.String({ maxLength: 500 }), {
  maxProperties: 50,
  ...closed,
});
const MaybeText = Type.Union([Type.String(), Type.Null()]);
const fields = {
  id: id('con'),
  phone: Type.String({ description: 'E.164', examples: ['+447700900123'] }),
  firstName: MaybeText,
  lastName: MaybeText,
  email: MaybeText,
  tags: Type.Array(Type.String()),
  fields: Type.Record(Type.String(), Type.String()),
  doNotContact: Type.Boolean({ description: 'Wrote STOP: nothing is sent' }),
  createdAt: Timestamp,
};
const Contact = Type.Object(fields, closed);
const TimelineEntry = Type.Object(
  { type: Type.String(), at: Timestamp, campaignId: Type.Union([id('cmp'), Type.Null()]), detail: MaybeText },
  closed,
);

const contactFromProto = (contact: ContactMessage | undefined) => {
  if (!contact) throw new Error('the campaign service answered without a contact');
  return {
    id: edgeId('contact', contact.id),
    phone: contact.phone,
    firstName: orNull(contact.firstName),
    lastName: orNull(contact.lastName),
    email: orNull(contact.email),
    tags: contact.tags,
    fields: contact.fields,
    doNotContact: contact.doNotContact,
    createdAt: fromTime(contact.createdAt) ?? '',
  };
};

export const contactRoutes = (app: App, { contacts }: Backends): void => {
  const tags = ['contacts'];
  app.post(
    '/v2/contacts',
    {
      config: { access: writeAccess('contacts:write') },
      schema: {
        tags,
        summary: 'Add a contact',
        headers: IdempotencyHeaders,
        body: Type.Object(
          {
            phone: Type.String({
              minLength: 3,
              maxLength: 32,
              description: 'International form with a leading +',
              examples: ['+447700900123'],
            }),
            firstName: Type.Optional(Name),
            lastName: Type.Optional(Name),
            email: Type.Optional(Type.String({ format: 'email', maxLength: 254 })),
            tags: Type.Optional(Tags),
            fields: Type.Optional(Fields),
          },
          closed,
        ),
        response: { 201: Contact, ...problems(403, 409, 422) },
      },
    },
    async (request, reply) => {
      const { phone, firstName = '', lastName = '', email = '', tags: given = [], fields: custom = {} } = request.body;
      const answer = await contacts.createContact(
        { idempotencyKey: idempotencyKeyOf(request), phone, firstName, lastName, email, tags: given, fields: custom },
        callOptions(request),
      );
      return reply.code(201).send(contactFromProto(answer.contact));
    },
  );
  app.get(
    '/v2/contacts',
    {
      config: { access: readAccess('contacts:read') },
      schema: {
        tags,
        summary: 'List and search contacts',
        querystring: Type.Object(
          {
            ...PageQuery,
            search: Type.Optional(Type.String({ maxLength: 100, description: 'Name, phone or e-mail' })),
            tag: Type.Optional(Type.String({ maxLength: 50 })),
          },
          closed,
        ),
        response: { 200: pageOf(Contact), ...problems(403, 422) },
      },
    },
    async (request) => {
      const { search = '', tag = '' } = request.query;
      const answer = await contacts.listContacts({ page: toPage(request.query), search, tag }, callOptions(request));
      return page(answer.contacts, answer.nextCursor, contactFromProto);
    },
  );
  app.get(
    '/v2/contacts/:id',
    {
      config: { access: readAccess('contacts:read') },
      schema: {
        tags,
        summary: 'One contact with its timeline',
        params: Type.Object({ id: Type.String() }),
        response: {
          200: Type.Object({ ...fields, timeline: Type.Array(TimelineEntry, { description: 'Newest first' }) }, closed),
          ...problems(403, 404),
        },
      },
    },
    async (request) => {
      const { contact, timeline } = await contacts.getContact({ id: pathId('contact', request.params.id) }, callOptions(request));
      return {
        ...contactFromProto(contact),
        timeline: timeline.map((entry) => ({
          type: entry.type,
          at: fromTime(entry.at) ?? '',
          campaignId: entry.campaignId === '' ? null : edgeId('campaign', entry.campaignId),
          detail: orNull(entry.detail),
        })),
      };
    },
  );
};
