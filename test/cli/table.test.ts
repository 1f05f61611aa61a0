import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { fields, paragraph, table } from '../../src/cli/table.ts';

const HEAD = ['NAME', 'MESSAGE'];

describe('tables', () => {
  it('are as wide as their cells, without blanks at the end', () => {
    assert.deepEqual(
      table(
        ['NAME', 'DONE', 'NOTE'],
        [
          ['leaf', '1/2', ''],
          ['a-longer-one', '0/1', 'late'],
        ],
        undefined,
      ),
      ['NAME          DONE  NOTE', 'leaf          1/2', 'a-longer-one  0/1   late'],
    );
  });

  it('wrap the last column beside the others', () => {
    const text = 'a message of many words that does not fit';
    assert.deepEqual(table(HEAD, [['x', text]], 44), [
      'NAME  MESSAGE',
      'x     a message of many words that does not',
      '      fit',
    ]);
  });

  it('put the last column below its row where the others leave no room', () => {
    const name = 'a-name-that-takes-most-of-the-line';
    assert.deepEqual(
      table(
        HEAD,
        [
          [name, 'a message of many words'],
          ['b', ''],
        ],
        40,
      ),
      ['NAME', name, '    a message of many words', 'b'],
    );
  });

  it('leave lines whole where nobody gave a width', () => {
    const long = 'word '.repeat(100).trim();
    assert.deepEqual(table(HEAD, [['x', long]], undefined), ['NAME  MESSAGE', `x     ${long}`]);
  });

  it('do not let a text steer the terminal', () => {
    assert.deepEqual(table(HEAD, [['a\x1b[31m', 'b\r\nc\x07']], undefined).slice(1), ['a [31m  b c']);
    assert.deepEqual(paragraph('a\x1b[2Jb', undefined), ['a [2Jb']);
  });

  it('lose no word, and keep to the width unless a word is longer', () => {
    const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(words, fc.integer({ min: 60, max: 150 }), (list, width) => {
        const lines = table(HEAD, [['some-name', list.join(' ')]], width).slice(1);
        assert.deepEqual(lines.join(' ').split(/\s+/), ['some-name', ...list]);
        assert.ok(lines.every(line => line.length <= width));
      }),
    );
  });
});

describe('fields', () => {
  it('stand in two columns; what has no value is left out', () => {
    const pairs = [
      ['Phase', 'Soaking'],
      ['Plan', undefined],
      ['Waiting on', 'a b c d e f g h'],
    ] as const;
    assert.deepEqual(fields(pairs, 22), ['Phase       Soaking', 'Waiting on  a b c d e', '            f g h']);
    assert.deepEqual(fields([], 80), []);
  });
});
