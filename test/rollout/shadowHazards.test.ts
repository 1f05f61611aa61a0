/** Where a policy in dry run may be enforced it is not written, whatever the author accepts. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import { ServedMesh } from './servedMesh.ts';

const SPEC: SpecInput = {
  target: { namespaces: { names: ['cart'] } },
  probes: [
    { name: 'counted', plaintextTraffic: { source: 'Shadow', window: '1m' } },
    { name: 'enforced', enforcement: {} },
  ],
  preflight: { accept: ['ShadowUnsafe', 'UnmeshedWorkload'] },
};

function meshOf(spec: Partial<SpecInput> = {}): ServedMesh {
  const mesh = new ServedMesh({ ...SPEC, ...spec }, ['cart']);
  mesh.putPod('cart', 'web');
  return mesh;
}

/** Until it is held by this, having written nothing. */
function heldBy(mesh: ServedMesh, code: string): string {
  mesh.until(({ summary }) => summary?.waitingOn === code);
  assert.deepEqual(mesh.writes, []);
  return mesh.status.message ?? '';
}

describe('hazards of counting by dry run', () => {
  it('are none where every pod has a sidecar', () => {
    const mesh = meshOf();
    mesh.untilPhase('Completed');
    assert.deepEqual(mesh.writes.filter(({ verb }) => verb === 'create').length, 2);
  });

  it('hold a scope with a pod behind ztunnel', () => {
    const mesh = meshOf();
    mesh.putPod('cart', 'quick', { mesh: 'Ambient' });
    assert.match(heldBy(mesh, 'ShadowUnsafe'), /pod cart\/quick-1 is behind ztunnel, which may enforce it/);
  });

  it('do not hold a workload beside one', () => {
    const target = { workloads: [{ name: 'web', selector: { matchLabels: { app: 'web' } } }] };
    const mesh = new ServedMesh({ ...SPEC, target }, ['cart'], 'cart');
    mesh.putPod('cart', 'web');
    mesh.putPod('cart', 'quick', { mesh: 'Ambient' });
    mesh.until(() => mesh.authorizations.size > 0);
  });

  it('hold a namespace that ztunnel is to take in', () => {
    const mesh = meshOf();
    mesh.namespaces.find(({ name }) => name === 'cart')!.labels['istio.io/dataplane-mode'] = 'ambient';
    assert.match(heldBy(mesh, 'ShadowUnsafe'), /namespace cart is labelled istio.io\/dataplane-mode=ambient/);
  });

  it('hold every scope of a managed mesh', () => {
    const mesh = meshOf();
    mesh.platform = 'managed-csm';
    assert.match(heldBy(mesh, 'ShadowUnsafe'), /use plaintextTraffic with source Metrics/);
  });

  it('tell that a policy of somebody else has the name', () => {
    const mesh = meshOf();
    mesh.putRaw('AuthorizationPolicy', { metadata: { name: 'mtls-rollout-shadow', namespace: 'cart' }, spec: {} });
    assert.match(heldBy(mesh, 'Conflict'), /AuthorizationPolicy cart\/mtls-rollout-shadow is not of this rollout/);
  });

  it('hold a namespace with a gateway, whose clients would be cut, until that is accepted', () => {
    const proxy = { name: 'istio-proxy', args: ['proxy', 'router'] };
    const gateway = {
      metadata: { name: 'edge-1', namespace: 'cart', labels: { app: 'edge' } },
      spec: { containers: [proxy] },
    };
    const mesh = meshOf();
    mesh.putRaw('Pod', gateway);
    assert.match(heldBy(mesh, 'ShadowOnGateway'), /also reaches gateway cart\/edge-1/);
    mesh.edit({ preflight: { accept: ['UnmeshedWorkload', 'ShadowOnGateway'] } });
    mesh.until(() => mesh.authorizations.size > 0);
  });

  it('do not concern those who count by metrics', () => {
    const mesh = meshOf({ probes: [{ name: 'plain', plaintextTraffic: {} }] });
    mesh.putPod('cart', 'quick', { mesh: 'Ambient' });
    mesh.untilPhase('Completed');
  });
});
