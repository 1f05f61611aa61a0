import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { SpecInput } from '../../src/api/schema.ts';
import { parseRollout } from '../../src/api/validate.ts';
import { ruleCases } from './rule-cases.ts';

const metadata = {
  name: 'shop',
  namespace: 'shop',
  uid: 'u',
  generation: 1,
  creationTimestamp: '2026-01-01T00:00:00Z',
};
const object = (spec: unknown) => ({ apiVersion: 'mtlsrollout.io/v1alpha1', kind: 'MtlsRollout', metadata, spec });

function problemsOf(value: unknown): string[] {
  const parsed = parseRollout(value);
  return 'problems' in parsed ? parsed.problems : [];
}

/** A copy with the value at one of its places, counted in the order of writing, replaced. */
function replaced(spec: object, place: number, value: unknown): unknown {
  let count = 0;
  JSON.stringify(spec, (_, member: unknown) => (count++, member));
  let at = 0;
  const copy = (node: unknown): unknown => {
    if (at++ === place % count) return value;
    if (Array.isArray(node)) return node.map(copy);
    if (node === null || typeof node !== 'object') return node;
    return Object.fromEntries(Object.entries(node).map(([key, member]) => [key, copy(member)]));
  };
  return copy(spec);
}

describe('rules of the spec', () => {
  for (const { rule, good, bad, problem } of ruleCases) {
    it(rule, () => {
      assert.deepEqual(problemsOf(object(good)), []);
      const problems = problemsOf(object(bad));
      assert.ok(problems[0]?.startsWith(problem), `expected "${problem}…" in ${JSON.stringify(problems)}`);
      assert.equal(problems.length, 1, `one mistake, one sentence: ${JSON.stringify(problems)}`);
    });
  }
});

/** How a probe looks unless its author says otherwise. */
const LOOK = { initialDelay: '0s', timeout: '30s', dryRun: false };

describe('parseRollout', () => {
  it('fills in the safe defaults of the smallest rollout', () => {
    const parsed = parseRollout(object({ target: { namespace: {} } } satisfies SpecInput));
    assert.ok('rollout' in parsed);
    assert.deepEqual(parsed.rollout.spec, {
      mode: 'Enforce',
      suspend: false,
      target: { namespace: {} },
      exceptions: [],
      strategy: { unit: 'Namespace', waves: [], consolidate: false },
      probes: [],
      analysis: { interval: '30s', successes: 3, failureLimit: 0, progressDeadline: '6h' },
      rollback: { onFailure: 'Rollback', extent: 'Wave', retries: 0, retryAfter: '1h' },
      dependsOn: [],
      destinationRules: 'Auto',
      adopt: 'Unmanaged',
      drift: 'Report',
      deletionPolicy: 'Keep',
      preflight: { accept: [] },
      approvals: [],
    });
    assert.equal('status' in parsed.rollout, false);
  });

  it('fills in the defaults of waves and probes', () => {
    const parsed = parseRollout(
      object({
        target: { mesh: {} },
        strategy: { waves: [{ name: 'a', names: ['x'] }] },
        probes: [
          { name: 'p', plaintextTraffic: {} },
          { name: 'r', refusedConnections: {} },
        ],
      }),
    );
    assert.ok('rollout' in parsed);
    const { strategy, probes } = parsed.rollout.spec;
    assert.deepEqual(strategy.waves, [
      { name: 'a', names: ['x'], maxConcurrent: 1, soak: '10m', approval: 'NotRequired' },
    ]);
    assert.deepEqual(probes, [
      { name: 'p', ...LOOK, plaintextTraffic: { window: '24h', minRequests: 100, source: 'Metrics' } },
      { name: 'r', ...LOOK, refusedConnections: { window: '2m', maxConnections: 0 } },
    ]);
  });

  it('keeps the metadata of a rollout that it refuses, so that its status can say why', () => {
    const parsed = parseRollout({ ...object({}), metadata: { ...metadata, annotations: { a: 'b' }, extra: 1 } });
    assert.ok('problems' in parsed);
    assert.deepEqual(parsed.metadata, { ...metadata, annotations: { a: 'b' } });
  });

  it('says so when the object cannot even be addressed', () => {
    const parsed = parseRollout({ ...object({ target: { mesh: {} } }), metadata: { name: 'shop' } });
    assert.ok('problems' in parsed);
    assert.equal(parsed.metadata, undefined);
    assert.equal(parsed.problems[0], 'metadata.namespace: must be given: a string');
  });

  it('refuses names that do not fit into a label', () => {
    const named = (length: number) => ({
      ...object({ target: { mesh: {} } }),
      metadata: { ...metadata, name: 'n'.repeat(length) },
    });
    assert.deepEqual(problemsOf(named(63)), []);
    assert.match(problemsOf(named(64))[0] ?? '', /^metadata\.name: must have at most 63 characters/);
  });

  it('refuses another kind', () => {
    const other = { ...object({ target: { mesh: {} } }), kind: 'Deployment' };
    assert.deepEqual(problemsOf(other), ['kind: must be MtlsRollout, not "Deployment"']);
  });

  it('lists a bounded number of problems', () => {
    const problems = problemsOf(object({ target: { namespaces: { names: Array.from({ length: 500 }, () => 'A') } } }));
    assert.equal(problems.length, 21);
    assert.equal(problems[20], 'spec: 480 more problems: correct these first');
    assert.ok(problems.every(text => text.length < 400));
  });

  it('keeps a sound status and drops a damaged one', () => {
    const spec = { target: { mesh: {} } };
    const sound = parseRollout({ ...object(spec), status: { phase: 'Soaking' } });
    const damaged = parseRollout({ ...object(spec), status: 'Soaking' });
    assert.ok('rollout' in sound && 'rollout' in damaged);
    assert.deepEqual(sound.rollout.status, { phase: 'Soaking' });
    assert.equal(damaged.rollout.status, undefined);
  });
});

