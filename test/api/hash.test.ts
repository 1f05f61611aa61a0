import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { checksum, planHash } from '../../src/api/hash.ts';

describe('hashes', () => {
  it('are the first characters of SHA-256 over canonical JSON', () => {
    // printf '{"a":[1,{"c":null,"d":"x"}],"b":true}' | sha256sum
    const value = { b: true, a: [1, { d: 'x', c: null, e: undefined }] };
    assert.equal(planHash(value), 'f6658db8');
    assert.equal(checksum(value), 'f6658db83e97a2fd');
  });

  it('do not depend on the order of keys', () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed);
      if (value === null || typeof value !== 'object') return value;
      return Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([key, member]) => [key, reversed(member)]),
      );
    };
    fc.assert(fc.property(fc.jsonValue(), value => assert.equal(checksum(value), checksum(reversed(value)))));
  });

  it('depend on the order of items and on every member', () => {
    const different = [
      [1, 2],
      [2, 1],
      { a: 1 },
      { a: '1' },
      { a: 1, b: null },
      JSON.parse('{"a":1,"__proto__":1}'),
      null,
      '',
    ];
    assert.equal(new Set(different.map(checksum)).size, different.length);
  });
});
