/** A rollout that moves workloads one by one. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import { forbidden } from './forbidden.ts';
import { Bench, connectionLost } from './harness.ts';
import { deployment, namespace, pod, POLICY_API, QUICK, rollout, scene, SMALL_SHOP } from './scene.ts';

const NAMES = ['one', 'two', 'three'];
const SPEC: SpecInput = {
  target: { namespaces: { names: ['ad'] } },
  strategy: { unit: 'Workload', waves: [{ name: 'all', names: NAMES, soak: '20s' }] },
  ...QUICK,
  probes: [{ name: 'ready', workloadReadiness: {} }],
  preflight: { accept: ['NoEntryEvidence'] },
};

/** Refused: in the root namespace an exception has to name its own. */
const NOWHERE = { name: 'e', selector: { matchLabels: { app: 'x' } }, reason: 'none', until: '2027-03-31' };

function podOf(name: string, index: number): object {
  const made = pod('ad', `10.0.7.${index}`) as { metadata: object };
  const labels = { app: name, 'security.istio.io/tlsMode': 'istio' };
  return { ...made, metadata: { name: `${name}-5d9c7b6f48-x2x7k`, namespace: 'ad', labels } };
}

/** The pod of the last workload is no longer ready. */
function harm({ cluster, clock }: Bench): void {
  const { metadata, ...found } = cluster.get('v1', 'Pod', 'ad', 'three-5d9c7b6f48-x2x7k')!;
  const conditions = [{ type: 'Ready', status: 'False', lastTransitionTime: new Date(clock.now()).toISOString() }];
  cluster.put({ ...found, metadata, status: { ...(found['status'] as object), conditions } });
}

describe('a rollout of workloads', () => {
  it('is rolled back as a whole wave also when an obstacle comes up on the way', async () => {
    const objects = NAMES.flatMap((name, index) => [deployment('ad', name), podOf(name, index)]);
    const bench = new Bench([...scene(SMALL_SHOP), ...objects, rollout(SPEC)]);
    await bench.start();
    await bench.clock.runUntil(() => bench.status().step?.index === 3 && bench.status().phase === 'Soaking', 600_000);
    harm(bench);
    bench.meddle = async (call, proceed) => {
      if (bench.status().phase === 'RollingBack' && call.kind === 'peerauthentications' && call.write > 0) {
        bench.meddle = undefined;
        bench.cluster.put(rollout({ ...SPEC, exceptions: [NOWHERE] }));
        throw connectionLost('cut');
      }
      return await proceed();
    };
    await bench.clock.advance(600_000);
    bench.end();
    assert.equal(bench.meddle, undefined);
    assert.equal(bench.status().summary?.waitingOn, 'InRootNamespace');
    assert.ok(bench.status().history?.some(({ reason }) => reason === 'RolledBack'));
    const left = bench.cluster
      .list(POLICY_API, 'PeerAuthentication')
      .filter(({ metadata }) => metadata.namespace === 'ad');
    assert.deepEqual(left, []);
  });

  it('goes back in mode Revert also where they can no longer be listed', async () => {
    const objects = NAMES.flatMap((name, index) => [deployment('ad', name), podOf(name, index)]);
    const bench = new Bench([...scene(SMALL_SHOP), ...objects, rollout(SPEC)]);
    await bench.start();
    await bench.clock.runUntil(() => bench.status().step?.index === 3 && bench.status().phase === 'Soaking', 600_000);
    bench.meddle = async ({ kind, path }, proceed) =>
      kind === 'deployments' ? forbidden('list', 'deployments', path) : await proceed();
    bench.cluster.put(rollout({ ...SPEC, mode: 'Revert' }));
    await bench.untilPhase('Reverted');
    bench.end();
    const left = bench.cluster
      .list(POLICY_API, 'PeerAuthentication')
      .filter(({ metadata }) => metadata.namespace === 'ad');
    assert.deepEqual(left, []);
  });

  it('finds them by their controllers, where the kind is served, and among the pods that none of them runs', async () => {
    const { template } = (deployment('ad', 'canary') as { spec: { template: object } }).spec;
    const bare = podOf('bare', 1);
    const held = podOf('held', 2) as { metadata: object };
    const ownerReferences = [
      { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', name: 'canary', uid: 'u', controller: true },
    ];
    const bench = new Bench([
      ...scene(SMALL_SHOP),
      definition('argoproj.io', 'Rollout', 'rollouts'),
      {
        apiVersion: 'argoproj.io/v1alpha1',
        kind: 'Rollout',
        metadata: { name: 'canary', namespace: 'ad' },
        spec: { template },
      },
      bare,
      { ...held, metadata: { ...held.metadata, ownerReferences } },
      rollout({ ...SPEC, mode: 'Plan', strategy: { unit: 'Workload' } }),
    ]);
    await bench.start();
    await bench.untilPhase('Planned');
    bench.end();
    const keys = [...new Set(bench.status().waves?.map(({ total }) => total))];
    assert.deepEqual(keys, [3], 'the Rollout, the bare pod, and the pod of the scene');
  });
});

describe('the workloads of many namespaces', () => {
  it('are read with one list of each kind, and those of other namespaces left aside', async () => {
    const names = Array.from({ length: 20 }, (_, n) => `team-${n}`);
    const bench = new Bench([
      ...scene(SMALL_SHOP),
      ...names.flatMap(name => [namespace(name), deployment(name)]),
      deployment('cart'),
      rollout({ ...SPEC, mode: 'Plan', target: { namespaces: { names } }, strategy: { unit: 'Workload' } }),
    ]);
    await bench.start();
    await bench.untilPhase('Planned');
    bench.end();
    assert.deepEqual(bench.status().strict, { done: 0, total: 20 });
    const lists = bench.calls.filter(({ path }) => path.endsWith('/deployments'));
    assert.ok(lists.every(({ path }) => path === '/apis/apps/v1/deployments'));
  });
});

/** A kind that somebody else defines, of which nothing is checked. */
function definition(group: string, kind: string, plural: string): object {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      versions: [{ name: 'v1alpha1', served: true, storage: true, schema }],
    },
  };
}
