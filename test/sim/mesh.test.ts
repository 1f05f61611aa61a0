import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { PeerAuthentication } from '../../src/istio/objects.ts';
import { meshPod } from '../../src/sim/mesh/pod.ts';
import { SimulatedPrometheus } from '../../src/sim/prometheus.ts';
import { ARRIVED, call, pod, policy, POD_IPS, PORTS, rule, scene, START } from './scene.ts';

type Met = 'mutualTls' | 'plaintext' | 'refused' | 'failed';

/** What a call met in the last second. */
function met(mesh: ReturnType<typeof scene>['mesh'], name: string, now: number): Met {
  const report = mesh.reports(now - 1000, now).find(entry => entry.call.name === name)!;
  const [kind, ...others] = (['mutualTls', 'plaintext', 'refused', 'failed'] as const).filter(key => report[key] > 0);
  assert.deepEqual(others, [], `${name} met more than one thing: ${JSON.stringify(report)}`);
  assert.ok(Math.abs(report[kind!] - 1) < 1e-6);
  return kind!;
}

/** Measured with curl and a TCP echo on istiod 1.31 and Envoy 1.39: answers on 8080, 9090, 7070. */
const MODES: { title: string; policy: PeerAuthentication | undefined; legacy: Met[]; client: Met[] }[] = [
  {
    title: 'none',
    policy: undefined,
    legacy: ['plaintext', 'plaintext', 'plaintext'],
    client: ['mutualTls', 'mutualTls', 'mutualTls'],
  },
  {
    title: 'PERMISSIVE',
    policy: policy('p', 'PERMISSIVE'),
    legacy: ['plaintext', 'plaintext', 'plaintext'],
    client: ['mutualTls', 'mutualTls', 'mutualTls'],
  },
  {
    title: 'STRICT',
    policy: policy('p', 'STRICT'),
    legacy: ['refused', 'refused', 'refused'],
    client: ['mutualTls', 'mutualTls', 'mutualTls'],
  },
  {
    title: 'DISABLE',
    policy: policy('p', 'DISABLE'),
    legacy: ['plaintext', 'plaintext', 'plaintext'],
    client: ['plaintext', 'plaintext', 'plaintext'],
  },
  {
    title: 'STRICT, 8080 PERMISSIVE',
    policy: policy('p', 'STRICT', { app: 'server', ports: { 8080: 'PERMISSIVE' } }),
    legacy: ['plaintext', 'refused', 'refused'],
    client: ['mutualTls', 'mutualTls', 'mutualTls'],
  },
  {
    title: 'STRICT, 9090 DISABLE',
    policy: policy('p', 'STRICT', { app: 'server', ports: { 9090: 'DISABLE' } }),
    legacy: ['refused', 'plaintext', 'refused'],
    client: ['mutualTls', 'plaintext', 'mutualTls'],
  },
  {
    title: 'PERMISSIVE, 7070 STRICT',
    policy: policy('p', 'PERMISSIVE', { app: 'server', ports: { 7070: 'STRICT' } }),
    legacy: ['plaintext', 'plaintext', 'refused'],
    client: ['mutualTls', 'mutualTls', 'mutualTls'],
  },
  {
    title: 'PERMISSIVE, 9090 STRICT',
    policy: policy('p', 'PERMISSIVE', { app: 'server', ports: { 9090: 'STRICT' } }),
    legacy: ['plaintext', 'refused', 'plaintext'],
    client: ['mutualTls', 'mutualTls', 'mutualTls'],
  },
];

