import assert from 'node:assert/strict';
import type { MtlsRollout } from '../../src/api/resource.ts';
import { type SpecInput, specSchema } from '../../src/api/schema.ts';
import { refusal } from '../../src/rollout/refusal.ts';
import { ROOT, TestMesh } from './mesh.ts';

type Target = SpecInput['target'];

const { world } = shop();

function shop(): TestMesh {
  const mesh = new TestMesh({ target: { mesh: {} } }, ['other']);
  mesh.addNamespace('cart', { team: 'shop' });
  return mesh;
}

/** A rollout that is `second` seconds old in the list of those that want something. */
function rollout(second: number, namespace: string, target: Target, more: Partial<SpecInput> = {}): MtlsRollout {
  return {
    apiVersion: 'mtlsrollout.io/v1alpha1',
    kind: 'MtlsRollout',
    metadata: {
      name: `r${second}`,
      namespace,
      uid: `${namespace}-${second}`,
      generation: 1,
      creationTimestamp: `2026-11-22T09:00:0${second}Z`,
    },
    spec: specSchema.parse({ target, ...more }),
  };
}

const workloads = (labels: Record<string, string>): Target => ({
  workloads: [{ name: 'w', selector: { matchLabels: labels } }],
});

const MISPLACED: [namespace: string, target: Target, reason: string, message: RegExp][] = [
  ['cart', { mesh: {} }, 'NotInRootNamespace', /^spec\.target\.mesh reaches beyond namespace cart .* istio-system;/],
  ['cart', { namespaces: { names: ['cart'] } }, 'NotInRootNamespace', /^spec\.target\.namespaces reaches beyond/],
  [ROOT, { namespace: {} }, 'InRootNamespace', /^spec\.target\.namespace means istio-system, the mesh root/],
  [ROOT, workloads({ app: 'a' }), 'InRootNamespace', /^spec\.target\.workloads means istio-system/],
];

