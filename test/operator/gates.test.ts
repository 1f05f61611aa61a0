/** Gates of the author, with a whole operator: what opens them wakes the rollout, and nothing is STRICT before. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import { Bench } from './harness.ts';
import { checkHistory } from './oracles.ts';
import { namespace, pod, QUICK, ROLLOUT_API, ROOT, rollout, scene, SMALL_SHOP, START } from './scene.ts';

const HOUR = 3_600_000;
const APPROVE = 'mtlsrollout.io/approve';
const TARGET: SpecInput['target'] = { namespaces: { selector: { matchLabels: { tier: 'shop' } } } };
const GATED: SpecInput = {
  target: TARGET,
  strategy: {
    waves: [{ name: 'core', selector: { matchLabels: { tier: 'shop' } }, soak: '20s', approval: 'Required' }],
  },
  ...QUICK,
};

const shopNamespace = (name: string): object => ({
  ...namespace(name),
  metadata: { name, labels: { 'istio-injection': 'enabled', tier: 'shop' } },
});

function benchOf(...rollouts: object[]): Bench {
  return new Bench([...scene(SMALL_SHOP), ...SMALL_SHOP.map(shopNamespace), ...rollouts]);
}

const isStrict = (bench: Bench) => SMALL_SHOP.some(name => bench.sight.mode(name) === 'STRICT');
const reasonsTold = (bench: Bench, reason: string) =>
  bench.cluster
    .list('events.k8s.io/v1', 'Event', ROOT)
    .filter(event => event['reason'] === reason)
    .map(event => String(event['note']));

async function untilWaitsOn(bench: Bench, what: string, name = 'shop', where = ROOT): Promise<void> {
  await bench.clock.runUntil(() => bench.status(name, where).summary?.waitingOn === what, HOUR);
}

/** Somebody annotates the rollout, as kubectl would. */
function annotate(bench: Bench, value: string): void {
  const seen = bench.rollout()!;
  const { name, annotations, ...metadata } = seen.metadata;
  bench.cluster.put({ ...seen, metadata: { ...metadata, name, annotations: { ...annotations, [APPROVE]: value } } });
}

describe('an operator before closed gates', () => {
  it('begins when a window opens, without any event, also after a restart', async () => {
    const windows: NonNullable<SpecInput['schedule']>['windows'] = [
      { kind: 'Allow', days: ['Sun'], from: '15:30', to: '17:30' },
    ];
    const bench = benchOf(rollout({ target: TARGET, ...QUICK, schedule: { timeZone: 'Asia/Kolkata', windows } }));
    const first = await bench.start();
    await untilWaitsOn(bench, 'window 2026-11-22 15:30');
    first.kill();
    await bench.start('second');
    await bench.clock.runUntil(() => bench.status().phase === 'Soaking', 3 * HOUR);
    // 15:30 in India, and two rounds of evidence
    const late = bench.clock.now() - START - HOUR;
    assert.ok(late > 0 && late < 120_000, `${late} ms after the window opened`);
    bench.end();
    checkHistory(bench);
  });

  for (const [where, give] of [
    [
      'in Git',
      (bench: Bench, plan: string) =>
        void bench.cluster.put(rollout({ ...GATED, approvals: [{ wave: 'core', plan, by: 'alice' }] })),
    ],
    ['by the annotation', (bench: Bench, plan: string) => annotate(bench, `core=${plan} by alice`)],
  ] as const)
    it(`goes on when a wave is approved ${where}, and says who did`, async () => {
      const bench = benchOf(rollout(GATED));
      await bench.start();
      await untilWaitsOn(bench, 'approval of core');
      await bench.clock.advance(600_000);
      assert.ok(!isStrict(bench));
      const plan = bench.status().waves![0]!.plan;
      give(bench, plan);
      await bench.untilPhase('Completed');
      await bench.clock.advance(10_000);
      assert.deepEqual(reasonsTold(bench, 'WaveApproved'), [
        `wave core: plan ${plan} (4 scopes) was approved by alice`,
      ]);
      bench.end();
      checkHistory(bench);
    });

  it('holds what is not STRICT yet when a namespace joins an approved wave', async () => {
    const bench = benchOf(rollout(GATED));
    await bench.start();
    await untilWaitsOn(bench, 'approval of core');
    const old = bench.status().waves![0]!.plan;
    annotate(bench, `core=${old} by alice`);
    await bench.untilPhase('Soaking');
    bench.cluster.put(shopNamespace('later'));
    bench.cluster.put(pod('later', '10.0.2.1'));
    await untilWaitsOn(bench, 'approval of core');
    assert.match(bench.status().message!, new RegExp(`the approval of ${old} by alice no longer counts: later joined`));
    await bench.clock.advance(600_000);
    assert.equal(bench.status().strict?.done, 1);
    annotate(bench, `core=${bench.status().waves![0]!.plan} by bob`);
    await bench.untilPhase('Completed');
    assert.equal(bench.sight.mode('later'), 'STRICT');
    bench.end();
    checkHistory(bench);
  });

  it('takes a chain of rollouts one after the other, each woken by the one before', async () => {
    const of = (name: string, target: string, dependsOn: SpecInput['dependsOn']) =>
      rollout(
        {
          target: { namespaces: { names: [target] } },
          strategy: { waves: [{ name: 'all', names: [target], soak: '20s' }] },
          ...QUICK,
          dependsOn,
        },
        name,
      );
    const bench = benchOf(
      of('third', 'email', [{ name: 'second' }]),
      of('second', 'cart', [{ name: 'first' }]),
      of('first', 'ad', []),
    );
    await bench.start();
    await untilWaitsOn(bench, 'rollout istio-system/second', 'third');
    await bench.untilPhase('Completed', 'first');
    const done = bench.clock.now();
    assert.deepEqual(
      ['cart', 'email'].map(name => bench.sight.mode(name) === 'STRICT'),
      [false, false],
    );
    await bench.clock.runUntil(() => bench.status('second').phase !== 'Pending', HOUR);
    assert.ok(bench.clock.now() - done < 5_000, 'it is woken, and need not look by itself');
    await bench.untilPhase('Completed', 'second');
    assert.notEqual(bench.sight.mode('email'), 'STRICT');
    await bench.untilPhase('Completed', 'third');
    bench.end();
    checkHistory(bench);
  });

  it('waits for no rollout that was deleted, and says so', async () => {
    const bench = benchOf(
      rollout({ target: { namespaces: { names: ['cart'] } }, ...QUICK, dependsOn: [{ name: 'base' }] }),
      rollout({ target: { namespaces: { names: ['ad'] } }, ...QUICK, suspend: true }, 'base'),
    );
    await bench.start();
    await bench.clock.runUntil(() => bench.status().message?.includes('base is Suspended') === true, HOUR);
    bench.cluster.remove(ROLLOUT_API, 'MtlsRollout', ROOT, 'base');
    await bench.clock.runUntil(() => bench.status().message?.includes('base is not there') === true, 30_000);
    bench.end();
  });
});