describe('SimulatedMesh: who is served', () => {
  for (const { title, policy: written, legacy, client } of MODES) {
    it(`${title}: plaintext and mesh clients on every kind of port`, async () => {
      const { clock, mesh } = scene();
      for (const { port } of PORTS) for (const from of ['legacy', 'client']) mesh.addCall(call(from, port));
      if (written) mesh.setPolicy('demo', 'p', written);
      await clock.advance(ARRIVED + 1000);
      const answers = (from: string) => PORTS.map(({ port }) => met(mesh, `${from}-${port}`, clock.now()));
      assert.deepEqual({ legacy: answers('legacy'), client: answers('client') }, { legacy, client });
    });
  }

  /** Measured as well: what a DestinationRule at the client makes of it. */
  const RULES: [
    string,
    'PERMISSIVE' | 'STRICT' | 'DISABLE' | 'bare',
    'DISABLE' | 'SIMPLE' | 'ISTIO_MUTUAL' | undefined,
    Met,
  ][] = [
    ['PERMISSIVE', 'PERMISSIVE', 'ISTIO_MUTUAL', 'mutualTls'],
    ['PERMISSIVE', 'PERMISSIVE', 'DISABLE', 'plaintext'],
    ['PERMISSIVE', 'PERMISSIVE', 'SIMPLE', 'failed'],
    ['STRICT', 'STRICT', 'ISTIO_MUTUAL', 'mutualTls'],
    ['STRICT', 'STRICT', 'DISABLE', 'refused'],
    ['STRICT', 'STRICT', 'SIMPLE', 'failed'],
    ['DISABLE', 'DISABLE', 'ISTIO_MUTUAL', 'failed'],
    ['DISABLE', 'DISABLE', 'DISABLE', 'plaintext'],
    ['no sidecar', 'bare', undefined, 'plaintext'],
    ['no sidecar', 'bare', 'ISTIO_MUTUAL', 'failed'],
    ['no sidecar', 'bare', 'DISABLE', 'plaintext'],
  ];
  for (const [title, server, tls, expected] of RULES) {
    it(`${title} server, client's rule ${tls ?? 'absent'}: ${expected}`, async () => {
      const { clock, mesh } = scene();
      const service = server === 'bare' ? 'bare' : 'server';
      mesh.addCall(call('client', 8080, { to: { namespace: 'demo', service, port: 8080 } }));
      if (server !== 'bare') mesh.setPolicy('demo', 'p', policy('p', server));
      if (tls) mesh.setRule('demo', 'rule', rule(tls, service));
      await clock.advance(ARRIVED + 1000);
      assert.equal(met(mesh, 'client-8080', clock.now()), expected);
    });
  }

  it('refuses a mesh client that addresses pods, under STRICT', async () => {
    const { clock, mesh } = scene();
    mesh.addCall(call('client', 8080, { viaPodIp: true }));
    await clock.advance(1000);
    assert.equal(met(mesh, 'client-8080', clock.now()), 'plaintext');
    mesh.setPolicy('demo', 'p', policy('p', 'STRICT'));
    await clock.advance(ARRIVED + 1000);
    assert.equal(met(mesh, 'client-8080', clock.now()), 'refused');
  });

  it('obeys the oldest of two namespace policies', async () => {
    const { clock, mesh } = scene();
    mesh.addCall(call('legacy', 8080));
    mesh.setPolicy('demo', 'newer', policy('newer', 'STRICT', { created: START }));
    mesh.setPolicy('demo', 'older', policy('older', 'PERMISSIVE', { created: START - 5000 }));
    await clock.advance(ARRIVED + 1000);
    assert.equal(met(mesh, 'legacy-8080', clock.now()), 'plaintext');
    mesh.setPolicy('demo', 'older', undefined);
    await clock.advance(ARRIVED + 1000);
    assert.equal(met(mesh, 'legacy-8080', clock.now()), 'refused');
  });
});

