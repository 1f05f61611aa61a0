import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { effectiveModes, meshMode, namespaceMode } from '../../src/istio/effectiveMode.ts';
import type { Mode, PeerAuthentication } from '../../src/istio/objects.ts';
import { policiesOf } from '../../src/istio/policies.ts';
import { slotKey, slotOf } from '../../src/istio/slots.ts';
import { labels, namespace, policies, policy as anyPolicy, shuffled } from './arbitraries.ts';
import { policy } from './build.ts';

const WEB = { app: 'web', tier: 'front' };

interface Row {
  rule: string;
  given: PeerAuthentication[];
  /** Mode of the workload, name of the deciding policy, and ports with their modes. */
  expect: [Mode, string | undefined, Record<number, Mode>?];
  in?: string;
}

/** The workload carries the labels WEB and runs in `shop` unless the row says otherwise; root is `istio-system`. */
const TABLE: Row[] = [
  { rule: 'nothing at all is PERMISSIVE', given: [], expect: ['PERMISSIVE', undefined] },
  { rule: 'mesh', given: [policy('istio-system/m@1', 'STRICT')], expect: ['STRICT', 'm'] },
  {
    rule: 'namespace over mesh',
    given: [policy('istio-system/m@1', 'STRICT'), policy('shop/n@2', 'DISABLE')],
    expect: ['DISABLE', 'n'],
  },
  {
    rule: 'workload over namespace, also to something weaker',
    given: [policy('shop/n@1', 'STRICT'), policy('shop/w@2', 'PERMISSIVE', { app: 'web' })],
    expect: ['PERMISSIVE', 'w'],
  },
  {
    rule: 'another namespace says nothing',
    given: [policy('pay/n@1', 'STRICT'), policy('pay/w@1', 'STRICT', { app: 'web' })],
    expect: ['PERMISSIVE', undefined],
  },
  {
    rule: 'oldest of a namespace wins',
    given: [policy('shop/a@5', 'STRICT'), policy('shop/b@4', 'DISABLE')],
    expect: ['DISABLE', 'b'],
  },
  {
    rule: 'name breaks a tie',
    given: [policy('shop/b@4', 'STRICT'), policy('shop/a@4', 'DISABLE')],
    expect: ['DISABLE', 'a'],
  },
  {
    rule: 'UNSET holds the place of a younger policy and inherits',
    given: [policy('istio-system/m@1', 'STRICT'), policy('shop/a@1', 'UNSET'), policy('shop/b@2', 'DISABLE')],
    expect: ['STRICT', 'm'],
  },
  {
    rule: 'so does a policy without mtls',
    given: [policy('shop/a@1'), policy('shop/b@2', 'STRICT')],
    expect: ['PERMISSIVE', undefined],
  },
  {
    rule: 'UNSET of the mesh is the default',
    given: [policy('istio-system/a@1', 'UNSET'), policy('istio-system/b@2', 'STRICT')],
    expect: ['PERMISSIVE', undefined],
  },
  {
    rule: 'UNSET of a workload inherits and hides a younger workload policy',
    given: [
      policy('shop/n@9', 'STRICT'),
      policy('shop/a@1', 'UNSET', { app: 'web' }),
      policy('shop/b@2', 'DISABLE', { tier: 'front' }),
    ],
    expect: ['STRICT', 'n'],
  },
  {
    rule: 'oldest matching workload policy wins whatever its selector',
    given: [policy('shop/a@2', 'STRICT', WEB), policy('shop/b@1', 'DISABLE', { tier: 'front' })],
    expect: ['DISABLE', 'b'],
  },
  {
    rule: 'every label of a selector must match',
    given: [policy('shop/a@1', 'STRICT', { app: 'web', tier: 'back' }), policy('shop/b@1', 'STRICT', { zone: '1' })],
    expect: ['PERMISSIVE', undefined],
  },
  {
    rule: 'an empty selector is none',
    given: [policy('shop/a@1', 'STRICT', {}), policy('shop/b@2', 'DISABLE')],
    expect: ['STRICT', 'a'],
  },
  {
    rule: 'a policy with selector in the root namespace is ignored',
    given: [policy('istio-system/w@1', 'STRICT', { app: 'web' })],
    expect: ['PERMISSIVE', undefined],
  },
  {
    rule: 'also for workloads of the root namespace itself, which the mesh policy governs',
    given: [policy('istio-system/w@1', 'STRICT', { app: 'web' }), policy('istio-system/m@2', 'DISABLE')],
    in: 'istio-system',
    expect: ['DISABLE', 'm'],
  },
  {
    rule: 'ports of the winning workload policy; UNSET inherits from the workload',
    given: [
      policy('shop/w@1', 'STRICT', { app: 'web' }, { 80: 'PERMISSIVE', 81: 'UNSET', 82: undefined }),
      policy('shop/x@2', 'STRICT', { app: 'web' }, { 90: 'DISABLE' }),
    ],
    expect: ['STRICT', 'w', { 80: 'PERMISSIVE', 81: 'STRICT', 82: 'STRICT' }],
  },
  {
    rule: 'an UNSET port of an UNSET workload comes from the mesh',
    given: [
      policy('istio-system/m@1', 'STRICT'),
      policy('shop/w@1', undefined, { app: 'web' }, { 80: 'UNSET', 81: 'DISABLE' }),
    ],
    expect: ['STRICT', 'm', { 80: 'STRICT', 81: 'DISABLE' }],
  },
  {
    rule: 'ports without selector count for nothing',
    given: [policy('shop/n@1', 'STRICT', undefined, { 80: 'DISABLE' })],
    expect: ['STRICT', 'n'],
  },
];

