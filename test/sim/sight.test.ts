import assert from 'node:assert/strict';
import type { Mode } from '../../src/istio/objects.ts';
import { PrometheusError } from '../../src/probes/prometheus.ts';
import { meshPod, meshService } from '../../src/sim/mesh/pod.ts';
import { SimulatedSight } from '../../src/sim/sight.ts';
import { ARRIVED, pod, policy, POD_IPS, scene } from './scene.ts';

type Answer = 'SPIFFE' | 'Certificate' | 'Plaintext' | 'Reset' | 'Timeout';

async function setting(mode?: Mode, ports?: Record<string, Mode>) {
  const { clock, mesh } = scene();
  if (mode) mesh.setPolicy('demo', 'p', policy('p', mode, ports ? { app: 'server', ports } : {}));
  await clock.advance(ARRIVED);
  const sight = new SimulatedSight(mesh, clock);
  const hello = async (address: string, port: number, alpn: string[] = []): Promise<Answer> => {
    const asked = sight.hello(address, port, alpn, new AbortController().signal);
    await clock.advance(5000);
    const answer = await asked;
    if (answer.kind !== 'Certificate') return answer.kind;
    if (answer.spiffe === undefined) return 'Certificate';
    assert.equal(answer.spiffe, 'spiffe://cluster.local/ns/demo/sa/server');
    assert.ok(Date.parse(answer.validTo!) > clock.now());
    return 'SPIFFE';
  };
  return { clock, mesh, sight, hello };
}

/** Measured: what a hello without ALPN and one with ALPN istio gets on an HTTP, a TCP and an auto-detected port. */
const ANSWERS: [string, Mode | undefined, Record<string, Mode> | undefined, Answer[], Answer[]][] = [
  ['none', undefined, undefined, ['Reset', 'Plaintext', 'Plaintext'], ['SPIFFE', 'SPIFFE', 'SPIFFE']],
  ['PERMISSIVE', 'PERMISSIVE', undefined, ['Reset', 'Plaintext', 'Plaintext'], ['SPIFFE', 'SPIFFE', 'SPIFFE']],
  ['STRICT', 'STRICT', undefined, ['SPIFFE', 'SPIFFE', 'SPIFFE'], ['SPIFFE', 'SPIFFE', 'SPIFFE']],
  ['DISABLE', 'DISABLE', undefined, ['Plaintext', 'Plaintext', 'Plaintext'], ['Plaintext', 'Plaintext', 'Plaintext']],
  [
    'STRICT, 8080 PERMISSIVE',
    'STRICT',
    { 8080: 'PERMISSIVE' },
    ['Reset', 'SPIFFE', 'SPIFFE'],
    ['SPIFFE', 'SPIFFE', 'SPIFFE'],
  ],
  [
    'PERMISSIVE, 9090 STRICT',
    'PERMISSIVE',
    { 9090: 'STRICT' },
    ['Reset', 'SPIFFE', 'Plaintext'],
    ['SPIFFE', 'SPIFFE', 'SPIFFE'],
  ],
];

