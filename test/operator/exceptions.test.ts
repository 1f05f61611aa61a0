/** Ports that answer strangers for good reason are no failure of a step. */
import assert from 'node:assert/strict';
import { Bench } from './harness.ts';
import { pod, policy, PORT, rollout, scene, SMALL_SHOP, waves } from './scene.ts';

const ADDRESS = '10.0.9.9';

/** A second pod in `cart`, whose application answers everybody on a port. */
function benchWith(port: number, annotations: Record<string, string>, ...more: object[]): Bench {
  const hook = pod('cart', ADDRESS) as { metadata: object; spec: { containers: object[] } };
  const labels = { app: 'hook', 'security.istio.io/tlsMode': 'istio' };
  hook.metadata = { name: 'hook-5d9c7b6f48-x2x7k', namespace: 'cart', labels, annotations };
  hook.spec.containers[0] = { name: 'app', image: 'hook', ports: [{ containerPort: PORT }, { containerPort: port }] };
  const spec = { ...waves(SMALL_SHOP), preflight: { accept: ['WeakerPolicy'] } };
  const bench = new Bench([...scene(SMALL_SHOP), hook, ...more, rollout(spec)]);
  const { sight } = bench;
  const hello = sight.hello.bind(sight);
  const open = (address: string, asked: number) =>
    address === ADDRESS && asked === port ? Promise.resolve({ kind: 'Plaintext' as const }) : hello(address, asked);
  sight.hello = open;
  return bench;
}

describe('a rollout completes around', () => {
  const selector = { matchLabels: { app: 'hook' } };
  const cases: [string, () => Bench][] = [
    [
      'a workload that the author accepted as an exception',
      () => benchWith(PORT, {}, policy('cart', 'hook', { selector, mtls: { mode: 'PERMISSIVE' } })),
    ],
    [
      'a port that the author accepted as an exception',
      () => benchWith(9443, {}, policy('cart', 'hook', { selector, portLevelMtls: { 9443: { mode: 'DISABLE' } } })),
    ],
    [
      'a port that goes past the sidecar',
      () => benchWith(9090, { 'traffic.sidecar.istio.io/excludeInboundPorts': '9090' }),
    ],
  ];
  for (const [what, begin] of cases)
    it(what, async () => {
      const bench = begin();
      await bench.start();
      await bench.untilPhase('Completed');
      bench.end();
      assert.equal(bench.sight.mode('cart'), 'STRICT');
    });

  it('nothing else: another port that answers strangers is not STRICT', async () => {
    const bench = benchWith(9090, {});
    await bench.start();
    await bench.untilPhase('RolledBack', 'shop', undefined, 7 * 3_600_000);
    bench.end();
    assert.match(bench.status().message ?? '', /port 9090 of cart\/hook-\S+ still answers strangers/);
  });
});