describe('a rollout is refused', () => {
  for (const [namespace, target, reason, message] of MISPLACED)
    it(`for ${Object.keys(target).join()} in ${namespace}, and told where to go`, () => {
      const refused = refusal(rollout(1, namespace, target), [], world);
      assert.deepEqual([refused?.reason, refused?.lasting], [reason, true]);
      assert.match(refused?.message ?? '', message);
    });

  it('for an exception that reaches into another namespace, or in the root namespace says none', () => {
    const exception = { name: 'hook', selector: { matchLabels: { app: 'hook' } }, reason: 'x', until: '2027-03-31' };
    const refused = (home: string, target: Target, namespace?: string) =>
      refusal(rollout(1, home, target, { exceptions: [{ ...exception, namespace }] }), [], world);
    assert.match(refused('cart', { namespace: {} }, 'other')?.message ?? '', /^exception hook names namespace other/);
    assert.match(refused(ROOT, { mesh: {} })?.message ?? '', /^exception hook must name the namespace of its workload/);
    assert.equal(refused(ROOT, { mesh: {} }, ROOT)?.reason, 'InRootNamespace');
    assert.equal(refused('cart', { namespace: {} }, 'cart'), undefined);
    assert.equal(refused('cart', { namespace: {} }), undefined);
  });

  it('for a probe that asks a Service of another namespace, but in the root namespace', () => {
    const refused = (home: string, target: Target, namespace?: string) => {
      const http = { service: 'web', port: 80, path: '/', namespace };
      return refusal(rollout(1, home, target, { probes: [{ name: 'smoke', http }] }), [], world);
    };
    assert.match(refused('cart', { namespace: {} }, 'other')?.message ?? '', /^probe smoke names namespace other, .*;/);
    assert.equal(refused('cart', { namespace: {} }, 'other')?.reason, 'NotInRootNamespace');
    assert.equal(refused('cart', { namespace: {} }, 'cart'), undefined);
    assert.equal(refused('cart', { namespace: {} }), undefined);
    assert.equal(refused(ROOT, { mesh: {} }, 'other'), undefined);
    assert.equal(refused(ROOT, { mesh: {} }, 'cart'), undefined);
  });

  it('for query text outside the mesh root namespace', () => {
    const probes = [{ name: 'p', prometheus: { expr: 'up', max: 1 } }];
    const tenant = refusal(rollout(1, 'cart', { namespace: {} }, { probes }), [], world);
    assert.equal(tenant?.reason, 'NotInRootNamespace');
    assert.match(tenant.message, /^probe p holds query text, .* name a query of the operator's configuration instead/);
    assert.equal(refusal(rollout(1, ROOT, { mesh: {} }, { probes }), [], world), undefined);
  });

  it('in no other place', () => {
    assert.equal(refusal(rollout(1, ROOT, { mesh: {} }), [], world), undefined);
    assert.equal(refusal(rollout(1, 'cart', { namespace: {} }), [], world), undefined);
  });
});

describe('of two rollouts that want the same', () => {
  const named: Target = { namespaces: { names: ['cart'] } };
  const labelled: Target = { namespaces: { selector: { matchLabels: { team: 'shop' } } } };
  for (const [what, older, younger] of [
    ['the mesh', rollout(1, ROOT, { mesh: {} }), rollout(2, 'cart', { namespace: {} })],
    ['the mesh', rollout(1, 'cart', { namespace: {} }), rollout(2, ROOT, { mesh: {} })],
    ['namespace cart', rollout(1, ROOT, named), rollout(2, 'cart', { namespace: {} })],
    ['namespace cart', rollout(1, ROOT, labelled), rollout(2, ROOT, named)],
    [
      'namespace gone',
      rollout(1, ROOT, { namespaces: { names: ['gone'] } }),
      rollout(2, ROOT, { namespaces: { names: ['gone'] } }),
    ],
    ['namespace cart', rollout(1, 'cart', { namespace: {} }), rollout(2, 'cart', workloads({ app: 'a' }))],
    ['namespace cart', rollout(1, 'cart', workloads({ app: 'a' })), rollout(2, 'cart', { namespace: {} })],
    [
      'workloads of namespace cart',
      rollout(1, 'cart', workloads({ app: 'a' })),
      rollout(2, 'cart', workloads({ tier: 'x' })),
    ],
  ] as const)
    it(`the older keeps ${what} (${JSON.stringify(older.spec.target)}), and the younger says so`, () => {
      const refused = refusal(younger, [younger, older], world);
      assert.equal(refused?.reason, 'Conflicted');
      const { namespace, name } = older.metadata;
      assert.equal(
        refused.message,
        `MtlsRollout ${namespace}/${name} is older and governs ${what}; delete it, or take that out of one of the two`,
      );
      assert.equal(refusal(older, [younger, older], world), undefined);
    });

  for (const [why, older, younger] of [
    ['in other namespaces', rollout(1, 'other', { namespace: {} }), rollout(2, 'cart', { namespace: {} })],
    [
      'with selectors that no pod can carry both',
      rollout(1, 'cart', workloads({ app: 'a' })),
      rollout(2, 'cart', workloads({ app: 'b' })),
    ],
    [
      'of which one is refused, for it reaches beyond its namespace',
      rollout(1, 'cart', { mesh: {} }),
      rollout(2, ROOT, { mesh: {} }),
    ],
    ['of which one is refused, for its place', rollout(1, ROOT, { namespace: {} }), rollout(2, ROOT, { mesh: {} })],
    ['of which one is only a plan', rollout(1, ROOT, { mesh: {} }, { mode: 'Plan' }), rollout(2, ROOT, { mesh: {} })],
  ] as const)
    it(`${why} none is in the way`, () => assert.equal(refusal(younger, [older], world), undefined));

  it('one that is being deleted is not in the way', () => {
    const older = rollout(1, ROOT, { mesh: {} });
    older.metadata.deletionTimestamp = '2026-11-22T10:00:00Z';
    assert.equal(refusal(rollout(2, ROOT, { mesh: {} }), [older], world), undefined);
  });

  it('one that is Completed still is', () => {
    const older: MtlsRollout = { ...rollout(1, ROOT, { mesh: {} }), status: { phase: 'Completed' } };
    assert.equal(refusal(rollout(2, ROOT, { mesh: {} }), [older], world)?.reason, 'Conflicted');
  });

  it('names decide where they are of one age', () => {
    const [a, b] = [rollout(1, 'cart', { namespace: {} }), rollout(1, 'cart', { namespace: {} })];
    a.metadata = { ...a.metadata, name: 'a', uid: 'a' };
    b.metadata = { ...b.metadata, name: 'b', uid: 'b' };
    assert.equal(refusal(a, [a, b], world), undefined);
    assert.equal(refusal(b, [a, b], world)?.reason, 'Conflicted');
  });
});
