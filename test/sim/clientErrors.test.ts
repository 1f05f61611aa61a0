/** The probe of clients' errors in the simulated mesh: a client whose DestinationRule says plaintext. */
import assert from 'node:assert/strict';
import { clientErrors } from '../../src/probes/clientErrors.ts';
import { SimulatedSight } from '../../src/sim/sight.ts';
import { look, pod as observedPod } from '../probes/scene.ts';
import { call, policy, POD_IPS, rule, scene } from './scene.ts';

const MINUTE = 60_000;

describe('clientErrors in the simulated mesh', () => {
  for (const [mode, verdict] of [
    ['DISABLE', 'Unhealthy'],
    ['ISTIO_MUTUAL', 'Healthy'],
    [undefined, 'Healthy'],
  ] as const) {
    it(`is ${verdict} after STRICT where the rule of the clients says ${mode ?? 'nothing'}`, async () => {
      const { clock, mesh } = scene();
      if (mode) mesh.setRule('demo', 'server', rule(mode));
      mesh.addCall(call('client', 8080));
      const sight = new SimulatedSight(mesh, clock);
      const probe = clientErrors('clients', { window: '2m', maxPercent: 1, minRequests: 20 }, sight);
      const pods = [observedPod({ namespace: 'demo', name: 'server', ip: POD_IPS.server })];
      const scopes = [{ kind: 'Namespace' as const, namespace: 'demo' }];
      const observe = (changedAt?: number) => probe.observe(look(pods, { scopes, now: clock.now(), changedAt }));
      await clock.advance(5 * MINUTE);
      assert.equal((await observe()).verdict, 'Healthy', 'under PERMISSIVE nobody fails');
      mesh.setPolicy('demo', 'p', policy('p', 'STRICT'));
      const changedAt = clock.now();
      await clock.advance(MINUTE);
      const seen = await observe(changedAt);
      assert.equal(seen.verdict, verdict, seen.message);
      if (verdict === 'Unhealthy')
        assert.match(seen.message, /: (99|100)% of 60 calls from demo\/client to demo\/server failed \(503 UC\); /);
    });
  }
});
