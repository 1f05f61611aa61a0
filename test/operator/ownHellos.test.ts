/** A TCP service in a simulated mesh, with the default probes: the operator's own hellos are no plaintext client. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import type { Sight } from '../../src/probes/probe.ts';
import { follow } from '../../src/sim/mesh/follow.ts';
import { SimulatedMesh } from '../../src/sim/mesh/mesh.ts';
import { SimulatedSight } from '../../src/sim/sight.ts';
import { Bench } from './harness.ts';
import { namespace, pod, PORT, rollout, ROOT } from './scene.ts';

const QUIET = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const HOUR = 3_600_000;
const SPEC: SpecInput = {
  target: { namespaces: { names: ['cart'] } },
  strategy: { waves: [{ name: 'all', names: ['cart'], soak: '5m' }] },
};

/** A mesh client has called the TCP service for days; `sightOf`: how the operator looks at it. */
async function play(sightOf: (sight: Sight) => Sight): Promise<{ bench: Bench; opened: number }> {
  const service = { selector: { app: 'cart' }, ports: [{ name: 'tcp-redis', port: PORT, protocol: 'TCP' }] };
  const bench = new Bench([
    ...[ROOT, 'mtls-rollout-system', 'cart', 'checkout'].map(namespace),
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'cart', namespace: 'cart' }, spec: service },
    pod('cart', '10.0.0.1'),
    pod('checkout', '10.0.0.2'),
    rollout(SPEC),
  ]);
  const mesh = new SimulatedMesh(bench.clock, { rootNamespace: ROOT });
  const stop = new AbortController();
  const { clock } = bench;
  const following = follow(mesh, { transport: bench.cluster.transport(), clock, log: QUIET, signal: stop.signal });
  await clock.advance(1_000);
  const { stopped } = await following;
  mesh.addCall({
    name: 'checkout to cart',
    from: { namespace: 'checkout', workload: 'checkout-5d9c7b6f48-x2x7k' },
    to: { namespace: 'cart', service: 'cart', port: PORT },
    kind: 'tcp',
    perSecond: 2,
    since: clock.now() - 48 * HOUR,
  });
  const sight = new SimulatedSight(mesh, clock);
  bench.otherSight = sightOf(sight);
  await bench.start();
  const over = () => ['Completed', 'RolledBack'].includes(bench.status().phase ?? '');
  await clock.runUntil(over, 2 * HOUR);
  bench.end();
  const query = 'sum(istio_tcp_connections_opened_total{reporter="destination",connection_security_policy="none"})';
  const [unsecured] = await sight.query(query, clock.now(), stop.signal);
  stop.abort();
  await clock.advance(1_000);
  await stopped;
  return { bench, opened: unsecured?.value ?? 0 };
}

describe('the operator’s own hellos to a TCP service', () => {
  it('are counted by Istio as connections without mutual TLS, and yet the step completes', async () => {
    const { bench, opened } = await play(sight => sight);
    assert.ok(opened > 3, `${opened} connections without mutual TLS`);
    assert.equal(bench.status().phase, 'Completed', bench.status().message);
  });

  it('roll a step back where nobody counts bytes', async () => {
    const blind = (sight: Sight): Sight => ({
      query: (promql, ...rest) => sight.query(promql.replaceAll(/istio_tcp_\w+_bytes_total/g, 'not_there'), ...rest),
      hello: (...asked) => sight.hello(...asked),
      call: (...asked) => sight.call(...asked),
    });
    const { bench } = await play(blind);
    assert.equal(bench.status().phase, 'RolledBack');
    assert.match(bench.status().message ?? '', /without mutual TLS/);
  });
});
