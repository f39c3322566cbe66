/**
 * Event ids as clients see them: a position, sealed for one tenant. Any gateway can open what another one gave out; nobody can make one,
 * read the platform's traffic from it, or use another tenant's.
 */
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, timingSafeEqual } from 'node:crypto';
import { sources, type Position } from '../../../app/live/position.ts';

export interface Mark {
  /** Of the sources. */
  readonly epoch: number;
  readonly at: Date;
  readonly position: Position;
}

export interface Cursors {
  seal(tenantId: string, mark: Mark): string;
  /** @returns undefined for anything that this tenant was not given by us */
  open(tenantId: string, text: string): Mark | undefined;
}

export const cursorPattern = String.raw`^[A-Za-z0-9_-]{20,200}$`;

const version = 1;
const tagBytes = 16;
const headBytes = 9;
const seqBytes = 6;

const encode = ({ epoch, at, position }: Mark): Buffer => {
  const plain = Buffer.alloc(headBytes + seqBytes * sources.length);
  plain.writeUInt8(version, 0);
  plain.writeUInt32BE(epoch, 1);
  plain.writeUInt32BE(Math.floor(at.getTime() / 1_000), 5);
  for (const [index] of sources.entries()) plain.writeUIntBE(position[index] ?? 0, headBytes + index * seqBytes, seqBytes);
  return plain;
};

/** A shorter one is from before a source was added. */
const decode = (plain: Buffer): Mark | undefined => {
  if (plain.length < headBytes || plain.readUInt8(0) !== version || (plain.length - headBytes) % seqBytes !== 0) return undefined;
  const count = Math.min(sources.length, (plain.length - headBytes) / seqBytes);
  return {
    epoch: plain.readUInt32BE(1),
    at: new Date(plain.readUInt32BE(5) * 1_000),
    position: sources.map((_, index) => (index < count ? plain.readUIntBE(headBytes + index * seqBytes, seqBytes) : 0)),
  };
};

/** @param secret shared by all gateways */
export const createCursors = (secret: string): Cursors => {
  const key = (purpose: string) => createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', `namaskah live ${purpose}`, 32)));
  const [tagKey, cipherKey] = [key('tag'), key('cipher')];
  // The tag is the nonce as well (SIV): the same position gives the same id, and no nonce meets two plaintexts.
  const tagOf = (tenantId: string, plain: Buffer): Buffer =>
    createHmac('sha256', tagKey).update(tenantId).update('\0').update(plain).digest().subarray(0, tagBytes);
  return {
    seal: (tenantId, mark) => {
      const plain = encode(mark);
      const tag = tagOf(tenantId, plain);
      return Buffer.concat([tag, createCipheriv('aes-256-ctr', cipherKey, tag).update(plain)]).toString('base64url');
    },
    open: (tenantId, text) => {
      const bytes = Buffer.from(text, 'base64url');
      if (bytes.length < tagBytes + headBytes) return undefined;
      const tag = bytes.subarray(0, tagBytes);
      const plain = createDecipheriv('aes-256-ctr', cipherKey, tag).update(bytes.subarray(tagBytes));
      return timingSafeEqual(tag, tagOf(tenantId, plain)) ? decode(plain) : undefined;
    },
  };
};
