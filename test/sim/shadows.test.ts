/** Policies in dry run in the simulated mesh: what they count and what they cut, as on a real one. */
import assert from 'node:assert/strict';
import type { AuthorizationPolicy } from '../../src/istio/objects.ts';
import { valueOf } from '../../src/sim/mesh/series.ts';
import { ARRIVED, call, policy, scene, START } from './scene.ts';

const DRAIN_MS = 45_000;

function shadow(dryRun = 'true', ports?: string[]): AuthorizationPolicy {
  const to = ports ? { to: [{ operation: { ports } }] } : {};
  return {
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: 'shadow', namespace: 'demo', annotations: { 'istio.io/dry-run': dryRun } },
    spec: {
      selector: { matchLabels: { app: 'server' } },
      action: 'DENY',
      rules: [{ from: [{ source: { notPrincipals: ['*'] } }], ...to }],
    },
  };
}

function counted(policies: AuthorizationPolicy) {
  const { clock, mesh } = scene();
  for (const from of ['legacy', 'client']) for (const port of [8080, 9090]) mesh.addCall(call(from, port));
  mesh.setAuthorization('demo', 'shadow', policies);
  const begun = START + ARRIVED;
  return {
    mesh,
    clock,
    /** Of the metric with this result, in the ten seconds since the policy arrived. */
    async after(seconds: number) {
      await clock.advance(ARRIVED + seconds * 1000);
      const found: Record<string, number> = {};
      for (const metric of ['envoy_http_rbac', 'envoy_tcp'])
        for (const series of mesh.series.of(metric)) {
          const key = `${metric} ${series.labels['authz_dry_run_result']}`;
          found[key] = (found[key] ?? 0) + Math.round(valueOf(series, clock.now()) - valueOf(series, begun));
        }
      return found;
    },
  };
}

describe('policies in dry run in the simulated mesh', () => {
  it('count requests to HTTP ports and connections to others, with and without identity', async () => {
    assert.deepEqual(await counted(shadow()).after(10), {
      'envoy_http_rbac denied': 10,
      'envoy_http_rbac allowed': 10,
      'envoy_tcp denied': 10,
      'envoy_tcp allowed': 10,
    });
  });

  it('count the plaintext of other ports as allowed where they name some', async () => {
    const found = await counted(shadow('true', ['9090'])).after(10);
    assert.deepEqual([found['envoy_http_rbac denied'], found['envoy_http_rbac allowed']], [undefined, 20]);
    assert.equal(found['envoy_tcp denied'], 10);
  });

  it('stand at zero where nobody calls, and only in pods that they select', async () => {
    const { clock, mesh } = scene();
    mesh.setAuthorization('demo', 'shadow', shadow());
    await clock.advance(ARRIVED);
    const pods = [...mesh.series.of('envoy_tcp')].map(series => [series.labels['pod'], valueOf(series, clock.now())]);
    assert.deepEqual(pods, [['server', 0]]);
  });

  it('are nothing without their annotation, and count nothing under STRICT of what is refused', async () => {
    assert.deepEqual(await counted(shadow('false')).after(10), {});
    const strict = counted(shadow());
    strict.mesh.setPolicy('demo', 'default', policy('default', 'STRICT'));
    const found = await strict.after(10);
    assert.equal(found['envoy_tcp denied'] ?? 0, 0);
    assert.equal(found['envoy_tcp allowed'], 10);
  });

  it('cut open connections after the drain, when they come and when they go', async () => {
    const { clock, mesh } = scene();
    mesh.addCall(call('client', 9090, { held: 5, perSecond: 0 }));
    const cut = (from: number) => mesh.reports(from, clock.now())[0]!.cut;
    await clock.advance(1_000);
    for (const object of [shadow(), undefined]) {
      const from = clock.now();
      mesh.setAuthorization('demo', 'shadow', object);
      await clock.advance(DRAIN_MS - 1_000);
      assert.equal(cut(from), 0);
      await clock.advance(2_000);
      assert.equal(cut(from), 5);
    }
  });
});