describe('effective mode', () => {
  for (const { rule, given, expect, in: home = 'shop' } of TABLE)
    it(rule, () => {
      const [mode, decider, ports = {}] = expect;
      const { workload, ports: got } = effectiveModes(policiesOf(given), 'istio-system', home, WEB);
      assert.equal(workload.mode, mode);
      assert.equal(workload.decidedBy?.metadata.name, decider);
      const modes = Object.fromEntries([...got].map(([port, effective]) => [port, effective.mode]));
      assert.deepEqual(modes, ports);
    });

  it('names the policy that decides a port', () => {
    const given = [
      policy('shop/n@1', 'STRICT'),
      policy('shop/w@1', 'UNSET', { app: 'web' }, { 80: 'DISABLE', 81: 'UNSET' }),
    ];
    const { ports } = effectiveModes(policiesOf(given), 'istio-system', 'shop', WEB);
    assert.equal(ports.get(80)?.decidedBy?.metadata.name, 'w');
    assert.equal(ports.get(81)?.decidedBy?.metadata.name, 'n');
  });

  it('leaves workload policies out of the mode of a namespace, and namespaces out of that of the mesh', () => {
    const given = policiesOf([
      policy('shop/w@1', 'DISABLE', { app: 'web' }),
      policy('shop/n@2', 'STRICT'),
      policy('istio-system/m@3', 'DISABLE'),
    ]);
    assert.equal(namespaceMode(given, 'istio-system', 'shop').mode, 'STRICT');
    assert.equal(namespaceMode(given, 'istio-system', 'pay').mode, 'DISABLE');
    assert.equal(meshMode(given, 'istio-system').decidedBy?.metadata.name, 'm');
    assert.equal(meshMode(given, 'shop').mode, 'STRICT', 'another root namespace, another mesh policy');
  });

  it('takes fractions of a second for nothing and an object without time for the youngest', () => {
    const at = (name: string, creationTimestamp: string | undefined, mode: Mode): PeerAuthentication => ({
      ...policy('shop/x@0', mode),
      metadata: { name, namespace: 'shop', ...(creationTimestamp && { creationTimestamp }) },
    });
    const given = [at('b', '2026-01-01T00:00:00.100Z', 'DISABLE'), at('a', '2026-01-01T00:00:00.900Z', 'STRICT')];
    assert.equal(namespaceMode(policiesOf(given), 'istio-system', 'shop').mode, 'STRICT');
    const unborn = [at('a', undefined, 'STRICT'), at('b', '2026-01-01T00:00:00Z', 'DISABLE')];
    assert.equal(namespaceMode(policiesOf(unborn), 'istio-system', 'shop').mode, 'DISABLE');
  });
});

describe('effective mode, for any policies', () => {
  it('is the same in whatever order they are listed', () => {
    fc.assert(
      fc.property(shuffled(policies), namespace, namespace, labels, ([list, other], root, home, pod) => {
        const [a, b] = [list, other].map(given => effectiveModes(policiesOf(given), root, home, pod));
        assert.deepEqual(a, b);
      }),
    );
  });

  it('does not change when a slot that is held gets a younger policy', () => {
    fc.assert(
      fc.property(policies, anyPolicy, namespace, namespace, labels, (list, late, root, home, pod) => {
        fc.pre(list.some(held => slotKey(slotOf(held)) === slotKey(slotOf(late))));
        const youngest = {
          ...late,
          metadata: { ...late.metadata, name: 'z', creationTimestamp: '2027-01-01T00:00:00Z' },
        };
        const [before, after] = [list, [...list, youngest]].map(given =>
          effectiveModes(policiesOf(given), root, home, pod),
        );
        assert.deepEqual(after, before);
      }),
    );
  });

  it('is decided by a policy of that mode, or is the default', () => {
    fc.assert(
      fc.property(policies, namespace, namespace, labels, (list, root, home, pod) => {
        const { workload } = effectiveModes(policiesOf(list), root, home, pod);
        assert.equal(workload.mode, workload.decidedBy?.spec.mtls?.mode ?? 'PERMISSIVE');
      }),
    );
  });
});
