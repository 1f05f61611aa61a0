/** Counting by policies in dry run against the simulated mesh, whose Prometheus holds what its sidecars count. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import { follow } from '../../src/sim/mesh/follow.ts';
import { SimulatedMesh } from '../../src/sim/mesh/mesh.ts';
import { SimulatedSight } from '../../src/sim/sight.ts';
import { Bench } from './harness.ts';
import { checkHistory } from './oracles.ts';
import { PORT, QUICK, ROOT, rollout, scene, service, SMALL_SHOP } from './scene.ts';

const QUIET = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const SPEC: SpecInput = {
  target: { namespaces: { names: ['cart'] } },
  strategy: { waves: [{ name: 'all', names: ['cart'], soak: '20s' }] },
  ...QUICK,
  probes: [
    { name: 'counted', plaintextTraffic: { source: 'Shadow', window: '2m', minRequests: 60 } },
    { name: 'enforced', enforcement: {} },
  ],
};
/** Without a sidecar. */
const STRANGER = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'report', namespace: 'legacy', labels: { app: 'report' } },
  spec: { containers: [{ name: 'app', image: 'app' }] },
  status: { phase: 'Running', podIP: '10.0.9.9', conditions: [{ type: 'Ready', status: 'True' }] },
};

describe('policies in dry run in a simulated mesh', () => {
  it('hold a step while plaintext comes, and let it go when it has stopped for a window', async () => {
    const bench = new Bench([...scene(SMALL_SHOP), STRANGER, service('cart'), rollout(SPEC)]);
    const { clock, cluster } = bench;
    const mesh = new SimulatedMesh(clock, { seed: 5, rootNamespace: ROOT });
    const stop = new AbortController();
    const following = follow(mesh, { transport: cluster.transport(), clock, log: QUIET, signal: stop.signal });
    await clock.advance(1_000);
    const { stopped } = await following;
    const since = clock.now();
    const to = { namespace: 'cart', service: 'cart', port: PORT };
    const member = { namespace: 'ad', workload: 'ad-5d9c7b6f48-x2x7k' };
    mesh.addCall({ name: 'member', from: member, to, kind: 'http', perSecond: 10, since });
    const legacy = { namespace: 'legacy', workload: 'report' };
    mesh.addCall({ name: 'stranger', from: legacy, to, kind: 'http', perSecond: 1, since });
    bench.otherSight = new SimulatedSight(mesh, clock);
    await bench.start();
    const counted = () => bench.status().probes?.find(({ name }) => name === 'counted');
    await clock.runUntil(() => counted()?.verdict === 'Unhealthy', 600_000);
    assert.match(counted()!.message, new RegExp(`^\\d+ requests to port ${PORT} of cart/cart without mutual TLS`));
    await clock.advance(300_000);
    assert.equal(bench.status().phase, 'Observing');
    assert.match(counted()!.value, /^1[12]\d plaintext of 13\d\d$/, 'one in eleven, over two minutes');
    mesh.removeCall('stranger');
    const quietAt = clock.now();
    await bench.untilPhase('Completed');
    assert.ok(clock.now() - quietAt >= 120_000, 'a whole window without');
    bench.end();
    checkHistory(bench);
    const [{ refused, failed, mutualTls }] = mesh.reports(since, clock.now()) as [ReturnType<typeof mesh.reports>[0]];
    assert.deepEqual([refused, failed], [0, 0]);
    assert.ok(mutualTls > 1_000);
    stop.abort();
    await clock.advance(1_000);
    await stopped;
  });
});
