/**
 * JSON that keeps bigint, Date and bytes apart from text, and whose text is the same whatever the order of the keys.
 * A tagged value is an object whose only key starts with "$"; such keys of real data are escaped by one more "$".
 */
type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const tag = (name: string, value: Json): Json => ({ [`$${name}`]: value });

const encode = (value: unknown): Json => {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : tag('number', String(value));
  if (typeof value === 'bigint') return tag('bigint', value.toString());
  if (value === undefined) return tag('undefined', true);
  if (value instanceof Date) return tag('date', value.toISOString());
  if (value instanceof Uint8Array) return tag('bytes', Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'));
  if (Array.isArray(value)) return value.map(encode);
  if (typeof value === 'object') {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([key, item]) => [key.startsWith('$') ? `$${key}` : key, encode(item)]));
  }
  throw new TypeError(`cannot store a ${typeof value}`);
};

const untag = (key: string, value: Json): unknown => {
  switch (key) {
    case '$bigint':
      return BigInt(String(value));
    case '$date':
      return new Date(String(value));
    case '$bytes':
      return Buffer.from(String(value), 'base64');
    case '$number':
      return Number(value);
    case '$undefined':
      return undefined;
    default:
      throw new TypeError(`unknown tag ${key}`);
  }
};

const decode = (value: Json): unknown => {
  if (Array.isArray(value)) return value.map(decode);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [first] = entries;
  if (first !== undefined && entries.length === 1 && /^\$[^$]/.test(first[0])) return untag(first[0], first[1]);
  return Object.fromEntries(entries.map(([key, item]) => [key.startsWith('$$') ? key.slice(1) : key, decode(item)]));
};

export const toTaggedJson = (value: unknown): string => JSON.stringify(encode(value));
export const fromTaggedJson = (text: string): unknown => decode(JSON.parse(text) as Json);
