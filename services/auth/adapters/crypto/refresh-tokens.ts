import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { RefreshToken, RefreshTokens } from '../../app/ports.ts';
import { derivedKey } from './derived-key.ts';

/*
 * `nsr_` + base64url of: session id (16 bytes) · generation (4) · secret (32) · tag (16).
 *
 * The secret of the first token is random; each next one is HMAC(derive key, the bytes before it), so the same token
 * always has the same successor and none has to be stored. The database keeps SHA-256 of the newest only. The tag,
 * HMAC(tag key, everything before it), tells a token that was really given out once from an invented one: only the
 * former may end a session. Neither the database nor the key alone, nor both together, give a token away: the chain
 * starts at 256 random bits that are stored nowhere.
 */
const prefix = 'nsr_';
const idLength = 16;
const headLength = idLength + 4;
const bodyLength = headLength + 32;
const tagLength = 16;
const textPattern = /^nsr_[A-Za-z0-9_-]{91}$/;

const idBytes = (id: string): Buffer => Buffer.from(id.replaceAll('-', ''), 'hex');
const idText = (bytes: Buffer): string => bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

export const createRefreshTokens = (masterKey: Uint8Array): RefreshTokens => {
  const tagKey = derivedKey(masterKey, 'refresh-tag');
  const deriveKey = derivedKey(masterKey, 'refresh-successor');

  const tagOf = (body: Buffer): Buffer => createHmac('sha256', tagKey).update(body).digest().subarray(0, tagLength);

  const build = (sessionId: string, generation: number, secret: Buffer): RefreshToken => {
    const head = Buffer.alloc(headLength);
    idBytes(sessionId).copy(head);
    head.writeUInt32BE(generation, idLength);
    const body = Buffer.concat([head, secret]);
    const text = prefix + Buffer.concat([body, tagOf(body)]).toString('base64url');
    return { text, sessionId, generation, hash: createHash('sha256').update(text).digest() };
  };

  const parse = (text: string): Buffer | undefined => {
    if (!textPattern.test(text)) return undefined;
    const bytes = Buffer.from(text.slice(prefix.length), 'base64url');
    // Base64 has several spellings of its last character; only ours is hashed the same.
    if (prefix + bytes.toString('base64url') !== text) return undefined;
    const body = bytes.subarray(0, bodyLength);
    return timingSafeEqual(tagOf(body), bytes.subarray(bodyLength)) ? body : undefined;
  };

  return {
    first: (sessionId) => build(sessionId, 0, randomBytes(32)),
    read: (text) => {
      const body = parse(text);
      return body && build(idText(body.subarray(0, idLength)), body.readUInt32BE(idLength), body.subarray(headLength));
    },
    successor: (token) => {
      const body = parse(token.text);
      if (body === undefined) throw new Error('only a token of ours has a successor');
      return build(token.sessionId, token.generation + 1, createHmac('sha256', deriveKey).update(body).digest());
    },
  };
};
