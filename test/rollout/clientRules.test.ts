import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import { ServedMesh } from './servedMesh.ts';

const RULE = 'ad/mtls-rollout-client-web';

/** A namespace with a Service and its pod, and another one that may have clients. */
function served(spec: Partial<SpecInput> = {}): ServedMesh {
  const mesh = new ServedMesh({ target: { namespaces: { names: ['ad'] } }, ...spec }, ['ad', 'shop']);
  mesh.putPod('ad', 'web');
  mesh.putService('ad', 'web');
  mesh.now += 5000;
  return mesh;
}

/** What was written, and when, in seconds since the first write of the list. */
function story(mesh: ServedMesh, until: () => boolean): string[] {
  const lines: string[] = [];
  const { length } = mesh.writes;
  let begin: number | undefined;
  mesh.until(() => {
    for (const write of mesh.writes.slice(length + lines.length)) {
      begin ??= mesh.now;
      const { name } = write.verb === 'create' ? write.object.metadata : write.target;
      const to = JSON.stringify(write).match(/ISTIO_MUTUAL|PERMISSIVE|STRICT/)?.[0] ?? '';
      lines.push(`${Math.round((mesh.now - begin) / 1000)} ${write.verb} ${name} ${to}`.trim());
    }
    return until();
  });
  return lines;
}

describe('rules for clients', () => {
  it('are written before the first policy says STRICT, and have the time to arrive', () => {
    const mesh = served({ destinationRules: 'Always' });
    mesh.until(({ step }) => step?.stage === 'Observing');
    assert.equal(mesh.rules.size, 0);
    assert.deepEqual(
      story(mesh, () => mesh.status.phase === 'Completed'),
      ['0 create mtls-rollout-client-web ISTIO_MUTUAL', '6 patch mtls-rollout STRICT'],
    );
    assert.deepEqual(mesh.rules.get(RULE)?.spec, {
      host: 'web.ad.svc.cluster.local',
      trafficPolicy: { tls: { mode: 'ISTIO_MUTUAL' } },
    });
    mesh.rests();
  });

  it('are taken back after the policies, and have the time to stay', () => {
    const mesh = served({ destinationRules: 'Always' });
    mesh.judge = kind => (kind === 'Soak' ? 'Unhealthy' : 'Healthy');
    mesh.until(({ step }) => step?.stage === 'RollingBack');
    assert.deepEqual(
      story(mesh, () => mesh.status.phase === 'RolledBack'),
      ['0 delete mtls-rollout-client-web'],
    );
    assert.equal(mesh.rules.size, 0);
    mesh.rests();
  });
});
