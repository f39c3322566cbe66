const maxLength = 254;
const addressPattern = /^([^\s@"(),:;<>[\]\\\p{Cc}]{1,64})@((?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.)+[\p{L}\p{N}-]{2,63})$/u;

/**
 * Trims and lower-cases the domain. The local part keeps its case, because a mail server may care; two addresses that
 * differ only in case are one account all the same (see `emailKey`).
 * @returns undefined when this is no address that mail could be sent to
 */
export const normaliseEmail = (text: string): string | undefined => {
  const trimmed = text.trim().normalize('NFC');
  if (trimmed.length > maxLength) return undefined;
  const match = addressPattern.exec(trimmed);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  if (match[1].startsWith('.') || match[1].endsWith('.') || match[1].includes('..')) return undefined;
  return `${match[1]}@${match[2].toLowerCase()}`;
};

/** What an account is looked up and counted by. */
export const emailKey = (email: string): string => email.toLowerCase();

export const localPart = (email: string): string => email.slice(0, email.lastIndexOf('@'));
