import { localPart } from './email.ts';

export const passwordMinLength = 8;
export const passwordMaxLength = 256;
/** Names shorter than this would refuse half of all good passwords ("al", "io"). */
const similarityMinLength = 4;

/** In code points: neither bytes nor halves of an emoji. */
export const passwordLength = (password: string): number => Array.from(password).length;

export interface PasswordContext {
  readonly email: string;
  readonly organization?: string;
}

/**
 * Length and guessability only: no composition rules, no truncation, no change of case or form (ASVS 5.0, 6.2.1–6.2.9).
 * @param breached known passwords in lower case
 * @returns why the password is refused, or undefined
 */
export const passwordWeakness = (password: string, context: PasswordContext, breached: ReadonlySet<string>): string | undefined => {
  const length = passwordLength(password);
  if (length < passwordMinLength) return `must have at least ${passwordMinLength} characters`;
  if (length > passwordMaxLength) return `must have at most ${passwordMaxLength} characters`;
  const folded = password.toLowerCase();
  if (breached.has(folded)) return 'appears in lists of stolen passwords';
  const contains = (name: string | undefined): boolean => {
    const needle = name?.trim().toLowerCase() ?? '';
    return needle.length >= similarityMinLength && folded.includes(needle);
  };
  if (contains(localPart(context.email))) return 'must not contain your e-mail address';
  if (contains(context.organization)) return "must not contain your organisation's name";
  return undefined;
};
