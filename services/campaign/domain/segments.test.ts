import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeGsm7, encodeUcs2, limits, segment } from './segments.ts';

const emoji = '😀';
const vectors: readonly [name: string, text: string, encoding: string, units: number, parts: number][] = [
  ['empty text is one part', '', 'gsm7', 0, 1],
  ['160 letters fit one message', 'a'.repeat(160), 'gsm7', 160, 1],
  ['161 letters need two parts', 'a'.repeat(161), 'gsm7', 161, 2],
  ['306 letters fill two parts', 'a'.repeat(306), 'gsm7', 306, 2],
  ['307 letters need three', 'a'.repeat(307), 'gsm7', 307, 3],
  ['accents of the basic table stay GSM-7', 'é£ñÇàüß¿¡ΩΔ', 'gsm7', 11, 1],
  ['the extension table costs two septets', '^{}\\[~]|€\f', 'gsm7', 20, 1],
  ['80 euro signs fit', '€'.repeat(80), 'gsm7', 160, 1],
  ['81 euro signs need two parts of 76 and 5', '€'.repeat(81), 'gsm7', 162, 2],
  ['a pair of septets never straddles parts', `${'a'.repeat(152)}€${'a'.repeat(152)}`, 'gsm7', 306, 3],
  ['a surrogate pair never straddles parts', `${'ы'.repeat(66)}${emoji}${'ы'.repeat(66)}`, 'ucs2', 134, 3],
  ['backtick is not GSM', '`', 'ucs2', 1, 1],
  ['tab is not GSM', '\t', 'ucs2', 1, 1],
  ['lower-case c cedilla is not GSM', 'ç', 'ucs2', 1, 1],
  ['curly quote is not GSM', '’', 'ucs2', 1, 1],
  ['no-break space is not GSM', '\u00a0', 'ucs2', 1, 1],
  ['the escape character itself is not text', '\u001b', 'ucs2', 1, 1],
  ['70 code units fit one message', 'ы'.repeat(70), 'ucs2', 70, 1],
  ['71 code units need two parts', 'ы'.repeat(71), 'ucs2', 71, 2],
  ['134 code units fill two parts', 'ы'.repeat(134), 'ucs2', 134, 2],
  ['35 emoji fit one message', emoji.repeat(35), 'ucs2', 70, 1],
  ['one emoji turns 160 letters into three parts', `${'a'.repeat(159)}${emoji}`, 'ucs2', 161, 3],
];

describe('segmentation', () => {
  for (const [name, text, encoding, units, parts] of vectors) {
    it(name, () => {
      const result = segment(text);
      assert.deepEqual([result.encoding, result.units, result.parts.length], [encoding, units, parts]);
    });
  }

  it('loses no character, overfills no part and cuts no character in two', () => {
    const characters = fc.constantFrom('a', ' ', '€', '{', 'é', 'ы', emoji, '\n', 'Δ');
    fc.assert(
      fc.property(fc.array(characters, { maxLength: 700 }), (list) => {
        const text = list.join('');
        const { encoding, parts } = segment(text);
        assert.equal(parts.join(''), text);
        const limit = parts.length === 1 ? limits[encoding].single : limits[encoding].part;
        for (const part of parts) {
          const size = encoding === 'gsm7' ? encodeGsm7(part).length : encodeUcs2(part).length / 2;
          assert.ok(size <= limit, `${size} units in a part of ${limit}`);
          assert.ok(part.isWellFormed());
        }
      }),
    );
  });

  it('encodes the extension table behind an escape and UCS-2 in big endian', () => {
    assert.deepEqual([...encodeGsm7('@a€')], [0x00, 0x61, 0x1b, 0x65]);
    assert.deepEqual([...encodeUcs2('ы')], [0x04, 0x4b]);
    assert.throws(() => encodeGsm7('ы'), RangeError);
  });
});