describe('SimulatedMesh: when', () => {
  it('takes a change into force on each proxy between the given delays, the same for the same seed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(1000), async seed => {
        const arrivals: number[] = [];
        for (let run = 0; run < 2; run++) {
          const { clock, mesh } = scene({ seed });
          mesh.setPolicy('demo', 'p', policy('p', 'STRICT'));
          const server = mesh.topology.podAt(POD_IPS.server)!;
          while (mesh.modeInForce(server, 8080) !== 'STRICT') await clock.advance(1);
          arrivals.push(clock.now() - START);
        }
        assert.ok(arrivals[0]! >= 130 && arrivals[0]! <= 251, `took ${arrivals[0]} ms`);
        assert.equal(arrivals[0], arrivals[1]);
      }),
      { numRuns: 5 },
    );
  });

  it('loses no request of a mesh client between PERMISSIVE and STRICT', async () => {
    const { clock, mesh } = scene();
    for (const { port } of PORTS) mesh.addCall(call('client', port, { perSecond: 100 }));
    for (let flip = 0; flip < 10; flip++) {
      mesh.setPolicy('demo', 'p', policy('p', flip % 2 === 0 ? 'STRICT' : 'PERMISSIVE'));
      await clock.advance(1000);
    }
    for (const report of mesh.reports(START, clock.now())) {
      assert.deepEqual([report.refused, report.failed], [0, 0]);
      assert.ok(Math.abs(report.mutualTls - 1000) < 1e-6);
    }
  });

  it('loses requests at DISABLE → PERMISSIVE, unless the clients are pinned first', async () => {
    const lost = async (pinned: boolean) => {
      let failed = 0;
      for (let seed = 1; seed <= 20; seed++) {
        const { clock, mesh } = scene({ seed });
        mesh.setPolicy('demo', 'p', policy('p', 'DISABLE'));
        await clock.advance(ARRIVED);
        mesh.addCall(call('client', 9090, { perSecond: 100, since: clock.now() }));
        const set = async (change: () => void) => {
          change();
          await clock.advance(1000);
        };
        if (pinned) await set(() => mesh.setRule('demo', 'rule', rule('DISABLE')));
        await set(() => mesh.setPolicy('demo', 'p', policy('p', 'PERMISSIVE')));
        if (pinned) await set(() => mesh.setRule('demo', 'rule', undefined));
        await set(() => mesh.setPolicy('demo', 'p', policy('p', 'STRICT')));
        const [report] = mesh.reports(START, clock.now());
        failed += report!.failed + report!.refused;
      }
      return failed;
    };
    assert.ok((await lost(false)) > 0);
    assert.equal(await lost(true), 0);
  });

  it('lets an open plaintext connection live until the drain, then cuts and refuses it', async () => {
    const { clock, mesh } = scene();
    mesh.addCall(call('legacy', 9090, { perSecond: 0, held: 4 }));
    mesh.addCall(call('client', 9090, { perSecond: 0, held: 4 }));
    await clock.advance(1000);
    mesh.setPolicy('demo', 'p', policy('p', 'STRICT'));
    const changed = clock.now();
    const reports = () =>
      Object.fromEntries(mesh.reports(changed, clock.now()).map(report => [report.call.from.workload, report]));
    await clock.advance(45_000);
    assert.deepEqual([reports()['legacy']!.cut, reports()['legacy']!.refused], [0, 0]);
    await clock.advance(ARRIVED);
    const { legacy, client } = reports();
    assert.equal(legacy!.cut, 4);
    assert.ok(legacy!.refused > 0);
    // a mesh client is cut as well, and comes back at once
    assert.deepEqual([client!.cut, client!.mutualTls, client!.refused], [4, 4, 0]);
    mesh.setPolicy('demo', 'p', policy('p', 'PERMISSIVE'));
    const back = clock.now();
    await clock.advance(1000);
    const after = mesh.reports(back, clock.now()).find(report => report.call.from.workload === 'legacy')!;
    assert.equal(after.plaintext - 0, 4);
  });

  it('does not cut again what was opened after the change that drains', async () => {
    const { clock, mesh } = scene();
    mesh.addCall(call('client', 9090, { perSecond: 0, held: 4 }));
    await clock.advance(1000);
    mesh.setPolicy('demo', 'p', policy('p', 'STRICT'));
    await clock.advance(20_000);
    // the first drain ends after this change: what it cuts comes back at once and stays
    mesh.setPolicy('demo', 'p', policy('p', 'PERMISSIVE'));
    await clock.advance(120_000);
    assert.equal(mesh.reports(START, clock.now())[0]!.cut, 4);
  });

  it('cuts nothing when a policy changes nothing, or another port', async () => {
    const { clock, mesh } = scene();
    mesh.addCall(call('legacy', 9090, { perSecond: 0, held: 4 }));
    await clock.advance(1000);
    mesh.setPolicy('demo', 'p', policy('p', 'PERMISSIVE', { app: 'server', ports: { 8080: 'STRICT' } }));
    await clock.advance(60_000);
    assert.equal(mesh.reports(START, clock.now())[0]!.cut, 0);
  });
});

