/** Counting by policies in dry run in a cluster: never one that refuses, none left behind, and a clear word where it may not. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import type { KubeObject } from '../../src/sim/server/value.ts';
import { Bench, type Call } from './harness.ts';
import { checkHistory } from './oracles.ts';
import { POLICY_API, QUICK, ROOT, ROLLOUT_API, rollout, scene, SMALL_SHOP } from './scene.ts';

const NAMESPACES = ['ad', 'cart'];
const TABLE = 'authorizationpolicies.security.istio.io';
const NAME = 'mtls-rollout-shadow';
const SPEC: SpecInput = {
  target: { namespaces: { names: NAMESPACES } },
  strategy: { waves: [{ name: 'all', names: NAMESPACES, maxConcurrent: 2, soak: '20s' }] },
  ...QUICK,
  probes: [
    { name: 'counted', plaintextTraffic: { source: 'Shadow', window: '20s', minRequests: 1 } },
    { name: 'enforced', enforcement: {} },
  ],
};

const benchOf = () => new Bench([...scene(SMALL_SHOP), rollout(SPEC)]);
const counting = (bench: Bench): KubeObject[] => bench.cluster.list(POLICY_API, 'AuthorizationPolicy');
const refused = {
  status: 403,
  headers: {},
  body: { kind: 'Status', status: 'Failure', reason: 'Forbidden', message: 'forbidden', code: 403 },
};

/** Without its role an operator lists policies, as for hazards, and makes none. */
function withoutRole(bench: Bench): void {
  const concerns = ({ kind, write }: Call) => kind === 'authorizationpolicies' && write > 0;
  bench.meddle = async (call, proceed) => (concerns(call) ? refused : await proceed());
}

describe('policies in dry run in a cluster', () => {
  it('are in dry run in each version there ever was, and gone in the end', async () => {
    const bench = benchOf();
    await bench.start();
    await bench.untilPhase('Completed');
    checkHistory(bench);
    bench.end();
    const versions = bench.history.filter(({ table }) => table === TABLE);
    assert.equal(versions.filter(({ verb }) => verb === 'create').length, 2);
    for (const { object } of versions) assert.equal(object.metadata.annotations?.['istio.io/dry-run'], 'true');
    assert.deepEqual(counting(bench), []);
    assert.equal(bench.status().shadows, undefined);
  });

  it('go while the policy goes STRICT, not before', async () => {
    const bench = benchOf();
    await bench.start();
    await bench.untilPhase('Completed');
    bench.end();
    const at = (test: (revision: (typeof bench.history)[number]) => boolean) => bench.history.find(test)!.revision;
    const removed = at(({ table, verb }) => table === TABLE && verb === 'delete');
    const announced = at(({ object }) => JSON.stringify(object['status'] ?? {}).includes('"changedAt"'));
    assert.ok(announced < removed);
  });

  it('are not made without the role, which the message names, and are once it is there', async () => {
    const bench = benchOf();
    withoutRole(bench);
    await bench.start();
    await bench.clock.runUntil(() => bench.status().summary?.waitingOn === 'WriteForbidden', 600_000);
    assert.match(bench.status().message ?? '', /ClusterRole mtls-rollout-shadow \(kubectl apply -f config\/rbac/);
    bench.meddle = undefined;
    await bench.untilPhase('Completed');
    bench.end();
  });

  it('do not keep a rollback from its policies when the role is taken away', async () => {
    const bench = benchOf();
    await bench.start();
    await bench.clock.runUntil(() => bench.status().step?.stage === 'Observing', 600_000);
    withoutRole(bench);
    bench.cluster.put({ ...rollout({ ...SPEC, mode: 'Revert' }) });
    const restored = () => bench.policy('ad', 'mtls-rollout') === undefined;
    await bench.clock.runUntil(restored, 60_000);
    await bench.clock.runUntil(() => bench.status().summary?.waitingOn === 'WriteForbidden', 60_000);
    bench.meddle = undefined;
    await bench.untilPhase('Reverted');
    bench.end();
    assert.deepEqual(counting(bench), []);
  });

  it('of a rollout that is deleted are removed when it is gone', async () => {
    const bench = benchOf();
    await bench.start();
    await bench.clock.runUntil(() => bench.status().step?.stage === 'Observing', 600_000);
    bench.cluster.remove(ROLLOUT_API, 'MtlsRollout', ROOT, 'shop');
    await bench.clock.runUntil(() => counting(bench).length === 0, 60_000);
    bench.end();
  });

  it('of a rollout that was deleted while nobody looked are removed by the next operator, and no other', async () => {
    const bench = benchOf();
    const first = await bench.start();
    await bench.clock.runUntil(() => bench.status().step?.stage === 'Observing', 600_000);
    first.kill();
    const labels = { 'app.kubernetes.io/managed-by': 'mtls-rollout' };
    const theirs = {
      apiVersion: POLICY_API,
      kind: 'AuthorizationPolicy',
      metadata: { name: 'theirs', namespace: 'ad', labels },
    };
    bench.cluster.put({ ...theirs, spec: { action: 'DENY' } });
    const [kept] = counting(bench).filter(({ metadata }) => metadata.namespace === 'cart');
    bench.cluster.put({
      ...kept!,
      metadata: { ...kept!.metadata, annotations: { ...kept!.metadata.annotations, 'istio.io/dry-run': 'false' } },
    });
    bench.cluster.remove(ROLLOUT_API, 'MtlsRollout', ROOT, 'shop');
    await bench.start('second');
    await bench.clock.advance(120_000);
    bench.end();
    const left = counting(bench).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    assert.deepEqual(left.toSorted(), ['ad/theirs', `cart/${NAME}`], 'what somebody changed is theirs');
  });
});
