import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createCodeReader } from './code/read-code.ts';
import { writeDigits } from './spoken.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000_000);
const read = createCodeReader(new Map());
const words = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];

describe('a code that is said', () => {
  for (const [transcription, code] of [
    ['Hello. Your verification code is four eight two nine one three. Goodbye.', '482913'],
    ['Your code is 4, 8, 2, 9, 1, 3. Again, your code is 4, 8, 2, 9, 1, 3.', '482913'],
    ['your code is 4 8 2 9 1 3 4 8 2 9 1 3', '482913'],
    ['Your Telegram code is: Oh - seven - seven - ONE - five.', '07715'],
    ['Your verification code is 482913.', '482913'],
    ['Your code is 4. 8. 2. 9. To hear it again, press 1.', '4829'],
  ] as const)
    it(`${transcription} → ${code}`, () => assert.equal(read({ text: writeDigits(transcription), service: 'telegram' })?.code, code));

  it('what is said in passing is no code', () => {
    for (const text of ['Just one moment, we have two or three questions.', 'Press 1 for yes, 2 for no.', 'Anyone, phone, sixteen, weight'])
      assert.equal(writeDigits(text), text);
  });

  it(`any code in words, with any pauses (seed ${seed})`, () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(9), { minLength: 4, maxLength: 8 }),
        fc.constantFrom(' ', ', ', '. ', ' - ', ',  '),
        fc.boolean(),
        (digits, pause, inWords) => {
          const spoken = digits.map((digit) => (inWords ? words[digit] : String(digit))).join(pause);
          const written = writeDigits(`Your code is ${spoken}`).replace('Your code is ', '');
          const code = digits.join('');
          // Said twice or a code that repeats itself: nobody can tell.
          const half = code.slice(0, code.length / 2);
          assert.equal(written, code.length % 2 === 0 && half.length >= 4 && half + half === code ? half : code);
        },
      ),
      { seed, numRuns: 300 },
    );
  });
});
