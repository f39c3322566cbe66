import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isAppError } from '#platform/errors/index.ts';
import { decodeCursor, encodeCursor, pageLimit, type CursorValue } from './cursor.ts';

const invalid = (field: string) => (error: unknown) => isAppError(error, 'request.invalid') && error.fields[0]?.field === field;

describe('cursors', () => {
  it('come back as they went', () => {
    const value = fc.oneof<fc.Arbitrary<CursorValue>[]>(
      fc.string().filter((text) => !text.includes('\u0000')),
      fc.integer(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.boolean(),
      fc.constant(null),
      fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-01-01') }),
    );
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 4 }), (values) =>
        assert.deepEqual(decodeCursor(encodeCursor(values), values.length), values),
      ),
    );
  });

  it('hold nothing that no row has held', () => {
    const foreign = [
      '\u0000',
      { n: '9223372036854775808' },
      { n: '-9223372036854775809' },
      { d: '+012026-01-01T00:00:00.000Z' },
      { d: '0000-01-01' },
    ];
    for (const value of foreign)
      assert.throws(
        () => decodeCursor(Buffer.from(JSON.stringify([value])).toString('base64url'), 1),
        invalid('cursor'),
        JSON.stringify(value),
      );
  });

  it('never let a stranger text through as anything but request.invalid', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ minLength: 1 }),
          fc
            .json()
            .map((text) => Buffer.from(text).toString('base64url'))
            .filter((text) => text !== ''),
        ),
        (text) => {
          try {
            assert.equal(decodeCursor(text, 2)?.length, 2);
          } catch (error) {
            assert.ok(invalid('cursor')(error));
          }
        },
      ),
    );
  });

  it('are absent on the first page', () => assert.equal(decodeCursor(''), undefined));
});

describe('a page limit', () => {
  it('is 25 unless told, between 1 and 100', () => {
    assert.deepEqual([pageLimit(undefined), pageLimit(0), pageLimit(1), pageLimit(100)], [25, 25, 1, 100]);
    for (const limit of [-1, 101, 1.5, Number.NaN]) assert.throws(() => pageLimit(limit), invalid('limit'));
  });
});
