import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { loadCatalogue } from '../../adapters/catalogue/load.ts';
import { loadCodeReader } from '../../adapters/codes/load.ts';
import { longestText, normalise, normaliseCode } from './normalise.ts';
import { compilePatterns, patternProblem } from './patterns.ts';
import { createCodeReader } from './read-code.ts';

interface Sample {
  readonly language: string;
  readonly service: string;
  readonly text: string;
  readonly code: string | null;
}

const corpus = JSON.parse(readFileSync(new URL('../../testing/code-corpus.json', import.meta.url), 'utf8')) as readonly Sample[];
const catalogue = loadCatalogue(new URL('../../data/', import.meta.url));
const isService = (code: string): boolean => catalogue.service(code) !== undefined;
const read = loadCodeReader(new URL('../../data/code-patterns.json', import.meta.url), isService);
const general = createCodeReader(new Map());

describe('the corpus', () => {
  it('is wide enough to say something', () => {
    const distinct = (of: (sample: Sample) => string): number => new Set(corpus.map(of)).size;
    assert.equal(
      distinct(({ text }) => text),
      corpus.length,
      'no text stands there twice',
    );
    assert.ok(corpus.length >= 250, `${corpus.length} texts`);
    assert.ok(distinct(({ language }) => language) >= 25);
    assert.ok(distinct(({ service }) => service) >= 40);
    assert.ok(corpus.filter(({ code }) => code === null).length >= 40);
    for (const { service } of corpus) assert.ok(isService(service), service);
  });

  it('is read without a miss, by the patterns of services and by the general rules together', (t) => {
    const misses = corpus.filter(({ text, service, code }) => (read({ text, service })?.code ?? null) !== code);
    for (const { text, service, code } of misses)
      t.diagnostic(`${service}: ${JSON.stringify(text)}: ${code} ≠ ${read({ text, service })?.code}`);
    t.diagnostic(`accuracy ${(100 * (1 - misses.length / corpus.length)).toFixed(2)} % of ${corpus.length} texts`);
    assert.equal(misses.length, 0);
  });

  it('has no wrong code by the general rules alone, and little that they do not find', (t) => {
    const wrong = corpus.filter(({ text, service, code }) => {
      const found = general({ text, service })?.code;
      return found !== undefined && found !== code;
    });
    const missed = corpus.filter(({ text, service, code }) => code !== null && general({ text, service }) === undefined);
    t.diagnostic(`general rules: ${wrong.length} wrong, ${missed.length} not found of ${corpus.length}`);
    assert.deepEqual(wrong, []);
    assert.ok(missed.length <= 5, JSON.stringify(missed));
  });
});

