/** The probe of refused connections in the simulated mesh, where the operator's own hellos leave their traces too. */
import assert from 'node:assert/strict';
import { enforcement } from '../../src/probes/enforcement.ts';
import type { Look, Probe } from '../../src/probes/probe.ts';
import { refusedConnections } from '../../src/probes/refusedConnections.ts';
import { meshPod } from '../../src/sim/mesh/pod.ts';
import { SimulatedSight } from '../../src/sim/sight.ts';
import { look, pod as observedPod } from '../probes/scene.ts';
import { call, pod, policy, POD_IPS, PORTS, scene } from './scene.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const COUNTER = 'envoy_listener_no_filter_chain_match';
const ports = PORTS.map(({ port }) => port);

/** A mesh with a rollout that has just written STRICT, and the two probes that look at it. */
function setting(maxConnections = 0) {
  const { clock, mesh } = scene({ propagation: { minMs: 3 * SECOND, maxMs: 4 * SECOND } });
  const sight = new SimulatedSight(mesh, clock);
  const refused = refusedConnections('refused', { window: '2m', maxConnections }, sight);
  const enforced = enforcement('enforced', { samples: 20 }, sight);
  const names: (keyof typeof POD_IPS)[] = ['server', 'client'];
  const pods = names.map(name => observedPod({ namespace: 'demo', name, ip: POD_IPS[name], ports }));
  const times: Pick<Look, 'changedAt' | 'inForceAt'> = { changedAt: undefined, inForceAt: undefined };
  const observe = async (probe: Probe, round: Look['round']) => {
    const scopes: Look['scopes'] = [{ kind: 'Namespace', namespace: 'demo' }];
    const seen = probe.observe(look(pods, { round, scopes, now: clock.now(), ...times }));
    await clock.advance(100);
    return seen;
  };
  return {
    clock,
    mesh,
    pods,
    ask: () => observe(enforced, times.inForceAt === undefined ? 'Enforcement' : 'Soak'),
    soak: () => observe(refused, 'Soak'),
    total: async (metric: string) =>
      (await sight.query(`sum(${metric})`, clock.now(), new AbortController().signal))[0]!.value,
    toStrict: () => {
      mesh.setPolicy('demo', 'p', policy('p', 'STRICT'));
      times.changedAt = clock.now();
    },
    inForce: () => {
      times.inForceAt = clock.now();
    },
  };
}

type Setting = ReturnType<typeof setting>;

/** Writes STRICT and asks the ports until it is seen in force, as the operator does. */
async function enforce({ clock, ask, toStrict, inForce }: Setting) {
  toStrict();
  const verdicts: string[] = [];
  for (let round = 0; round < 3; round++) {
    verdicts.push((await ask()).verdict);
    if (round < 2) await clock.advance(2 * SECOND);
  }
  inForce();
  assert.deepEqual(verdicts, ['Unhealthy', 'Unhealthy', 'Healthy']);
}

describe('refusedConnections in the simulated mesh', () => {
  it('never takes the hellos of the operator for a client', async () => {
    const it = setting();
    await enforce(it);
    // in two rounds, as often as a port is asked that resets: the one that a Service declares as HTTP
    const whileItSpread = await it.total(COUNTER);
    assert.equal(whileItSpread, 2 * 3);
    const refusedForCertificate = await it.total('envoy_listener_ssl_fail_verify_no_cert');
    for (let round = 0; round < 8; round++) {
      await it.clock.advance(30 * SECOND);
      assert.equal((await it.ask()).verdict, 'Healthy');
      const seen = await it.soak();
      assert.deepEqual([seen.verdict, seen.value], ['Healthy', '0 refused, 2/2 pods count'], seen.message);
    }
    assert.equal(await it.total(COUNTER), whileItSpread, 'under STRICT a hello meets a filter chain');
    assert.equal(await it.total('envoy_listener_ssl_fail_verify_no_cert'), refusedForCertificate + 8 * 6);
  });

  it('counts exactly what was refused since STRICT was seen in force, and only within the window', async () => {
    const it = setting();
    it.mesh.addCall(call('legacy', 8080, { perSecond: 0.5 }));
    it.mesh.addCall(call('client', 9090, { perSecond: 5 }));
    await it.clock.advance(MINUTE);
    await enforce(it);
    await it.clock.advance(41 * SECOND);
    const seen = await it.soak();
    assert.deepEqual([seen.verdict, seen.value], ['Unhealthy', '20 refused, 2/2 pods count']);
    assert.match(
      seen.message,
      /^refused in the last 40s: 20 plaintext connections from unknown sources to demo\/server; /,
    );
    await it.clock.advance(10 * MINUTE);
    assert.equal((await it.soak()).value, '60 refused, 2/2 pods count');
    it.mesh.removeCall('legacy-8080');
    await it.clock.advance(2 * MINUTE);
    assert.equal((await it.soak()).verdict, 'Healthy', 'a client that was repaired is forgotten');
  });

  it('sees a client that appears after the switch, which no comparison with before can', async () => {
    const it = setting();
    await enforce(it);
    await it.clock.advance(MINUTE);
    assert.equal((await it.soak()).verdict, 'Healthy');
    it.mesh.addCall(call('legacy', 9090, { since: it.clock.now(), until: it.clock.now() + 3 * SECOND }));
    await it.clock.advance(30 * SECOND);
    assert.equal((await it.soak()).value, '3 refused, 2/2 pods count');
  });

  it('lets pass what the author allows', async () => {
    const it = setting(3);
    await enforce(it);
    it.mesh.addCall(call('legacy', 8080, { since: it.clock.now() + 2 * SECOND, until: it.clock.now() + 5 * SECOND }));
    await it.clock.advance(30 * SECOND);
    const seen = await it.soak();
    assert.deepEqual([seen.verdict, seen.value], ['Healthy', '3 refused, 2/2 pods count']);
  });

  it('counts a mesh client that addresses pods, and the one that lost its sidecar', async () => {
    const it = setting();
    it.mesh.addCall(call('client', 8080, { viaPodIp: true }));
    await enforce(it);
    await it.clock.advance(21 * SECOND);
    assert.equal((await it.soak()).value, '20 refused, 2/2 pods count');
    it.mesh.removeCall('client-8080');
    it.mesh.deletePod('demo', 'client');
    it.mesh.setPod(meshPod(pod('client', '10.77.0.22', { sidecar: false })));
    it.pods.pop();
    await it.clock.advance(2 * MINUTE);
    it.mesh.addCall(call('client', 9090, { since: it.clock.now() }));
    await it.clock.advance(10 * SECOND);
    assert.equal((await it.soak()).value, '10 refused, 1/1 pods count');
  });

  it('has NoData for a sidecar whose counter Prometheus does not hold', async () => {
    const it = setting();
    await enforce(it);
    it.pods.push(observedPod({ namespace: 'demo', name: 'hidden', ports }));
    await it.clock.advance(MINUTE);
    const seen = await it.soak();
    assert.deepEqual([seen.verdict, seen.value], ['NoData', '0 refused, 2/3 pods count']);
    assert.match(seen.message, /^the sidecars of 1 of 3 pods \(demo\/hidden\) do not export /);
  });

  it('waits until the counters can have been read twice', async () => {
    const it = setting();
    await enforce(it);
    await it.clock.advance(10 * SECOND);
    assert.equal((await it.soak()).verdict, 'NoData');
    await it.clock.advance(6 * SECOND);
    assert.equal((await it.soak()).verdict, 'Healthy');
  });
});
