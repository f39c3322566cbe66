/**
 * How a text becomes SMS parts. GSM 03.38 with its extension table, otherwise UCS-2; concatenated parts carry a 6-octet
 * user data header (8-bit reference). A character that needs two units never straddles two parts, which is why the
 * number of parts is counted by walking the text and not by dividing its length.
 */
export type Encoding = 'gsm7' | 'ucs2';

export interface Segmentation {
  readonly encoding: Encoding;
  /** Septets (GSM-7) or UTF-16 code units (UCS-2) of the whole text. */
  readonly units: number;
  /** The text of each part, in order; one part when it fits a single message. Empty text: one empty part. */
  readonly parts: readonly string[];
}

/** Units that fit one message, and each part of a longer one. */
export const limits = {
  gsm7: { single: 160, part: 153 },
  ucs2: { single: 70, part: 67 },
} as const satisfies Record<Encoding, { readonly single: number; readonly part: number }>;

/** Longest text accepted for one message, in characters of the rendered text. */
export const maxTextLength = 1_600;

const escape = 0x1b;

// Index = septet. U+001B is the escape to the extension table and no character of its own.
const basicTable =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u001bÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?' +
  '¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';

const extensionTable: Readonly<Record<string, number>> = {
  '\f': 0x0a,
  '^': 0x14,
  '{': 0x28,
  '}': 0x29,
  '\\': 0x2f,
  '[': 0x3c,
  '~': 0x3d,
  ']': 0x3e,
  '|': 0x40,
  '€': 0x65,
};

/** UTF-16 code unit → septet; above 0xff: escape and septet; -1: not in GSM 03.38. All of GSM lies below U+20AD. */
const septets: Int16Array = (() => {
  const table = new Int16Array(0x20ad).fill(-1);
  for (let code = 0; code < basicTable.length; code += 1) {
    if (code !== escape) table[basicTable.charCodeAt(code)] = code;
  }
  for (const [character, code] of Object.entries(extensionTable)) table[character.charCodeAt(0)] = (escape << 8) | code;
  return table;
})();

const septetsOf = (codeUnit: number): number => (codeUnit < septets.length ? (septets[codeUnit] ?? -1) : -1);

const isHighSurrogate = (codeUnit: number): boolean => codeUnit >= 0xd800 && codeUnit <= 0xdbff;

const countGsm7 = (text: string): number => {
  let units = 0;
  for (let i = 0; i < text.length; i += 1) {
    const septet = septetsOf(text.charCodeAt(i));
    if (septet < 0) return -1;
    units += septet > 0xff ? 2 : 1;
  }
  return units;
};

const split = (text: string, limit: number, sizeAt: (index: number) => { chars: number; units: number }): string[] => {
  const parts: string[] = [];
  let start = 0;
  let used = 0;
  for (let i = 0; i < text.length;) {
    const { chars, units } = sizeAt(i);
    if (used + units > limit) {
      parts.push(text.slice(start, i));
      start = i;
      used = 0;
    }
    used += units;
    i += chars;
  }
  parts.push(text.slice(start));
  return parts;
};

/** Splits a rendered text (links and opt-out footer included) into what the carrier bills. */
export const segment = (text: string): Segmentation => {
  const gsmUnits = countGsm7(text);
  if (gsmUnits >= 0) {
    const parts =
      gsmUnits <= limits.gsm7.single
        ? [text]
        : split(text, limits.gsm7.part, (i) => ({ chars: 1, units: septetsOf(text.charCodeAt(i)) > 0xff ? 2 : 1 }));
    return { encoding: 'gsm7', units: gsmUnits, parts };
  }
  const parts =
    text.length <= limits.ucs2.single
      ? [text]
      : split(text, limits.ucs2.part, (i) => {
          const chars = isHighSurrogate(text.charCodeAt(i)) && i + 1 < text.length ? 2 : 1;
          return { chars, units: chars };
        });
  return { encoding: 'ucs2', units: text.length, parts };
};

/**
 * One octet per septet, as SMPP carries GSM-7 (data_coding 0).
 * @throws RangeError for a character outside GSM 03.38
 */
export const encodeGsm7 = (text: string): Uint8Array => {
  const octets: number[] = [];
  for (let i = 0; i < text.length; i += 1) {
    const septet = septetsOf(text.charCodeAt(i));
    if (septet < 0) throw new RangeError('character outside GSM 03.38');
    if (septet > 0xff) octets.push(escape);
    octets.push(septet & 0xff);
  }
  return Uint8Array.from(octets);
};

/** UTF-16, big endian. */
export const encodeUcs2 = (text: string): Uint8Array => {
  const octets = new Uint8Array(text.length * 2);
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    octets[i * 2] = unit >> 8;
    octets[i * 2 + 1] = unit & 0xff;
  }
  return octets;
};