describe('parseRollout on anything', () => {
  const keys = fc.constantFrom(
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'spec',
    'status',
    'metadata',
    'target',
    'strategy',
    'waves',
    'probes',
    'selector',
    'matchLabels',
    'names',
    'name',
    'analysis',
    'interval',
  );
  const { tree } = fc.letrec(tie => ({
    tree: fc.oneof(
      { maxDepth: 6, withCrossShrink: true },
      fc.jsonValue(),
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.array(fc.tuple(keys, tie('tree')), { maxLength: 4 }).map(entries => Object.fromEntries(entries)),
    ),
  }));

  function staysCalm(value: unknown): void {
    const before = Object.getOwnPropertyNames(Object.prototype).join();
    const parsed = parseRollout(value);
    assert.ok('rollout' in parsed || parsed.problems.length > 0);
    assert.equal(Object.getOwnPropertyNames(Object.prototype).join(), before);
    assert.equal(Object.getPrototypeOf({}), Object.prototype);
  }

  it('never throws and leaves Object.prototype alone', () => {
    fc.assert(
      fc.property(tree, value => staysCalm(value)),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(tree, value => staysCalm(object(value))),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(tree, value => staysCalm({ ...object({ target: value }), status: value })),
      { numRuns: 2000 },
    );
  });

  it('judges every field with anything in its place', () => {
    const values = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom('', 'x'.repeat(3000), -1, 2 ** 53, Number.POSITIVE_INFINITY, '\u0000', 'ÄÖ🙂'),
    );
    const goods = fc.constantFrom(...ruleCases.map(({ good }) => good));
    fc.assert(
      fc.property(goods, fc.nat(), values, (good, place, value) => staysCalm(object(replaced(good, place, value)))),
      { numRuns: 3000 },
    );
  });

  it('does not let a key named __proto__ set anything', () => {
    const spec = JSON.parse('{"target":{"namespace":{}},"__proto__":{"mode":"Plan"}}') as unknown;
    assert.deepEqual(problemsOf(object(spec)), ['spec: does not know "__proto__": correct the name or remove it']);
  });

  it('survives very deep values', () => {
    let deep: unknown = {};
    for (let i = 0; i < 50_000; i++) deep = { matchLabels: deep };
    assert.ok(problemsOf(object({ target: { namespaces: { selector: deep } } })).length > 0);
  });
});
