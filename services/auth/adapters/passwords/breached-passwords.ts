import { dictionary } from '@zxcvbn-ts/language-common';
import { passwordLength, passwordMinLength } from '../../domain/password.ts';

/**
 * The stolen passwords that are known without asking anybody, in lower case: about 18,000 that the length rule does not
 * refuse already. Covers the 3,000 most frequent that ASVS 5.0 (6.2.4) asks for; needs no network, so it cannot fail open.
 */
export const loadBreachedPasswords = (): ReadonlySet<string> =>
  new Set(
    dictionary['passwords-common']
      .map((password) => password.toLowerCase())
      .filter((password) => passwordLength(password) >= passwordMinLength),
  );