describe('reading a code', () => {
  const other = (text: string, parsed?: string) => general({ text, service: 'other', parsed });

  it('believes the provider before the wording, without hyphens', () => {
    assert.deepEqual(other('anything 9999', '123-456'), { code: '123456', rule: 'provider' });
    assert.equal(other('anything 9999', 'G-482913')?.code, '482913');
    assert.equal(other('code K7P2QX', 'K7P2QX')?.code, 'K7P2QX');
  });
  it('does not believe a provider that parsed no code', () => {
    assert.deepEqual(other('your code is 9981', 'your code is'), { code: '9981', rule: 'wording' });
    assert.equal(other('your code is 9981', '')?.code, '9981');
  });
  it('completes a code that the provider cut at its hyphen', () => {
    assert.deepEqual(other('Your code is 482-913', '482'), { code: '482913', rule: 'wording' });
    assert.deepEqual(other('Your code is 482 913', '913'), { code: '482913', rule: 'wording' });
  });
  it('believes the line for browsers before everything else', () =>
    assert.deepEqual(other('Your order 1234567 needs code 9981.\n\n@shop.example #482913', '9981'), { code: '482913', rule: 'webotp' }));
  it('says by which rule it found the code', () => {
    assert.equal(read({ text: 'G-482913 is your Google verification code.', service: 'google' })?.rule, 'service');
    assert.equal(read({ text: 'Your code is 9981', service: 'google' })?.rule, 'wording');
  });
  it('a pattern of one service is not applied to another', () => {
    const text = 'Your Steam verification code is: RKQMX';
    assert.equal(read({ text, service: 'steam' })?.code, 'RKQMX');
    assert.equal(read({ text, service: 'telegram' }), undefined);
  });
  it('of two that are equally good it takes neither', () => assert.equal(other('Your codes are 482913 and 771204'), undefined));
  it('never throws, and only answers with what stands in the text', () => {
    const noise = fc.array(
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 20 }),
        fc.constantFrom('code ', '4829', ' 13', '-', 'OTP: ', '\n', '٤٨٢١٣', '@a.b #'),
      ),
    );
    fc.assert(
      fc.property(noise, fc.constantFrom('google', 'steam', 'other'), (parts, service) => {
        const text = parts.join('');
        const found = read({ text, service });
        if (found === undefined) return;
        assert.match(found.code, /^[A-Za-z0-9]{4,12}$/);
        assert.ok(normalise(text).replace(/[\s-]/g, '').includes(found.code));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('hostile texts', () => {
  const pieces = [
    '1 ',
    '12-',
    '+1',
    '1.',
    'code',
    '1234 ',
    'whatsapp',
    'whatsapp code: ',
    'telegram: ',
    'G-',
    '@a.',
    'a@a.',
    'http://',
    '(1',
    '1,',
    'A1',
    'A1B2C-',
    '٤ ',
    'ﷺ',
    'code: 1',
    '$1,',
    'jan ',
  ];

  it('cost little, whatever they repeat and however long they are', (t) => {
    let slowest = 0;
    for (const piece of pieces) {
      const text = piece.repeat(Math.ceil(70_000 / piece.length));
      for (const service of ['whatsapp', 'yahoo', 'other']) {
        let best = Number.POSITIVE_INFINITY;
        // The least of three: a machine that does something else makes single measurements long.
        for (let turn = 0; turn < 3; turn++) {
          const startedAt = performance.now();
          read({ text, service });
          best = Math.min(best, performance.now() - startedAt);
        }
        slowest = Math.max(slowest, best);
      }
    }
    t.diagnostic(`the slowest took ${slowest.toFixed(1)} ms`);
    assert.ok(slowest < 100, `${slowest} ms`);
  });

  it('cost no more when they are longer than any message', () => {
    const work = (length: number): number => {
      const text = 'code 12-'.repeat(length / 8);
      const times = Array.from({ length: 5 }, () => {
        const startedAt = performance.now();
        for (let turn = 0; turn < 5; turn++) read({ text, service: 'whatsapp' });
        return performance.now() - startedAt;
      });
      return Math.min(...times);
    };
    work(longestText);
    const [once, tenfold] = [work(longestText), work(10 * longestText)];
    assert.ok(tenfold < 3 * once + 5, `${once.toFixed(2)} ms and ${tenfold.toFixed(2)} ms`);
  });
});

describe('patterns of services', () => {
  const problems: readonly (readonly [string, RegExp])[] = [
    [String.raw`(?<code>\d+)`, /without an end/],
    [String.raw`.*(?<code>\d{4})`, /without an end/],
    [String.raw`(?<code>\d{4,})`, /without an end/],
    [String.raw`(?:a{1,9}){1,9}(?<code>\d{4})`, /repeats a group/],
    [String.raw`(?:ab){2}(?<code>\d{4})`, /repeats a group/],
    [String.raw`a{0,900}(?<code>\d{4})`, /more than 80 times/],
    [String.raw`(?<code>\d{4})\1`, /refers back/],
    [String.raw`\d{4}`, /group "code"/],
    [String.raw`(?<code>\d{4})(?<code>\d{4})`, /group "code"/],
    [`(?<code>${'a?'.repeat(200)})`, /longer than/],
    [`${'a{0,2}'.repeat(9)}(?<code>\\d{4})`, /more than 8 repeats/],
    ['(?<code>[)', /nterminated|nvalid/],
  ];
  for (const [pattern, reason] of problems)
    it(`refuses ${pattern.slice(0, 40)}`, () => assert.match(patternProblem(pattern) ?? assert.fail('it was accepted'), reason));
  it('brackets and escapes hold no repeats', () => assert.equal(patternProblem(String.raw`[+*{]\*\+(?<code>\d{4})\p{L}?`), undefined));

  const compile = (service: string, pattern: string, example: string) =>
    compilePatterns({ version: '2026-11-21', services: { [service]: [{ pattern, example }] } }, { isService, normalise });
  it('refuses a service that is not sold, and a pattern that does not find its own example', () => {
    assert.throws(() => compile('nowhere', String.raw`(?<code>\d{4})`, '1234'), /no service "nowhere"/);
    assert.throws(() => compile('google', String.raw`(?<code>\d{4})`, 'nothing'), /finds nothing in its example/);
  });
});

describe('normalising', () => {
  it('writes the digits of every script as ASCII', () => {
    for (const zero of ['٠', '۰', '०', '০', '੦', '૦', '୦', '௦', '౦', '೦', '൦', '๐', '໐', '၀', '០', '０', '𝟎']) {
      const digits = Array.from({ length: 10 }, (_, digit) => String.fromCodePoint((zero.codePointAt(0) ?? 0) + digit));
      assert.equal(normalise(digits.join('')), '0123456789', zero);
    }
  });
  it('drops what cannot be seen', () => assert.equal(normalise('\u200f4\u200b8\u202a2\u2060‑913'), '482-913'));
  it('takes marks and hyphens from a code', () => assert.equal(normaliseCode('G-482 913'), '482913'));
  it('keeps a text short, whatever its characters become', () => assert.ok(normalise('ﷺ'.repeat(5_000)).length <= longestText));
});