describe('SimulatedMesh: clients and counters', () => {
  const counted = (mesh: ReturnType<typeof scene>['mesh'], promql: string, now: number) =>
    new SimulatedPrometheus(mesh).query(promql, now)[0]?.value;

  it('gives a call that began in the past its history', () => {
    const { clock, mesh } = scene();
    mesh.addCall(call('legacy', 8080, { perSecond: 2, since: START - 86_400_000 }));
    const plaintext = counted(
      mesh,
      'sum(increase(istio_requests_total{connection_security_policy="none"}[1h]))',
      clock.now(),
    );
    assert.equal(plaintext, 7200);
  });

  it('shows a client from its first call to its last', async () => {
    const { clock, mesh } = scene();
    mesh.addCall(call('legacy', 8080, { since: START + 10_000, until: START + 15_000 }));
    await clock.advance(9000);
    assert.equal(counted(mesh, 'sum(increase(istio_requests_total[1m]))', clock.now()), undefined);
    await clock.advance(20_000);
    assert.equal(counted(mesh, 'sum(increase(istio_requests_total[1m]))', clock.now()), 5);
  });

  it('tells nobody but the client and one opt-in counter about refused plaintext', async () => {
    const { clock, mesh } = scene();
    mesh.addCall(call('legacy', 8080));
    mesh.setPolicy('demo', 'p', policy('p', 'STRICT'));
    await clock.advance(ARRIVED);
    const from = clock.now();
    await clock.advance(10_000);
    const over = (metric: string) => counted(mesh, `sum(increase(${metric}[10s]))`, clock.now());
    assert.equal(over('istio_requests_total'), 0);
    assert.equal(over('envoy_listener_downstream_cx_total'), 0);
    assert.equal(over('envoy_listener_no_filter_chain_match'), 10);
    assert.equal(Math.round(mesh.reports(from, clock.now())[0]!.refused), 10);
  });

  it('exports the counter of refused plaintext from the start of a sidecar to its end, and at no gateway', async () => {
    const { clock, mesh } = scene();
    const gateway = pod('gate', '10.77.0.40');
    gateway.spec!.containers = gateway.spec!.containers!.filter(({ name }) => name === 'istio-proxy');
    mesh.setPod(meshPod(gateway));
    mesh.setPod(meshPod(pod('late', '10.77.0.41', { running: false })));
    const exporting = () =>
      new SimulatedPrometheus(mesh)
        .query('sum by (pod) (envoy_listener_no_filter_chain_match{listener_address="0.0.0.0_15006"})', clock.now())
        .map(({ labels, value }) => [labels['pod'], value]);
    assert.deepEqual(exporting(), [
      ['server', 0],
      ['client', 0],
    ]);
    for (let update = 0; update < 100; update++) mesh.setPod(meshPod(pod('late', '10.77.0.41')));
    assert.deepEqual(exporting().at(-1), ['late', 0]);
    const { pieces } = mesh.series.size;
    for (let update = 0; update < 100; update++) {
      await clock.advance(1000);
      mesh.setPod(meshPod(pod('late', '10.77.0.41')));
    }
    assert.equal(mesh.series.size.pieces, pieces, 'updates of a pod do not add up');
    mesh.deletePod('demo', 'late');
    await clock.advance(6 * 60_000);
    assert.equal(exporting().length, 2);
  });

  it('follows the pods: a client that loses its sidecar is refused, and one that gets it back is served', async () => {
    const { clock, mesh } = scene();
    mesh.addCall(call('client', 8080));
    mesh.setPolicy('demo', 'p', policy('p', 'STRICT'));
    await clock.advance(1000);
    const without = meshPod(pod('client', '10.77.0.22', { sidecar: false }));
    for (const [next, expected] of [
      [without, 'refused'],
      [meshPod(pod('client', '10.77.0.32')), 'mutualTls'],
    ] as const) {
      mesh.deletePod('demo', 'client');
      mesh.setPod(next);
      await clock.advance(1000);
      assert.equal(met(mesh, 'client-8080', clock.now()), expected);
    }
  });

  it('serves from ready pods only, and fails when there is none', async () => {
    const { clock, mesh } = scene();
    mesh.addCall(call('client', 8080));
    mesh.setPod(meshPod(pod('server', POD_IPS.server, { ready: false })));
    await clock.advance(1000);
    assert.equal(met(mesh, 'client-8080', clock.now()), 'failed');
    mesh.setPod(meshPod(pod('server', POD_IPS.server)));
    await clock.advance(1000);
    assert.equal(met(mesh, 'client-8080', clock.now()), 'mutualTls');
  });

  it('names the source of plaintext only where proxies know workloads by address', async () => {
    for (const [workloadDiscovery, source] of [
      [true, 'legacy'],
      [false, 'unknown'],
    ] as const) {
      const { clock, mesh } = scene({ workloadDiscovery });
      mesh.addCall(call('legacy', 8080));
      await clock.advance(1000);
      const [series] = new SimulatedPrometheus(mesh).query(
        'sum by (source_workload) (increase(istio_requests_total[1s]))',
        clock.now(),
      );
      assert.deepEqual(series, { labels: { source_workload: source }, value: 1 });
    }
  });

  it('counts the same whether somebody looks often or once', async () => {
    const play = async (looks: number) => {
      const { clock, mesh } = scene();
      for (const { port } of PORTS)
        for (const from of ['legacy', 'client']) mesh.addCall(call(from, port, { held: port === 9090 ? 2 : 0 }));
      for (const mode of ['STRICT', 'PERMISSIVE', 'DISABLE', 'STRICT'] as const) {
        mesh.setPolicy('demo', 'p', policy('p', mode));
        for (let look = 0; look < looks; look++) {
          await clock.advance(60_000 / looks);
          mesh.reports(START, clock.now());
        }
      }
      const promql =
        'sum by (reporter, source_workload, connection_security_policy) (increase(istio_tcp_connections_opened_total[10m]))';
      return new SimulatedPrometheus(mesh)
        .query(promql, clock.now())
        .map(({ labels, value }) => ({ labels, value: value.toFixed(6) }));
    };
    assert.deepEqual(await play(40), await play(1));
  });
});
