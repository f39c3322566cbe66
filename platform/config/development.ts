/**
 * Secrets that this repository itself contains (local runner, compose, tests, guides) are public. By convention each of
 * them carries one of these words, plainly or inside its base64, so that production can refuse them without a list.
 */
const markers = /development|insecure|change-?me|example|local-only|not-secret|simulator-secret|test-secret|test-key/i;

const looksLikeBase64 = /^[A-Za-z0-9+/_-]{16,}={0,2}$/;

/** A key of one repeated byte or character is nobody's choice for production either. */
const isMonotonous = (text: string): boolean => text.length > 0 && new Set(text).size <= 2;

/** The password of a URL is judged too: `postgres://billing:development@…`. */
export const isDevelopmentSecret = (value: string): boolean => {
  if (markers.test(value) || isMonotonous(value)) return true;
  if (URL.canParse(value)) {
    const { username, password } = new URL(value);
    return password !== '' && (password === username || password === 'postgres' || password === 'password');
  }
  if (!looksLikeBase64.test(value)) return false;
  const decoded = Buffer.from(value, 'base64').toString('latin1');
  return markers.test(decoded) || isMonotonous(decoded);
};
