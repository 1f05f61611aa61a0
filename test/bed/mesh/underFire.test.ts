/**
 * Everything that can be killed is killed, at every stage of a step and during a rollback, while clients call: the end is
 * the same as without, and no call is lost that would not have been lost without.
 */
import assert from 'node:assert/strict';
import type { Status } from '../../../src/api/status.ts';
import type { OperatorProcess } from '../operatorProcess.ts';
import { waitFor } from '../waiting.ts';
import { create, patch, policiesIn, rolloutPath, untilPhase, untilStatus } from '../rollouts.ts';
import type { Mesh } from './mesh.ts';
import type { MeshPod } from './pods.ts';
import { HASTY, PATIENCE } from './rollouts.ts';
import { figure, meshFor } from './suite.ts';
import type { Load } from './workload.ts';

const COMPONENTS = ['operator', 'istiod', 'prometheus', 'apiserver'] as const;
type Component = (typeof COMPONENTS)[number];
const STAGES = ['Preparing', 'Observing', 'Enforcing', 'Soaking'] as const;
const PORTS = [
  { name: 'http', port: 8080, serves: 'http' as const },
  { name: 'tcp-echo', port: 9090, serves: 'echo' as const },
];

/** One kill a step: every component at every stage. */
const KILLS = STAGES.flatMap(stage => COMPONENTS.map(component => ({ stage, component })));
const STEPS = KILLS.map((_, i) => `step-${String(i + 1).padStart(2, '0')}`);
const BACK = COMPONENTS.map(component => `back-${component}`);
/** Connections of each TCP load. */
const KEPT = 2;

describe('a rollout under fire on a real mesh', () => {
  let mesh: Mesh;
  let operator: OperatorProcess;
  let client: MeshPod;
  let stranger: MeshPod;
  const loads = new Map<string, { http: Load; tcp: Load }>();

  before(async function () {
    mesh = await meshFor(this);
    await mesh.add(
      ...[...STEPS, ...BACK].map(namespace => ({ namespace, name: 'server', ports: PORTS })),
      { namespace: 'front', name: 'front', ports: [], service: false },
      { namespace: 'elsewhere', name: 'stranger', ports: [], service: false, meshed: false },
    );
    [client, stranger] = [mesh.pod('front/front'), mesh.pod('elsewhere/stranger')];
    for (const namespace of [...STEPS, ...BACK]) loads.set(namespace, await callsTo(namespace));
    operator = await mesh.startOperator();
  });
  after(() => mesh?.stop());

  it('reaches its goal although each component is killed at each stage', async function () {
    this.timeout(600_000);
    const path = rolloutPath('steps');
    const waves = [{ name: 'all', names: STEPS, soak: '3s' }];
    await create(mesh.api, 'steps', { target: { namespaces: { names: STEPS } }, strategy: { waves }, ...HASTY });
    for (const [i, { stage, component }] of KILLS.entries()) {
      const atStage = ({ step }: Status) => step?.index === i + 1 && step.stage === stage;
      await untilStatus(mesh.api, path, atStage, `step ${i + 1} to be ${stage}`, PATIENCE);
      figure(`${component} killed while ${stage}, away for`, `${await killAndStart(component)} ms`);
    }
    const { status } = await untilPhase(mesh.api, path, 'Completed', PATIENCE);
    assert.deepEqual(status!.strict, { done: STEPS.length, total: STEPS.length });
    assert.equal(status!.rollback, undefined);
    for (const namespace of STEPS) {
      const policies = await policiesIn(mesh.api, namespace);
      // made once and changed once, as in a rollout that nobody disturbs
      assert.deepEqual(
        policies.map(({ metadata, spec }) => [(metadata as { generation?: number }).generation, spec]),
        [[2, { mtls: { mode: 'STRICT' } }]],
        namespace,
      );
      assert.equal(await isServed(namespace), false, `${namespace} must be closed to strangers`);
    }
  });

  it('walks back to the original although each component is killed', async function () {
    this.timeout(600_000);
    const rest = { target: { namespace: {} }, ...HASTY };
    const waves = (name: string) => ({ strategy: { waves: [{ name: 'all', names: [name], soak: '3s' }] } });
    for (const name of BACK) await create(mesh.api, name, { ...rest, ...waves(name) }, name);
    for (const name of BACK) await untilPhase(mesh.api, rolloutPath(name, name), 'Completed', PATIENCE);
    for (const [i, component] of COMPONENTS.entries()) {
      const name = BACK[i]!;
      const path = rolloutPath(name, name);
      await patch(mesh.api, path, { spec: { mode: 'Revert' } });
      figure(`${component} killed at the begin of a rollback, away for`, `${await killAndStart(component)} ms`);
      await untilPhase(mesh.api, path, 'Reverted', PATIENCE);
      assert.deepEqual(await policiesIn(mesh.api, name), []);
      // the proxies hear of it a moment after the API server
      await waitFor(() => isServed(name), `${name} to be open again`, 5_000);
    }
  });

  it('has cost members of the mesh nothing', async () => {
    let [http, tcp, cuts] = [0, 0, 0];
    for (const [namespace, load] of loads) {
      const [calls, trips] = await Promise.all([load.http.stop(), load.tcp.stop()]);
      assert.equal(calls.failed, 0, `${namespace}: ${JSON.stringify(calls.failures.slice(0, 3))}`);
      // a switch cuts each connection once, and a way back once more
      const switches = BACK.includes(namespace) ? 2 : 1;
      assert.ok(trips.cuts <= KEPT * switches, `${namespace}: ${trips.cuts} cuts`);
      assert.ok(trips.failed <= trips.cuts, `${namespace}: ${JSON.stringify(trips.failures.slice(0, 3))}`);
      [http, tcp, cuts] = [http + calls.ok, tcp + trips.ok, cuts + trips.cuts];
    }
    figure('HTTP requests, none lost', http);
    figure('TCP round trips, connections cut by the drain', `${tcp}, ${cuts}`);
  });

  /** SIGKILL and a new start; how long the component was away, in milliseconds. */
  async function killAndStart(component: Component): Promise<number> {
    const began = Date.now();
    if (component === 'operator') {
      await operator.kill();
      await operator.start();
    } else {
      const process = { istiod: mesh.istiod, prometheus: mesh.prometheus.component, ...mesh.plane.components }[
        component
      ];
      await process.kill();
      await process.restart();
    }
    return Date.now() - began;
  }

  async function isServed(namespace: string): Promise<boolean> {
    const address = await stranger.addressOf(`${namespace}/server`, 8080);
    return (await stranger.request({ address, timeoutMs: 3000 })).failed === undefined;
  }

  async function callsTo(namespace: string): Promise<{ http: Load; tcp: Load }> {
    const address = (port: number) => client.addressOf(`${namespace}/server`, port);
    const steady = { perSecond: 6, timeoutMs: 5000 };
    const http = await client.load({ ...steady, kind: 'http', fresh: true, address: await address(8080) });
    const kept = { ...steady, fresh: false, connections: KEPT };
    return { http, tcp: await client.load({ ...kept, kind: 'tcp', address: await address(9090) }) };
  }
});