describe('SimulatedSight', () => {
  for (const [title, mode, exceptions, bare, istio] of ANSWERS) {
    it(`answers a hello as Envoy does: ${title}`, async () => {
      const { hello } = await setting(mode, exceptions);
      const answers = { bare: [] as Answer[], istio: [] as Answer[] };
      for (const port of [8080, 9090, 7070]) {
        answers.bare.push(await hello(POD_IPS.server, port));
        answers.istio.push(await hello(POD_IPS.server, port, ['istio']));
        assert.equal(await hello(POD_IPS.server, port, ['h2']), answers.bare.at(-1), 'h2 is as good as no ALPN');
      }
      assert.deepEqual(answers, { bare, istio });
    });
  }

  it('answers for a port where nothing listens', async () => {
    for (const [mode, expected] of [
      ['STRICT', 'SPIFFE'],
      ['PERMISSIVE', 'Reset'],
      ['DISABLE', 'Reset'],
    ] as const) {
      assert.equal(await (await setting(mode)).hello(POD_IPS.server, 5555), expected, mode);
    }
  });

  it('hears the application where no proxy stands between, and nothing at an address that nobody has', async () => {
    const { hello, mesh } = await setting('STRICT');
    assert.equal(await hello(POD_IPS.bare, 8080), 'Plaintext');
    assert.equal(await hello(POD_IPS.server, 15090), 'Reset', 'ports of the proxy are not the application');
    assert.equal(await hello('10.77.0.99', 8080), 'Timeout');
    mesh.setPod(meshPod(pod('server', POD_IPS.server, { running: false })));
    assert.equal(await hello(POD_IPS.server, 8080), 'Reset');
  });

  it('shows the certificate of an application with its own TLS as what it is', async () => {
    const { hello, mesh } = await setting('PERMISSIVE');
    mesh.setService(
      meshService({
        metadata: { name: 'server', namespace: 'demo' },
        spec: { selector: { app: 'server' }, ports: [{ port: 443, targetPort: 8080, name: 'https' }] },
      }),
    );
    assert.equal(await hello(POD_IPS.server, 8080), 'Certificate');
    assert.equal(await hello(POD_IPS.server, 8080, ['istio']), 'SPIFFE');
  });

  it('goes through to the application on a port that the sidecar does not take', async () => {
    const { hello, mesh } = await setting('STRICT');
    const object = pod('server', POD_IPS.server);
    object.metadata.annotations = { 'traffic.sidecar.istio.io/excludeInboundPorts': '9090' };
    mesh.setPod(meshPod(object));
    assert.equal(await hello(POD_IPS.server, 9090), 'Plaintext');
    assert.equal(await hello(POD_IPS.server, 8080), 'SPIFFE');
  });

  it('rejects a query that is not understood the way a Prometheus over HTTP would', async () => {
    const { sight, clock } = await setting();
    const query = sight.query('topk(3, up)', clock.now(), new AbortController().signal);
    await assert.rejects(query, error => error instanceof PrometheusError && error.fault === 'Refused');
  });

  it('asks nothing more of a probe that was called off', async () => {
    const { sight, clock } = await setting('STRICT');
    const controller = new AbortController();
    const asked = sight.hello('10.77.0.99', 8080, [], controller.signal);
    controller.abort();
    assert.deepEqual(await asked, { kind: 'Timeout' });
    assert.equal(clock.pending, 0);
    await assert.rejects(sight.query('vector(1)', clock.now(), controller.signal), /abort/i);
  });

  /** Measured: which counter of the listener a hello without ALPN moves, on an HTTP, a TCP, an auto-detected and no port. */
  const TRACES: [Mode, Record<string, number>][] = [
    ['STRICT', { downstream_cx_total: 4, ssl_fail_verify_no_cert: 4, no_filter_chain_match: 0 }],
    ['PERMISSIVE', { downstream_cx_total: 3, ssl_fail_verify_no_cert: 0, no_filter_chain_match: 1 }],
    ['DISABLE', { downstream_cx_total: 4, ssl_fail_verify_no_cert: 0, no_filter_chain_match: 0 }],
  ];
  for (const [mode, expected] of TRACES) {
    it(`leaves the traces of its hellos in the proxy’s counters: ${mode}`, async () => {
      const { sight, clock, hello } = await setting(mode);
      const counted = async (metric: string) => {
        const query = `sum(envoy_listener_${metric}{pod="server"})`;
        return (await sight.query(query, clock.now(), new AbortController().signal))[0]?.value;
      };
      const all = async () =>
        Object.fromEntries(
          await Promise.all(Object.keys(expected).map(async name => [name, await counted(name)] as const)),
        );
      assert.deepEqual(await all(), { downstream_cx_total: 0, ssl_fail_verify_no_cert: 0, no_filter_chain_match: 0 });
      for (const port of [8080, 9090, 7070, 5555]) await hello(POD_IPS.server, port);
      assert.deepEqual(await all(), expected);
    });
  }
});
