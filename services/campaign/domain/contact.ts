import { appError, type FieldViolation } from '#platform/errors/index.ts';

export interface Contact {
  readonly id: string;
  readonly tenantId: string;
  /** E.164 */
  readonly phone: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly email: string;
  readonly tags: readonly string[];
  readonly fields: Readonly<Record<string, string>>;
  readonly doNotContact: boolean;
  readonly createdAt: Date;
}

export interface ContactInput {
  readonly phone: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly email: string;
  readonly tags: readonly string[];
  readonly fields: Readonly<Record<string, string>>;
}

const contactLimits = { name: 100, email: 254, tags: 50, tag: 50, fields: 50, fieldValue: 500 } as const;

const controlCharacter = /\p{Cc}/u;
const emailShape = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;
/** A name that a template can write as `fields.name`. */
const fieldName = /^[A-Za-z][A-Za-z0-9_]{0,49}$/;

const checkText = (field: string, text: string, max: number): FieldViolation[] => {
  if (text.length > max) return [{ field, reason: `At most ${max} characters.` }];
  if (controlCharacter.test(text) || !text.isWellFormed()) return [{ field, reason: 'Control characters are not allowed.' }];
  return [];
};

const checkTags = (tags: readonly string[]): FieldViolation[] =>
  tags.length > contactLimits.tags
    ? [{ field: 'tags', reason: `At most ${contactLimits.tags} tags.` }]
    : tags.flatMap((tag, i) =>
        tag === '' ? [{ field: `tags[${i}]`, reason: 'A tag is not empty.' }] : checkText(`tags[${i}]`, tag, contactLimits.tag),
      );

const checkFields = (fields: Readonly<Record<string, string>>): FieldViolation[] => {
  const entries = Object.entries(fields);
  if (entries.length > contactLimits.fields) return [{ field: 'fields', reason: `At most ${contactLimits.fields} fields.` }];
  return entries.flatMap(([name, value]) =>
    fieldName.test(name)
      ? checkText(`fields.${name}`, value, contactLimits.fieldValue)
      : [{ field: 'fields', reason: 'A field name starts with a letter and holds letters, digits and underscores, at most 50.' }],
  );
};

/**
 * Trims and checks what a person typed.
 * @param normalisePhone E.164 of a possible number that starts with "+", or undefined
 * @throws AppError request.invalid naming every wrong field
 */
export const checkContact = (input: ContactInput, normalisePhone: (text: string) => string | undefined): ContactInput => {
  const phone = normalisePhone(input.phone);
  const cleaned = {
    phone: phone ?? '',
    firstName: input.firstName.trim(),
    lastName: input.lastName.trim(),
    email: input.email.trim(),
    tags: [...new Set(input.tags.map((tag) => tag.trim()))],
    fields: input.fields,
  };
  const violations: FieldViolation[] = [
    ...(phone === undefined ? [{ field: 'phone', reason: 'Write a valid number in international form, for example +447700900123.' }] : []),
    ...checkText('firstName', cleaned.firstName, contactLimits.name),
    ...checkText('lastName', cleaned.lastName, contactLimits.name),
    ...checkText('email', cleaned.email, contactLimits.email),
    ...(cleaned.email !== '' && !emailShape.test(cleaned.email) ? [{ field: 'email', reason: 'This is not an e-mail address.' }] : []),
    ...checkTags(cleaned.tags),
    ...checkFields(cleaned.fields),
  ];
  if (violations.length > 0) throw appError('request.invalid', { fields: violations });
  return cleaned;
};

/** What a template may name. Nothing else of a contact reaches a text. */
export interface TemplateVariables {
  readonly firstName: string;
  readonly lastName: string;
  readonly phone: string;
  readonly email: string;
  readonly fields: Readonly<Record<string, string>>;
}

export const templateVariables = ({ firstName, lastName, phone, email, fields }: TemplateVariables): TemplateVariables => ({
  firstName,
  lastName,
  phone,
  email,
  fields,
});

export type TimelineType =
  | 'created'
  | 'message.submitted'
  | 'message.delivered'
  | 'message.failed'
  | 'message.suppressed'
  | 'inbound'
  | 'opted_out'
  | 'opted_in';

export interface TimelineEntry {
  readonly type: TimelineType;
  readonly at: Date;
  readonly campaignId: string | undefined;
  readonly detail: string;
}
