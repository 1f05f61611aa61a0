/** DestinationRules for clients in a cluster: what the clients of a simulated mesh lose without them, and with them. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import { loadSettings, type Settings } from '../../src/operator/settings.ts';
import { follow } from '../../src/sim/mesh/follow.ts';
import { SimulatedMesh } from '../../src/sim/mesh/mesh.ts';
import { Bench } from './harness.ts';
import { checkHistory } from './oracles.ts';
import { deployment, PORT, QUICK, ROOT, rollout, rule, RULE_API, scene, service } from './scene.ts';

const SERVERS = ['ad', 'checkout'];
const CLIENTS = ['cart', 'email', 'frontend', 'payment'];
const QUIET = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const PLAINTEXT = rule(ROOT, '*.local', { tls: { mode: 'DISABLE' } });

function benchOf(spec: Partial<SpecInput>, more: object[] = [PLAINTEXT]): Bench {
  const waves = [{ name: 'all', names: SERVERS, maxConcurrent: 2, soak: '20s' }];
  const whole: SpecInput = { target: { namespaces: { names: SERVERS } }, strategy: { waves }, ...QUICK, ...spec };
  return new Bench([...scene([...SERVERS, ...CLIENTS]), ...SERVERS.map(service), ...more, rollout(whole)]);
}

function rules(bench: Bench): Record<string, unknown> {
  const found = bench.cluster.list(RULE_API, 'DestinationRule');
  return Object.fromEntries(found.map(({ metadata, spec }) => [`${metadata.namespace}/${metadata.name}`, spec]));
}

async function revert(bench: Bench): Promise<void> {
  const shop = bench.rollout()!;
  bench.cluster.put({ ...shop, spec: { ...(shop['spec'] as object), mode: 'Revert' } }, 'somebody');
  await bench.untilPhase('Reverted');
}

function written(bench: Bench): { what: string; at: number }[] {
  const ours = bench.writes().filter(({ kind }) => kind === 'destinationrules' || kind === 'peerauthentications');
  return ours.map(({ method, kind, at }) => ({ what: `${method} ${kind}`, at }));
}

/** Every client calls every server over a whole rollout and back. */
async function lossOf(spec: Partial<SpecInput>): Promise<{ mutualTls: number; lost: number }> {
  const bench = benchOf(spec);
  const mesh = new SimulatedMesh(bench.clock, { seed: 3, rootNamespace: ROOT });
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
  await bench.clock.advance(5_000);
  await revert(bench);
  await bench.clock.advance(10_000);
  bench.end();
  stop.abort();
  await bench.clock.advance(1_000);
  await stopped;
  const sum = { mutualTls: 0, lost: 0 };
  for (const { mutualTls, refused, failed } of mesh.reports(since, bench.clock.now())) {
    sum.mutualTls += mutualTls;
    sum.lost += refused + failed;
  }
  return sum;
}

describe('a mesh whose clients are told to send plaintext', function () {
  this.timeout(60_000);

  it('loses requests without rules for clients, and none with them, forward and back', async () => {
    const without = await lossOf({ destinationRules: 'Never', preflight: { accept: ['PlaintextRule'] } });
    const [auto, always] = [await lossOf({}), await lossOf({ destinationRules: 'Always' })];
    console.log(`    lost: ${Math.round(without.lost)} without rules, ${auto.lost} and ${always.lost} with them`);
    assert.ok(without.lost > 0, 'the mesh shows the loss');
    assert.ok(auto.mutualTls > 1_000);
    assert.deepEqual([auto.lost, always.lost], [0, 0]);
  });

  it('gets its rules before STRICT and loses them after it, each with its time to arrive', async () => {
    const bench = benchOf({});
    const before = rules(bench);
    await bench.start();
    await bench.untilPhase('Completed');
    const spec = { host: 'ad.ad.svc.cluster.local', trafficPolicy: { tls: { mode: 'ISTIO_MUTUAL' } } };
    assert.deepEqual(rules(bench)['ad/mtls-rollout-client-ad'], spec);
    await revert(bench);
    bench.end();
    checkHistory(bench);
    assert.deepEqual(rules(bench), before);
    const story = written(bench);
    const at = (what: string) => story.flatMap(each => (each.what === what ? each.at : []));
    const [told, strict] = [at('POST destinationrules').at(-1)!, at('PATCH peerauthentications')[0]!];
    const [restored, gone] = [at('DELETE peerauthentications').at(-1)!, at('DELETE destinationrules')[0]!];
    assert.equal(at('POST destinationrules').length, 2);
    assert.ok(strict - told >= 5_000, `${strict - told} ms`);
    assert.ok(gone - restored >= 5_000, `${gone - restored} ms`);
    assert.ok(gone - restored < 10_000, `${gone - restored} ms`);
  });
});

describe('rules for clients', () => {
  it('set one field of a rule that is there, keep the rest, and give it back, byte for byte', async () => {
    const theirs = rule('ad', 'ad.ad.svc.cluster.local', {
      tls: { mode: 'SIMPLE', caCertificates: '/etc/ca.pem', sni: 'ad' },
      loadBalancer: { simple: 'RANDOM' },
    } as Parameters<typeof rule>[2]);
    const bench = benchOf({ destinationRules: 'Always' }, [theirs]);
    const before = bench.cluster.get(RULE_API, 'DestinationRule', 'ad', 'theirs')!;
    await bench.start();
    await bench.untilPhase('Completed');
    assert.deepEqual((rules(bench)['ad/theirs'] as { trafficPolicy: unknown }).trafficPolicy, {
      tls: { mode: 'ISTIO_MUTUAL' },
      loadBalancer: { simple: 'RANDOM' },
    });
    await revert(bench);
    bench.end();
    checkHistory(bench);
    const after = bench.cluster.get(RULE_API, 'DestinationRule', 'ad', 'theirs')!;
    assert.deepEqual([after['spec'], after.metadata.uid], [before['spec'], before.metadata.uid]);
    assert.deepEqual(after.metadata.annotations ?? {}, {});
    assert.deepEqual(Object.keys(rules(bench)), ['ad/theirs']);
  });

  it('leave a rule that Helm manages alone, and say so', async () => {
    const theirs = rule('ad', 'ad', { tls: { mode: 'DISABLE' } }) as { metadata: object };
    const labels = { 'app.kubernetes.io/managed-by': 'Helm' };
    const bench = benchOf({ destinationRules: 'Always' }, [{ ...theirs, metadata: { ...theirs.metadata, labels } }]);
    await bench.start();
    await bench.clock.runUntil(() => bench.status().summary?.waitingOn === 'Conflict', 60_000);
    assert.match(bench.status().message ?? '', /DestinationRule ad\/theirs is managed by Helm/);
    await bench.clock.advance(120_000);
    bench.end();
    assert.deepEqual(written(bench), []);
  });

  it('are written for single workloads where the control plane is managed, and nowhere else', async () => {
    for (const [platform, most] of [
      ['managed-csm', 2],
      ['istio', 0],
    ] as const) {
      const strategy = { unit: 'Workload' as const, waves: [] };
      const bench = benchOf(
        { strategy },
        SERVERS.map(name => deployment(name)),
      );
      await bench.start('first', onPlatform(platform));
      await bench.untilPhase('Completed');
      bench.end();
      assert.equal(Object.keys(rules(bench)).length, most, platform);
    }
  });
});

function onPlatform(platform: string): Settings {
  const text = `platform: ${platform}\nprometheus: {url: "http://prometheus.invalid:9090"}`;
  const loaded = loadSettings(text, []);
  assert.ok('settings' in loaded);
  return loaded.settings;
}
