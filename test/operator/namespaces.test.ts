/** Namespaces that come and go while a rollout runs. */
import assert from 'node:assert/strict';
import { Bench } from './harness.ts';
import { checkHistory } from './oracles.ts';
import { namespace, pod, policy, QUICK, rollout, scene, SMALL_SHOP } from './scene.ts';

const SELECTED = {
  target: { namespaces: { selector: { matchLabels: { 'istio-injection': 'enabled', tier: 'shop' } } } },
  strategy: {
    waves: [{ name: 'all', selector: { matchLabels: { tier: 'shop' } }, maxConcurrent: 2, soak: '20s' }],
  },
  ...QUICK,
};

describe('a rollout whose namespaces come and go', () => {
  it('takes in a namespace that appears while it runs', async () => {
    const bench = await begin();
    await bench.untilPhase('Soaking');
    bench.cluster.put(shopNamespace('later'));
    bench.cluster.put(pod('later', '10.0.2.1'));
    await bench.clock.advance(1_000);
    assert.equal(bench.status().strict?.total, 5);
    await bench.untilPhase('Completed');
    assert.deepEqual(bench.status().strict, { done: 5, total: 5 });
    assert.equal(bench.sight.mode('later'), 'STRICT');
    bench.end();
    checkHistory(bench);
  });

  it('catches up, with the same gates, on a namespace that appears after the end', async () => {
    const bench = await begin();
    await bench.untilPhase('Completed');
    const before = bench.clock.now();
    bench.sight.plaintext = name => (name === 'later' ? 3 : 0);
    bench.cluster.put(shopNamespace('later'));
    bench.cluster.put(pod('later', '10.0.2.1'));
    await bench.clock.advance(60_000);
    const { phase, message, waves, conditions } = bench.status();
    assert.equal(phase, 'Observing');
    assert.match(message!, /later may switch; probe no-plaintext says Unhealthy/);
    assert.equal(waves?.[0]?.phase, 'Progressing');
    assert.equal(conditions?.find(({ type }) => type === 'Ready')?.status, 'False');
    assert.equal(bench.sight.mode('later'), 'PERMISSIVE');
    bench.sight.plaintext = () => 0;
    await bench.untilPhase('Completed');
    assert.ok(bench.clock.now() - before >= 90_000, 'evidence and soak were skipped');
    assert.equal(bench.sight.mode('later'), 'STRICT');
    bench.end();
    checkHistory(bench);
  });

  for (const stage of ['Preparing', 'Observing', 'Enforcing', 'Soaking'] as const)
    it(`goes on when a namespace of its step is deleted while ${stage}`, async () => {
      const bench = await begin(stage);
      await bench.untilPhase('Completed');
      assert.deepEqual(bench.status().strict, { done: 3, total: 3 });
      bench.end();
    });

  for (const stage of ['Preparing', 'Observing', 'Enforcing', 'Soaking'] as const)
    it(`takes a namespace that is made anew while ${stage} for a stranger`, async () => {
      const bench = await begin(stage);
      await bench.clock.runUntil(() => bench.cluster.get('v1', 'Namespace', '', 'cart') === undefined, 60_000);
      await bench.clock.advance(2_000);
      const made = bench.clock.now();
      bench.cluster.put(shopNamespace('cart'));
      bench.cluster.put(pod('cart', '10.0.3.1'));
      bench.cluster.put(policy('cart', 'fresh', { mtls: { mode: 'PERMISSIVE' } }));
      await bench.clock.runUntil(() => bench.sight.mode('cart') === 'STRICT', 600_000);
      // two rounds of evidence of its own, ten seconds apart
      assert.ok(bench.clock.now() - made >= 10_000, `STRICT ${bench.clock.now() - made} ms after it was made`);
      await bench.untilPhase('Completed');
      assert.deepEqual(bench.status().strict, { done: 4, total: 4 });
      bench.end();
    });
});

/** Namespace cart goes as soon as the first step, of ad and cart, says that it is at this stage. */
async function begin(stage?: string): Promise<Bench> {
  const bench = new Bench([...scene(SMALL_SHOP), ...SMALL_SHOP.map(shopNamespace), rollout(SELECTED)]);
  let isGone = false;
  bench.meddle = async (_, proceed) => {
    const answer = await proceed();
    if (stage !== undefined && !isGone && bench.status().step?.stage === stage) {
      isGone = true;
      vanish(bench, 'cart');
    }
    return answer;
  };
  await bench.start();
  return bench;
}

function vanish({ cluster }: Bench, name: string): void {
  for (const { apiVersion, kind, metadata } of [
    ...cluster.list('security.istio.io/v1beta1', 'PeerAuthentication', name),
    ...cluster.list('v1', 'Pod', name),
  ])
    cluster.remove(apiVersion, kind, name, metadata.name);
  cluster.remove('v1', 'Namespace', '', name);
}

function shopNamespace(name: string): object {
  return { ...namespace(name), metadata: { name, labels: { 'istio-injection': 'enabled', tier: 'shop' } } };
}
