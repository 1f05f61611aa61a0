import assert from 'node:assert/strict';
import { specSchema } from '../../src/api/schema.ts';
import type { Status } from '../../src/api/status.ts';
import { startedWavesStay } from '../../src/api/transition.ts';

const spec = (...names: string[]) =>
  specSchema.parse({ target: { mesh: {} }, strategy: { waves: names.map(name => ({ name, names: [name] })) } });

const status = (phases: Record<string, 'Pending' | 'Progressing' | 'Done' | 'RolledBack'>): Status => ({
  waves: Object.entries(phases).map(([name, phase]) => ({ name, phase, done: 0, total: 1, plan: '51e7aa02' })),
});

/** Waves after the change of a, b, c, of which a is Done and b has begun. */
const changes: [string, string[], boolean][] = [
  ['the same', ['a', 'b', 'c'], true],
  ['a new wave after those that began', ['a', 'b', 'd', 'c'], true],
  ['a pending wave removed', ['a', 'b'], true],
  ['a pending wave renamed', ['a', 'b', 'x'], true],
  ['a new wave before one that began', ['a', 'x', 'b', 'c'], false],
  ['waves that began in another order', ['b', 'a', 'c'], false],
  ['a wave that began renamed', ['a', 'x', 'c'], false],
  ['a wave that began removed', ['a'], false],
  ['all waves removed', [], false],
];

describe('startedWavesStay', () => {
  const begun = status({ a: 'Done', b: 'RolledBack', c: 'Pending', rest: 'Pending' });
  for (const [what, names, allowed] of changes) {
    it(`${allowed ? 'allows' : 'refuses'} ${what}`, () => {
      const before = { spec: spec('a', 'b', 'c'), status: begun };
      assert.equal(startedWavesStay.holds({ before, after: { spec: spec(...names) } }), allowed);
    });
  }

  it('allows everything before anything began', () => {
    const after = { spec: spec('z') };
    assert.ok(startedWavesStay.holds({ before: { spec: spec('a') }, after }));
    assert.ok(startedWavesStay.holds({ before: { spec: spec('a'), status: status({ a: 'Pending' }) }, after }));
  });

  it('does not take the wave of the rest for one of the author', () => {
    const before = { spec: spec('a'), status: status({ a: 'Pending', rest: 'Progressing' }) };
    assert.ok(startedWavesStay.holds({ before, after: { spec: spec('b') } }));
  });
});
