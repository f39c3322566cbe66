import { appError } from '#platform/errors/index.ts';
import { normaliseEmail } from '../domain/email.ts';
import { passwordWeakness, type PasswordContext } from '../domain/password.ts';

export const requireEmail = (text: string, field = 'email'): string => {
  const email = normaliseEmail(text);
  if (email === undefined) throw appError('request.invalid', { fields: [{ field, reason: 'is not an e-mail address' }] });
  return email;
};

/** @throws auth.weak_password */
export const requireStrongPassword = (password: string, context: PasswordContext, breached: ReadonlySet<string>): void => {
  const reason = passwordWeakness(password, context, breached);
  if (reason !== undefined) throw appError('auth.weak_password', { fields: [{ field: 'password', reason }] });
};

/** @throws request.invalid when empty or longer than `max` characters */
export const requireText = (text: string, field: string, max: number): string => {
  const trimmed = text.trim();
  if (trimmed.length >= 1 && trimmed.length <= max && !/\p{Cc}/u.test(trimmed)) return trimmed;
  throw appError('request.invalid', { fields: [{ field, reason: `must have 1 to ${max} characters` }] });
};
