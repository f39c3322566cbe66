/**
 * The text behind the prefix of a TypeID: 128 bits as 26 digits of Crockford's base 32, the first two bits being none. Every id of every
 * answer passes here, a hundred in a list; by way of bytes, as libraries do it, an id cost several microseconds.
 */
const digits = '0123456789abcdefghjkmnpqrstvwxyz';
/** Two digits for each ten bits. */
const pairs = Array.from({ length: 1 << 10 }, (_, bits) => `${digits[bits >> 5]}${digits[bits & 31]}`);
const bitsOf = new Map(pairs.map((pair, bits) => [pair, bits]));

/** @param uuid in canonical form */
export const encodeUuid = (uuid: string): string => {
  const hex = uuid.replaceAll('-', '');
  let text = pairs[Number.parseInt(hex.slice(0, 2), 16)] ?? '';
  for (let at = 2; at < 32; at += 5) {
    const bits = Number.parseInt(hex.slice(at, at + 5), 16);
    text += `${pairs[bits >> 10]}${pairs[bits & 1023]}`;
  }
  return text;
};

const lengthOfText = 26;
/** More than this in the first ten bits does not fit into 128. */
const largestFirst = 0xff;

/** @returns the UUID in canonical form; undefined when `text` is not one in base 32 */
export const decodeUuid = (text: string): string | undefined => {
  if (text.length !== lengthOfText) return undefined;
  const first = bitsOf.get(text.slice(0, 2));
  if (first === undefined || first > largestFirst) return undefined;
  let hex = (first | 0x100).toString(16).slice(1);
  for (let at = 2; at < lengthOfText; at += 4) {
    const high = bitsOf.get(text.slice(at, at + 2));
    const low = bitsOf.get(text.slice(at + 2, at + 4));
    if (high === undefined || low === undefined) return undefined;
    hex += ((high << 10) | low | 0x10_0000).toString(16).slice(1);
  }
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
};
