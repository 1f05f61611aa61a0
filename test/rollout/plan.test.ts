import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { SpecInput } from '../../src/api/schema.ts';
import { stepsOf } from '../../src/rollout/plan.ts';
import { scopeKey } from '../../src/rollout/scope.ts';
import { TestMesh } from './mesh.ts';
import { planIn, shape, shop } from './shop.ts';

type Waves = NonNullable<NonNullable<SpecInput['strategy']>['waves']>;

describe('waves', () => {
  it('take names in the order of the author, then what the selector picks, each scope once; the rest comes last', () => {
    const mesh = shop({
      strategy: {
        waves: [
          { name: 'first', names: ['web', 'ad'] },
          { name: 'core', selector: { matchLabels: { team: 'shop' }, matchExpressions: [expression('In', 'core')] } },
        ],
      },
    });
    mesh.addNamespace('late', { team: 'shop' });
    assert.deepEqual(shape(planIn(mesh)), ['first: web ad', 'core: cart pay', 'rest: late']);
  });

  it('have no rest where everything is taken', () => {
    assert.deepEqual(shape(planIn(shop({ strategy: { waves: [{ name: 'all', selector: {} }] } }))), [
      'all: ad cart pay web',
    ]);
  });

  for (const [operator, value, chosen] of [
    ['In', 'core', 'cart pay'],
    ['NotIn', 'core', 'ad bare web'],
    ['Exists', undefined, 'ad cart pay web'],
    ['DoesNotExist', undefined, 'bare'],
  ] as const)
    it(`choose by ${operator}`, () => {
      const waves: Waves = [{ name: 'w', selector: { matchExpressions: [expression(operator, value)] } }];
      const mesh = shop({ strategy: { waves } });
      mesh.addNamespace('bare', { team: 'shop' });
      assert.equal(shape(planIn(mesh))[0], `w: ${chosen}`);
    });

  for (const [maxConcurrent, sizes] of [
    [1, [1, 1, 1, 1]],
    [3, [3, 1]],
    [500, [4]],
    ['25%', [1, 1, 1, 1]],
    ['26%', [2, 2]],
    ['100%', [4]],
    ['1%', [1, 1, 1, 1]],
  ] as const)
    it(`move ${maxConcurrent} of four scopes together in ${sizes.length} steps`, () => {
      const waves: Waves = [{ name: 'w', selector: {}, maxConcurrent }];
      const mesh = shop({ strategy: { waves } });
      assert.equal(stepsOf(planIn(mesh)), sizes.length);
      mesh.untilPhase('Completed');
      const steps = mesh.transitions.filter(({ reason }) => reason === 'StepStarted');
      assert.deepEqual(
        steps.map(({ scopes, step }) => [step, scopes?.length]),
        sizes.map((size, index) => [index + 1, size]),
      );
    });

  it('never move more than 500 together, so that status stays bounded', () => {
    const mesh = new TestMesh({
      target: { mesh: {} },
      strategy: { waves: [{ name: 'w', selector: {}, maxConcurrent: '100%' }] },
    });
    for (let n = 0; n < 1200; n++) mesh.addNamespace(`n${n}`);
    assert.equal(planIn(mesh).waves[0]?.size, 500);
    assert.equal(stepsOf(planIn(mesh)), 4);
  });

  it('name what they do not find', () => {
    const mesh = shop({ strategy: { waves: [{ name: 'w', names: ['ad', 'typo'] }] } });
    assert.deepEqual(planIn(mesh).unmatched, [{ wave: 'w', name: 'typo' }]);
  });
});

