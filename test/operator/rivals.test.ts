/** Several rollouts that want the same scope: the oldest has it, and the next one goes on as soon as it lets go. */
import assert from 'node:assert/strict';
import { Bench } from './harness.ts';
import { checkHistory } from './oracles.ts';
import { QUICK, ROLLOUT_API, ROOT, rollout, scene, SMALL_SHOP, waves } from './scene.ts';

const SMALL = { target: { namespaces: { names: ['cart', 'email'] } }, ...QUICK };

describe('two rollouts for one scope', () => {
  it('the older one governs it, whichever is met first', async () => {
    const bench = await rivals();
    await bench.untilPhase('Completed', 'shop');
    for (const name of ['also', 'cart']) {
      const { phase, message, conditions, summary } = bench.status(name, name === 'cart' ? 'cart' : ROOT);
      assert.equal(phase, 'Refused');
      assert.match(message!, /^MtlsRollout istio-system\/shop is older and governs namespace cart; delete it, or take/);
      assert.equal(summary?.waitingOn, 'Conflicted');
      const stalled = conditions?.find(({ type }) => type === 'Stalled');
      assert.deepEqual([stalled?.status, stalled?.reason], ['True', 'Conflicted']);
    }
    const said = bench.lines.filter(({ fields }) => fields['reason'] === 'Conflicted');
    assert.deepEqual(
      said.map(({ level, fields }) => `${level} ${String(fields['rollout'])}`).sort(),
      ['warn cart/cart', 'warn istio-system/also'],
      'each is said once',
    );
    bench.end();
    checkHistory(bench);
  });

  const letGo: Record<string, (bench: Bench) => void> = {
    deleted: ({ cluster }) => cluster.remove(ROLLOUT_API, 'MtlsRollout', ROOT, 'shop'),
    'set to Plan': ({ cluster }) => cluster.put(rollout({ ...waves(SMALL_SHOP), mode: 'Plan' })),
    'given another target': ({ cluster }) => cluster.put(rollout(waves(['ad', 'payment']))),
  };
  for (const [what, act] of Object.entries(letGo))
    it(`the next one goes on when the older one is ${what}`, async () => {
      const bench = await rivals();
      await bench.clock.advance(5_000);
      assert.equal(bench.status('also').phase, 'Refused');
      act(bench);
      await bench.untilPhase('Completed', 'also');
      assert.match(bench.status('cart', 'cart').message!, /istio-system\/also is older and governs namespace cart/);
      bench.end();
    });
});

/** One in the root namespace for the whole shop, one for part of it, and one of a team for its own namespace. */
async function rivals(): Promise<Bench> {
  const bench = new Bench([...scene(SMALL_SHOP), rollout(waves(SMALL_SHOP))]);
  await bench.clock.advance(1_000);
  bench.cluster.put(rollout(SMALL, 'also'));
  await bench.clock.advance(1_000);
  bench.cluster.put(rollout({ target: { namespace: {} }, ...QUICK }, 'cart', 'cart'));
  await bench.start();
  return bench;
}
