/** Rollouts that end with one policy, seen from the API server. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import { Bench, connectionLost } from './harness.ts';
import { checkHistory, checkOneWriter, outcomeOf } from './oracles.ts';
import { deployment, namespace, pod, policy, POLICY_API, QUICK, rollout, ROOT } from './scene.ts';

const NAMES = ['ad', 'cart', 'email'];
/** Every namespace of the target: that of Kubernetes and that of the operator are there too. */
const ALL = [...NAMES, 'mtls-rollout-system', 'default'];
const WAVES = [{ name: 'all', names: NAMES, maxConcurrent: 3, soak: '20s' }];

function benchOf(spec: SpecInput, ...more: object[]): Bench {
  const pods = NAMES.map((name, index) => pod(name, `10.0.0.${index + 1}`));
  return new Bench([...[ROOT, ...NAMES, 'mtls-rollout-system'].map(namespace), ...pods, ...more, rollout(spec)]);
}

function policiesOf({ cluster }: Bench): string[] {
  return cluster.list(POLICY_API, 'PeerAuthentication').map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
}

function told({ cluster }: Bench, reason: string): string[] {
  return cluster
    .list('events.k8s.io/v1', 'Event')
    .filter(event => event['reason'] === reason)
    .map(event => String(event['note']));
}

describe('a rollout that consolidates', () => {
  const mesh: SpecInput = { target: { mesh: {} }, strategy: { consolidate: true, waves: WAVES }, ...QUICK };

  it('leaves one policy for the mesh, seen in force after each that went', async () => {
    const bench = benchOf(mesh);
    await bench.start();
    await bench.untilPhase('Completed');
    bench.end();
    assert.deepEqual(policiesOf(bench), [`${ROOT}/mtls-rollout`]);
    for (const name of NAMES) assert.equal(bench.sight.mode(name), 'STRICT');
    const notes = told(bench, 'PolicyConsolidated');
    assert.equal(notes.length, ALL.length);
    for (const note of notes) assert.match(note, /a wider one keeps it STRICT, seen in force/);
    checkHistory(bench);
  });

  it('leaves one policy for a namespace whose workloads moved one by one', async () => {
    const workloads = ['one', 'two'].flatMap((name, index) => {
      const made = pod('ad', `10.0.7.${index}`) as { metadata: object };
      const labels = { app: name, 'security.istio.io/tlsMode': 'istio' };
      const ownerReferences = [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${name}-5d`, uid: 'u', controller: true },
      ];
      const metadata = {
        name: `${name}-5d-x`,
        namespace: 'ad',
        labels: { ...labels, 'pod-template-hash': '5d' },
        ownerReferences,
      };
      return [deployment('ad', name), { ...made, metadata }];
    });
    const waves = [{ name: 'all', names: ['ad-5d9c7b6f48-x2x7k', 'one', 'two'], soak: '20s' }];
    const spec: SpecInput = {
      ...QUICK,
      target: { namespaces: { names: ['ad'] } },
      strategy: { unit: 'Workload', consolidate: true, waves },
      probes: [{ name: 'enforced', enforcement: {} }],
      preflight: { accept: ['NoEntryEvidence'] },
    };
    const bench = benchOf(spec, ...workloads);
    await bench.start();
    await bench.untilPhase('Consolidating');
    await bench.untilPhase('Completed');
    assert.deepEqual(policiesOf(bench), ['ad/mtls-rollout']);
    assert.equal(bench.status().strict?.done, 4);
    checkHistory(bench);
    bench.cluster.put(rollout({ ...spec, mode: 'Revert' }));
    await bench.untilPhase('Reverted');
    bench.end();
    assert.deepEqual(policiesOf(bench), []);
  });

  it('stops where a port is not seen STRICT any more, and goes on when it is asked to', async () => {
    const bench = benchOf({ ...mesh, analysis: { ...QUICK.analysis, progressDeadline: '10m' } });
    const { sight } = bench;
    const hello = sight.hello.bind(sight);
    await bench.start();
    await bench.untilPhase('Consolidating');
    sight.hello = () => Promise.resolve({ kind: 'Plaintext' });
    await bench.untilPhase('Paused');
    await bench.clock.advance(3_600_000);
    assert.equal(policiesOf(bench).length, ALL.length);
    sight.hello = hello;
    const { metadata, ...rest } = bench.rollout()!;
    bench.cluster.put({ ...rest, metadata: { ...metadata, annotations: { 'mtlsrollout.io/retry': '1' } } });
    await bench.untilPhase('Completed');
    bench.end();
    assert.deepEqual(policiesOf(bench), [`${ROOT}/mtls-rollout`]);
  });

  it('keeps the narrower policy of a user', async () => {
    const user = policy('cart', 'db', { selector: { matchLabels: { app: 'db' } }, mtls: { mode: 'STRICT' } });
    const bench = benchOf(mesh, user);
    await bench.start();
    await bench.untilPhase('Completed');
    bench.end();
    assert.deepEqual(policiesOf(bench).toSorted(), ['cart/db', `${ROOT}/mtls-rollout`]);
  });

  for (const fault of ['killed before', 'killed after', 'answer lost'] as const)
    it(`ends the same when the operator is ${fault} every write of it`, async () => {
      const undisturbed = await perform(fault, undefined);
      assert.ok(undisturbed.points.length > 10);
      for (const point of undisturbed.points) {
        const { outcome } = await perform(fault, point);
        assert.deepEqual(outcome, undisturbed.outcome, `${fault} write ${point}`);
      }
    }).timeout(60_000);
});

/** One whole rollout, with a fault at one of its writes or with none; the points are the writes from the first removal on. */
async function perform(fault: 'killed before' | 'killed after' | 'answer lost', point: number | undefined) {
  const slow = { interval: '60s', successes: 1 };
  const strategy = { consolidate: true, waves: WAVES };
  const bench = benchOf({ ...QUICK, target: { mesh: {} }, strategy, analysis: slow });
  const points: number[] = [];
  bench.meddle = async (call, proceed) => {
    if (call.write > 0 && (points.length > 0 || bench.status().phase === 'Consolidating')) points.push(call.write);
    if (call.write !== point) return await proceed();
    if (fault !== 'killed before') await proceed();
    if (fault !== 'answer lost') for (const running of bench.running) running.kill();
    throw connectionLost('socket hang up');
  };
  await bench.start('first');
  await bench.clock.runUntil(() => bench.running.size === 0 || bench.status().phase === 'Completed', 3_600_000);
  if (bench.running.size === 0) await bench.start('second');
  await bench.untilPhase('Completed');
  checkHistory(bench);
  checkOneWriter(bench);
  const outcome = outcomeOf(bench);
  bench.end();
  return { outcome, points };
}
