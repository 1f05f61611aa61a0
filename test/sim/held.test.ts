/** Connections that stay open in the simulated mesh: what they carry is counted as long as they are open. */
import assert from 'node:assert/strict';
import { SimulatedPrometheus } from '../../src/sim/prometheus.ts';
import { ISTIO_NAMING } from '../../src/probes/naming.ts';
import * as promql from '../../src/probes/promql.ts';
import { ARRIVED, call, policy, scene } from './scene.ts';

const SECOND = 1000;

describe('held connections of the simulated mesh', () => {
  it('carry bytes until the drain, and count as plaintext that long', async () => {
    const { clock, mesh } = scene({ drainMs: 45 * SECOND });
    mesh.addCall(call('legacy', 9090, { perSecond: 0, held: 2 }));
    await clock.advance(60 * SECOND);
    mesh.setPolicy('demo', 'p', policy('p', 'STRICT'));
    await clock.advance(20 * SECOND);
    const asked = (query: string) => new SimulatedPrometheus(mesh).query(query, clock.now())[0]?.value ?? 0;
    const received = () => asked('sum(increase(istio_tcp_received_bytes_total{reporter="destination"}[10s]))');
    const unsecured = () =>
      asked(
        promql.connections(
          ISTIO_NAMING.tcp,
          [
            { label: 'reporter', op: '=', value: 'destination' },
            { label: 'connection_security_policy', op: '!=', value: 'mutual_tls' },
          ],
          ['destination_workload'],
          10 * SECOND,
        ),
      );
    assert.ok(received() > 0);
    assert.equal(unsecured(), 1, 'opened before the window, and still in use');
    await clock.advance(25 * SECOND + ARRIVED + 10 * SECOND);
    assert.deepEqual([received(), unsecured()], [0, 0]);
  });

  it('of plaintext HTTP are cut at the drain, and those of a sidecar replaced unnoticed', async () => {
    const { clock, mesh } = scene({ drainMs: 2 * SECOND });
    for (const from of ['legacy', 'client']) mesh.addCall(call(from, 8080, { perSecond: 0, held: 3 }));
    await clock.advance(SECOND);
    mesh.setPolicy('demo', 'p', policy('p', 'STRICT'));
    const changedAt = clock.now();
    await clock.advance(3 * SECOND);
    const cuts = mesh.reports(changedAt, clock.now()).map(({ call: { from }, cut }) => [from.workload, cut]);
    assert.deepEqual(cuts, [
      ['legacy', 3],
      ['client', 0],
    ]);
  });
});
