import { templateVariables } from '../domain/contact.ts';
import { maxTextLength, segment, type Segmentation } from '../domain/segments.ts';
import type { AudienceMember, CountryOf, PlannedJob, Template } from './ports.ts';

/** A text ready to leave, or why there is none. */
export type Rendered = { readonly ok: true; readonly segmentation: Segmentation } | { readonly ok: false; readonly reason: string };

export const renderText = (template: Template, variables: Parameters<Template>[0]): Rendered => {
  let text: string;
  try {
    text = template(templateVariables(variables));
  } catch {
    return { ok: false, reason: 'render_failed' };
  }
  if (text.trim() === '') return { ok: false, reason: 'empty_text' };
  if (text.length > maxTextLength) return { ok: false, reason: 'text_too_long' };
  return { ok: true, segmentation: segment(text) };
};

/** One message per member of the audience; people who opted out are kept on the list, as suppressed. */
export const planMessages = (
  members: readonly AudienceMember[],
  template: Template,
  { newId, countryOf }: { readonly newId: () => string; readonly countryOf: CountryOf },
): PlannedJob[] =>
  members.map((member) => {
    const base = { id: newId(), contactId: member.contactId, phone: member.phone, country: countryOf(member.phone) };
    if (member.doNotContact) return { ...base, state: 'suppressed', segments: 0, reason: 'do_not_contact' };
    const rendered = renderText(template, member);
    return rendered.ok
      ? { ...base, state: 'planned', segments: rendered.segmentation.parts.length, reason: undefined }
      : { ...base, state: 'failed', segments: 0, reason: rendered.reason };
  });