describe('a plan', () => {
  const name = fc.constantFrom('ad', 'cart', 'pay', 'web', 'mail', 'ship');
  const namespaces = fc.uniqueArray(fc.record({ name, tier: fc.constantFrom('leaf', 'core') }), {
    selector: entry => entry.name,
  });
  const chosen = fc.uniqueArray(name, { minLength: 1 });
  const size = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constantFrom('10%', '50%', '100%'));
  const wave = fc.oneof(
    fc.record({ names: chosen, maxConcurrent: size }),
    fc.record({ selector: fc.constantFrom({}, { matchLabels: { tier: 'core' } }), maxConcurrent: size }),
  );
  const waves = fc
    .array(wave, { maxLength: 4 })
    .map(list => list.map((each, index) => ({ ...each, name: `w${index}` })))
    .filter(list => {
      const names = list.flatMap(each => ('names' in each ? each.names : []));
      return new Set(names).size === names.length;
    });

  function meshOf(list: { name: string; tier: string }[], strategy: Waves): TestMesh {
    const mesh = new TestMesh({ target: { mesh: {} }, strategy: { waves: strategy } });
    for (const { name: namespace, tier } of list) mesh.addNamespace(namespace, { tier });
    return mesh;
  }

  it('has every scope of the target in exactly one wave', () => {
    fc.assert(
      fc.property(namespaces, waves, (list, strategy) => {
        const plan = planIn(meshOf(list, strategy));
        const planned = plan.waves.flatMap(({ scopes }) => scopes.map(scopeKey)).toSorted();
        assert.deepEqual(planned, [...list.map(each => each.name), '(mesh)'].toSorted());
        assert.deepEqual([...plan.scopes.keys()].toSorted(), planned);
        for (const [key, { wave: number }] of plan.scopes)
          assert.ok(plan.waves[number]?.scopes.some(scope => scopeKey(scope) === key));
      }),
    );
  });

  it('is the same whatever the order in which things are listed', () => {
    fc.assert(
      fc.property(namespaces, waves, fc.infiniteStream(fc.nat()), (list, strategy, dice) => {
        const shuffled = list
          .map(entry => ({ entry, die: dice.next().value }))
          .toSorted((a, b) => a.die - b.die)
          .map(({ entry }) => entry);
        assert.deepEqual(planIn(meshOf(shuffled, strategy)), planIn(meshOf(list, strategy)));
      }),
    );
  });

  it('does not change with namespaces that are not in the target', () => {
    const before = planIn(shop());
    const mesh = shop();
    mesh.addNamespace('aaa', { team: 'else' });
    mesh.addNamespace('zzz');
    assert.deepEqual(planIn(mesh), before);
  });

  it('has another hash exactly when the scopes of a wave, their order or their pace are others', () => {
    const hash = (more: Partial<Waves[number]>) =>
      planIn(shop({ strategy: { waves: [{ name: 'w', names: ['ad', 'web'], ...more }] } })).waves[0]?.hash;
    const first = hash({});
    for (const same of [{ soak: '1h' }, { names: ['ad', 'web', 'typo'] }])
      assert.equal(hash(same), first, JSON.stringify(same));
    for (const other of [
      { names: ['web', 'ad'] },
      { names: ['ad'] },
      { names: ['ad', 'web', 'pay'] },
      { name: 'x' },
      { maxConcurrent: 2 },
    ])
      assert.notEqual(hash(other), first, JSON.stringify(other));
  });

  it('has another hash for other ports or another selector of a workload', () => {
    const hash = (selector: Record<string, string>, ports?: number[]) => {
      const workload = { name: 'cart', selector: { matchLabels: selector }, ...(ports ? { ports } : {}) };
      return planIn(new TestMesh({ target: { workloads: [workload] } }, [], 'shop')).hash;
    };
    const hashes = [
      hash({ app: 'cart' }),
      hash({ app: 'cart' }, [80]),
      hash({ app: 'cart' }, [80, 90]),
      hash({ app: 'car' }),
    ];
    assert.equal(new Set(hashes).size, 4);
    assert.equal(hash({ app: 'cart' }, [90, 80]), hashes[2]);
    assert.equal(hash({ a: '1', b: '2' }), hash({ b: '2', a: '1' }));
  });

  it('changes its own hash with that of any wave', () => {
    const mesh = shop();
    const { hash } = planIn(mesh);
    mesh.addNamespace('new', { team: 'shop' });
    assert.notEqual(planIn(mesh).hash, hash);
  });
});

function expression(operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist', value?: string) {
  return { key: 'tier', operator, ...(value ? { values: [value] } : {}) };
}
