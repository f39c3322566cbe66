/**
 * Everything that a keyed command says, as one text, so that the same key with another request is noticed. Order of parts
 * matters. Repositories keep a hash of it.
 */
export const canonicalRequest = (...parts: readonly (string | bigint | boolean)[]): string => JSON.stringify(parts.map(String));
