/** The mesh itself: how soon it is there, what its pods cost, and that a pod that goes is gone. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import type { Mesh } from './mesh.ts';
import type { MeshWorkload } from './pods.ts';
import { waitFor } from '../waiting.ts';
import { figure, meshFor } from './suite.ts';

const PODS = 25;

describe('a mesh of twenty-five pods', () => {
  let mesh: Mesh;

  before(async function () {
    const began = Date.now();
    mesh = await meshFor(this);
    figure('control plane, istiod and Prometheus ready in', `${((Date.now() - began) / 1000).toFixed(1)} s`);
  });
  after(() => mesh?.stop());

  it('is up in under a minute, and every pod reaches every other with mutual TLS', async function () {
    this.timeout(120_000);
    const began = Date.now();
    const ports = [{ name: 'http', port: 8080, serves: 'http' as const }];
    const workload = (_: unknown, i: number): MeshWorkload => ({ namespace: `ns-${i % 5}`, name: `app-${i}`, ports });
    const pods = await mesh.add(...Array.from({ length: PODS }, workload));
    const seconds = (Date.now() - began) / 1000;
    figure(`${PODS} pods with sidecar up in`, `${seconds.toFixed(1)} s`);
    assert.ok(seconds < 60, `${seconds} s`);
    for (const [i, pod] of pods.entries()) {
      const to = pods[(i + 1) % PODS]!;
      const address = await pod.addressOf(`${to.namespace}/${to.workload}`, 8080);
      const answer = await pod.request({ address, timeoutMs: 5000 });
      assert.equal(answer.failed, undefined, JSON.stringify(answer));
      assert.match(
        answer.clientCertificate ?? '',
        new RegExp(`URI=spiffe://.*/ns/${pod.namespace}/sa/${pod.workload}$`),
      );
    }
    const memory = pods.map(({ sidecar }) => sidecar!.memory());
    const mean = (of: 'agent' | 'envoy') => Math.round(memory.reduce((sum, each) => sum + each[of], 0) / PODS);
    figure('memory of a pod', `agent ${mean('agent')} MiB, Envoy ${mean('envoy')} MiB`);
  });

  it('loses a pod without a trace of it', async () => {
    const pod = mesh.pod('ns-0/app-0');
    const others = readdirSync('/run/netns').length - 1;
    await mesh.remove(pod);
    assert.equal(readdirSync('/run/netns').length, others);
    const [caller] = mesh.pods;
    const address = await caller!.addressOf('ns-0/app-0', 8080);
    // until istiod has told the caller's proxy, it goes on knocking at the pod that is gone
    const refused = async () => (await caller!.curl(`http://${address}/`)).status === '503' || undefined;
    await waitFor(refused, 'the answer that there is no pod left', 30_000);
  });
});
