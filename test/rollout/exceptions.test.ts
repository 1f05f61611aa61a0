import assert from 'node:assert/strict';
import type { PeerAuthentication } from '../../src/istio/objects.ts';
import { type Exempt, exemptIn, exemptOnceMoved } from '../../src/rollout/exceptions.ts';
import type { Scope } from '../../src/rollout/scope.ts';
import { scopeState } from '../../src/rollout/scopeState.ts';
import { ROOT, TestMesh } from './mesh.ts';

const AD: Scope = { kind: 'Namespace', namespace: 'ad' };
const DB: Scope = { kind: 'Workload', namespace: 'ad', name: 'db', selector: { app: 'db' } };
const MESH: Scope = { kind: 'Mesh', namespace: ROOT };
const APP = { matchLabels: { app: 'db' } };

function exempt(scope: Scope, namespace: string, name: string, spec: PeerAuthentication['spec']): Exempt {
  const mesh = new TestMesh({ target: { mesh: {} } }, ['ad']);
  mesh.putPolicy(namespace, name, spec);
  const pod = { namespace: scope === MESH ? 'kube-system' : 'ad', labels: { app: 'db' } };
  return exemptIn(scope, pod, mesh.world.policies, ROOT);
}

describe('what a step leaves as it is', () => {
  const cases: [string, Scope, string, PeerAuthentication['spec'], Exempt][] = [
    ['nothing that the policy of the namespace governs', AD, 'ad', { mtls: { mode: 'PERMISSIVE' } }, []],
    ['nothing that the mesh governs', AD, ROOT, { mtls: { mode: 'DISABLE' } }, []],
    ['a workload with a weaker policy of its own', AD, 'ad', { selector: APP, mtls: { mode: 'PERMISSIVE' } }, 'All'],
    ['no workload whose policy inherits', AD, 'ad', { selector: APP, mtls: { mode: 'UNSET' } }, []],
    ['no workload that is STRICT', AD, 'ad', { selector: APP, mtls: { mode: 'STRICT' } }, []],
    ['a weaker port', AD, 'ad', { selector: APP, portLevelMtls: { 9443: { mode: 'DISABLE' } } }, [9443]],
    ['nothing of the policy that it raises', DB, 'ad', { selector: APP, mtls: { mode: 'PERMISSIVE' } }, []],
    ['a port of that policy', DB, 'ad', { selector: APP, portLevelMtls: { 9443: { mode: 'PERMISSIVE' } } }, [9443]],
    ['a namespace with a policy of its own, for the mesh', MESH, 'kube-system', { mtls: { mode: 'DISABLE' } }, 'All'],
  ];
  for (const [what, scope, namespace, spec, expected] of cases)
    it(`is ${what}`, () => assert.deepEqual(exempt(scope, namespace, 'theirs', spec), expected));

  it('is no port that it moves', () => {
    const scope: Scope = { ...DB, ports: [7070] };
    const spec = { selector: APP, portLevelMtls: { 7070: { mode: 'PERMISSIVE' as const } } };
    assert.deepEqual(exempt(scope, 'ad', 'theirs', spec), []);
  });

  it('is a port that is an exception, also while the whole workload still has to be open', () => {
    const exception = { name: 'db', namespace: 'ad', selector: APP, ports: [9443], reason: 'r', until: '2027-03-31' };
    const target = { namespaces: { names: ['ad'] } };
    const mesh = new TestMesh({ target, exceptions: [exception], preflight: { accept: ['NoMetrics'] } }, ['ad']);
    const pod = { namespace: 'ad', labels: { app: 'db' } };
    for (const stage of ['Preparing', 'Completed'] as const) {
      mesh.untilPhase(stage);
      const state = scopeState(mesh.rollout, AD, mesh.world.policies, ROOT);
      assert.deepEqual(exemptOnceMoved(mesh.rollout, [state], mesh.world)(AD, pod), [9443], stage);
    }
  });
});
