import { createHash } from 'node:crypto';

/** Hash of everything that a keyed command says, so that the same key with another request is noticed. Order of parts matters. */
export const requestHash = (...parts: readonly (string | bigint | boolean | Date)[]): Buffer =>
  createHash('sha256')
    .update(JSON.stringify(parts.map((part) => (part instanceof Date ? part.toISOString() : String(part)))))
    .digest();
