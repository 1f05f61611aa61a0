/** Leaving DISABLE in a cluster: what the clients of a simulated mesh lose on the direct way and on the pinned one. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import type { DestinationRule } from '../../src/istio/objects.ts';
import { follow } from '../../src/sim/mesh/follow.ts';
import { SimulatedMesh } from '../../src/sim/mesh/mesh.ts';
import { Bench, connectionLost } from './harness.ts';
import { checkHistory, rulesLeft } from './oracles.ts';
import { disabled, policy, PORT, QUICK, rollout, ROOT, scene, START } from './scene.ts';

const RULE_API = 'networking.istio.io/v1beta1';
const SERVERS = ['ad', 'checkout', 'currency', 'shipping'];
const CLIENTS = ['cart', 'email', 'frontend', 'payment', 'recommendation'];
const PIN = 'mtls-rollout-pin-ad';
const QUIET = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

function benchOf(spec: Partial<SpecInput> = {}, names: readonly string[] = ['ad']): Bench {
  const waves = [{ name: 'all', names: [...names], soak: '20s' }];
  const whole: SpecInput = { target: { namespaces: { names: [...names] } }, strategy: { waves }, ...QUICK, ...spec };
  return new Bench([...scene([...new Set([...names, ...CLIENTS])]), ...names.flatMap(disabled), rollout(whole)]);
}

/** Every client calls every server until the rollout is done; how many requests were made, and lost. */
async function lossOf(spec: Partial<SpecInput>, seed: number): Promise<{ made: number; lost: number }> {
  const bench = benchOf(spec, SERVERS);
  const mesh = new SimulatedMesh(bench.clock, { seed, rootNamespace: ROOT });
  const stop = new AbortController();
  const options = { transport: bench.cluster.transport(), clock: bench.clock, log: QUIET, signal: stop.signal };
  const following = follow(mesh, options);
  await bench.clock.advance(1_000);
  const { stopped } = await following;
  const since = bench.clock.now();
  for (const client of CLIENTS)
    for (const server of SERVERS)
      mesh.addCall({
        name: `${client} to ${server}`,
        from: { namespace: client, workload: `${client}-5d9c7b6f48-x2x7k` },
        to: { namespace: server, service: server, port: PORT },
        kind: 'tcp',
        perSecond: 100,
        since,
      });
  await bench.start();
  await bench.untilPhase('Completed');
  await bench.clock.advance(10_000);
  bench.end();
  stop.abort();
  await bench.clock.advance(1_000);
  await stopped;
  const sum = { made: 0, lost: 0 };
  for (const { mutualTls, plaintext, refused, failed } of mesh.reports(since, bench.clock.now())) {
    sum.made += mutualTls + plaintext + refused + failed;
    sum.lost += refused + failed;
  }
  assert.deepEqual(rulesLeft(bench), []);
  return { made: Math.round(sum.made), lost: Math.round(sum.lost * 10) / 10 };
}

function ruleOf(bench: Bench): DestinationRule | undefined {
  return bench.cluster.get(RULE_API, 'DestinationRule', 'ad', PIN) as DestinationRule | undefined;
}

function userRule(where: string): object {
  const spec = { host: 'ad.ad.svc.cluster.local', trafficPolicy: { tls: { mode: 'ISTIO_MUTUAL' } } };
  return { apiVersion: RULE_API, kind: 'DestinationRule', metadata: { name: 'theirs', namespace: where }, spec };
}

