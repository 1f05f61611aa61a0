import assert from 'node:assert/strict';
import { mergePatch } from '../../../src/rollout/mergePatch.ts';
import { jsonPatch } from '../../../src/sim/server/patch.ts';
import { strategicMergePatch } from '../../../src/sim/server/strategicMerge.ts';

describe('embedded server: patches', () => {
  // the test cases of RFC 7386, appendix A
  const merges: [unknown, unknown, unknown][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, 'bar', 'bar'],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [target, patch, result] of merges) {
    it(`merge patch ${JSON.stringify(target)} with ${JSON.stringify(patch)}`, () => {
      assert.deepEqual(mergePatch(target, patch), result);
    });
  }

  const target = Object.freeze({ a: { b: [1, 2, 3], 'x/y': 1, 'm~n': 2 } });
  const operations: [object, unknown][] = [
    [
      { op: 'add', path: '/a/c', value: 5 },
      { ...target.a, c: 5 },
    ],
    [
      { op: 'add', path: '/a/b/1', value: 9 },
      { ...target.a, b: [1, 9, 2, 3] },
    ],
    [
      { op: 'add', path: '/a/b/-', value: 9 },
      { ...target.a, b: [1, 2, 3, 9] },
    ],
    [
      { op: 'remove', path: '/a/b/0' },
      { ...target.a, b: [2, 3] },
    ],
    [
      { op: 'replace', path: '/a/x~1y', value: 7 },
      { ...target.a, 'x/y': 7 },
    ],
    [
      { op: 'remove', path: '/a/m~0n' },
      { b: [1, 2, 3], 'x/y': 1 },
    ],
    [
      { op: 'move', from: '/a/b/0', path: '/a/b/2' },
      { ...target.a, b: [2, 3, 1] },
    ],
    [
      { op: 'copy', from: '/a/b', path: '/a/c' },
      { ...target.a, c: [1, 2, 3] },
    ],
    [{ op: 'test', path: '/a/b', value: [1, 2, 3] }, target.a],
  ];
  for (const [operation, result] of operations) {
    it(`JSON patch ${JSON.stringify(operation)}`, () =>
      assert.deepEqual(jsonPatch(target, [operation]), { a: result }));
  }

  const unfit = [
    { op: 'test', path: '/a/b', value: [1] },
    { op: 'remove', path: '/a/c' },
    { op: 'replace', path: '/a/c', value: 1 },
    { op: 'add', path: '/a/b/4', value: 1 },
    { op: 'add', path: '/a/b/01', value: 1 },
    { op: 'remove', path: '/a/b/-' },
    { op: 'add', path: '/z/c', value: 1 },
    { op: 'copy', path: '/a/c' },
    { op: 'jump', path: '/a' },
    { op: 'add', path: 'a', value: 1 },
  ];
  for (const operation of unfit) {
    it(`JSON patch ${JSON.stringify(operation)} does not fit`, () => {
      assert.throws(() => jsonPatch(target, [operation]), /rejected our request/);
    });
  }

  it('a strategic merge patch merges lists of named things and obeys its directives', () => {
    const pod = {
      spec: {
        containers: [
          { name: 'app', image: 'a:1', env: [{ name: 'A', value: '1' }] },
          { name: 'side', image: 's:1' },
        ],
        tolerations: [{ key: 'x' }],
      },
      metadata: { finalizers: ['a'], labels: { l: '1' } },
    };
    const patch = {
      spec: {
        '$setElementOrder/containers': [{ name: 'app' }],
        containers: [
          { name: 'app', image: 'a:2', env: [{ name: 'B', value: '2' }] },
          { name: 'side', $patch: 'delete' },
        ],
        tolerations: [{ key: 'y' }],
      },
      metadata: { finalizers: ['b'], labels: { $patch: 'replace', m: '2' } },
    };
    const env = [
      { name: 'A', value: '1' },
      { name: 'B', value: '2' },
    ];
    assert.deepEqual(strategicMergePatch(pod, patch), {
      spec: { containers: [{ name: 'app', image: 'a:2', env }], tolerations: [{ key: 'y' }] },
      metadata: { finalizers: ['a', 'b'], labels: { m: '2' } },
    });
  });
});