describe('a mesh that leaves DISABLE', function () {
  this.timeout(60_000);

  it('loses requests on the direct way, and none with its clients pinned', async () => {
    for (const seed of [1, 2, 3]) {
      const direct = await lossOf({ destinationRules: 'Never', preflight: { accept: ['LeavesDisable'] } }, seed);
      const pinned = await lossOf({}, seed);
      console.log(`    lost: ${direct.lost} of ${direct.made} directly, ${pinned.lost} of ${pinned.made} pinned`);
      assert.ok(direct.lost > 0, 'the mesh shows the loss');
      assert.ok(pinned.made > 100_000);
      assert.equal(pinned.lost, 0);
    }
  });

  it('pins, waits, sets PERMISSIVE, waits, and takes the pins away', async () => {
    const bench = benchOf();
    await bench.start();
    await bench.untilPhase('Completed');
    bench.end();
    checkHistory(bench);
    const written = bench.writes().filter(({ kind }) => kind === 'destinationrules' || kind === 'peerauthentications');
    assert.deepEqual(
      written.map(({ method, kind }) => `${method} ${kind}`),
      ['POST destinationrules', 'PATCH peerauthentications', 'DELETE destinationrules', 'PATCH peerauthentications'],
    );
    const [pinned = 0, permissive = 0, free = 0] = written.map(({ at }) => at);
    assert.ok(permissive - pinned >= 5_000, `${permissive - pinned} ms`);
    assert.ok(free - permissive >= 5_000, `${free - permissive} ms`);
    assert.ok(free - pinned < 15_000, `${free - pinned} ms`);
    assert.deepEqual(rulesLeft(bench), []);
    const reads = bench.calls.filter(({ kind }) => kind === 'services');
    assert.ok(reads.length > 0 && reads.every(({ path }) => path.includes('/namespaces/ad/')), 'no more than needed');
  });

  it('is held by a rule of a user for as long as it is there, before it begins and while it is under way', async () => {
    const bench = benchOf();
    bench.cluster.put(userRule('frontend'), 'somebody');
    await bench.start();
    await bench.clock.advance(60_000);
    assert.match(
      bench.status().message ?? '',
      /PinVoid: .*DestinationRule frontend\/theirs decides for clients in front/,
    );
    assert.equal(bench.writes().filter(({ kind }) => kind === 'destinationrules').length, 0);
    bench.cluster.remove(RULE_API, 'DestinationRule', 'frontend', 'theirs');
    await bench.clock.runUntil(() => ruleOf(bench) !== undefined, 20_000);
    bench.cluster.put(userRule('frontend'), 'somebody');
    await bench.clock.advance(30_000);
    assert.equal(bench.sight.mode('ad'), 'DISABLE');
    bench.cluster.remove(RULE_API, 'DestinationRule', 'frontend', 'theirs');
    await bench.untilPhase('Completed');
    bench.end();
    checkHistory(bench);
    assert.deepEqual(rulesLeft(bench), []);
  });

  it('goes on by itself when the Service that held it has been split, though Services are not watched', async () => {
    const bench = benchOf();
    const labels = { app: 'ad', version: 'v2' };
    bench.cluster.put(policy('ad', 'v2', { selector: { matchLabels: labels }, mtls: { mode: 'STRICT' } }), 'somebody');
    await bench.start();
    await bench.clock.advance(60_000);
    assert.match(bench.status().message ?? '', /LeavesDisable: .*Service ad\/ad may lead to pods that are STRICT too/);
    const service = bench.cluster.get('v1', 'Service', 'ad', 'ad')!;
    const spec = { ...(service['spec'] as object), selector: { app: 'ad', version: 'v1' } };
    bench.cluster.put({ ...service, spec }, 'somebody');
    await bench.clock.runUntil(() => ruleOf(bench) !== undefined, 60_000);
    await bench.untilPhase('Completed');
    bench.end();
    assert.deepEqual(rulesLeft(bench), []);
  });

  it('looks again when somebody edits the pin just before it is removed', async () => {
    const bench = benchOf();
    const answers: number[] = [];
    bench.meddle = async (call, proceed) => {
      const removes = call.method === 'DELETE' && call.kind === 'destinationrules';
      if (removes && answers.length === 0) {
        const pin = bench.cluster.get(RULE_API, 'DestinationRule', 'ad', PIN)!;
        const labels = { ...pin.metadata.labels, team: 'edge' };
        bench.cluster.put({ ...pin, metadata: { ...pin.metadata, labels } }, 'somebody');
      }
      const answer = await proceed();
      if (removes) answers.push(answer.status);
      return answer;
    };
    await bench.start();
    await bench.untilPhase('Completed');
    bench.end();
    checkHistory(bench);
    assert.deepEqual(answers, [409, 200]);
    assert.deepEqual(rulesLeft(bench), []);
  });

  it('disturbs nobody who needs no pin while DestinationRules cannot be listed', async () => {
    for (const off of [false, true]) {
      const bench = benchOf();
      if (!off)
        bench.cluster.put({ ...bench.policy('ad', 'off')!, spec: { mtls: { mode: 'PERMISSIVE' } } }, 'somebody');
      bench.meddle = (call, proceed) => {
        if (call.kind === 'destinationrules' && call.method === 'GET') throw connectionLost('refused');
        return proceed();
      };
      await bench.start();
      if (!off) await bench.untilPhase('Completed');
      else {
        await bench.clock.advance(60_000);
        assert.equal(bench.status().summary?.waitingOn, 'RulesNotSeen');
        bench.meddle = undefined;
        await bench.untilPhase('Completed');
        assert.ok(bench.clock.now() - START < 600_000);
      }
      bench.end();
      assert.deepEqual(rulesLeft(bench), []);
    }
  });

  it('is hardly held up by an API server that forbids everything in the moment after its start', async () => {
    const bench = benchOf();
    let refusals = 0;
    bench.meddle = async (call, proceed) => {
      if (call.kind !== 'services' || refusals++ > 0) return await proceed();
      const body = {
        kind: 'Status',
        status: 'Failure',
        reason: 'Forbidden',
        message: 'services is forbidden',
        code: 403,
      };
      return { status: 403, headers: {}, body };
    };
    await bench.start();
    await bench.clock.runUntil(() => bench.status().summary?.waitingOn === 'ServicesNotSeen', 10_000);
    await bench.clock.runUntil(() => ruleOf(bench) !== undefined, 5_000);
    await bench.untilPhase('Completed');
    bench.end();
    assert.deepEqual(rulesLeft(bench), []);
  });

  it('goes back to DISABLE in mode Revert from every second of the way, and leaves no pin', async () => {
    for (let second = 0; second <= 20; second += 2) {
      const bench = benchOf();
      await bench.start();
      await bench.clock.advance(second * 1000);
      const shop = bench.rollout()!;
      bench.cluster.put({ ...shop, spec: { ...(shop['spec'] as object), mode: 'Revert' } }, 'somebody');
      await bench.untilPhase('Reverted');
      bench.end();
      assert.equal(bench.sight.mode('ad'), 'DISABLE', `after ${second} s`);
      assert.deepEqual(rulesLeft(bench), [], `after ${second} s`);
    }
  });
});
