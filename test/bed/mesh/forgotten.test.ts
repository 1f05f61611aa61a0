/** A client that somebody forgot: it has no sidecar and calls now and then. Named before its calls could break. */
import assert from 'node:assert/strict';
import { create, rolloutPath, untilPhase, untilStatus } from '../rollouts.ts';
import { effectiveModeOf } from './modes.ts';
import type { Mesh } from './mesh.ts';
import { BRISK, PATIENCE } from './rollouts.ts';
import { figure, meshFor } from './suite.ts';
import type { Load } from './workload.ts';

const PATH = rolloutPath('shop');
const SERVERS = ['ad', 'email', 'cart'];

describe('a forgotten plaintext client on a real mesh', () => {
  let mesh: Mesh;
  let forgotten: Load;
  const members: Load[] = [];

  before(async function () {
    mesh = await meshFor(this);
    await mesh.add(
      ...SERVERS.map(name => ({
        namespace: name,
        name,
        ports: [{ name: 'http', port: 8080, serves: 'http' as const }],
      })),
      { namespace: 'front', name: 'front', ports: [], service: false },
      { namespace: 'legacy', name: 'report', ports: [], service: false, meshed: false },
    );
    for (const name of SERVERS) members.push(await callsFrom('front/front', name, 10));
    // once in two seconds: rare, but within the window of the evidence
    forgotten = await callsFrom('legacy/report', 'cart', 0.5);
    await mesh.startOperator();
  });
  after(() => mesh?.stop());

  it('lets the others go by waves and holds its own, saying who and where', async function () {
    this.timeout(2 * PATIENCE);
    const waves = [
      { name: 'leaf', names: ['ad', 'email'], soak: '4s' },
      { name: 'core', names: ['cart'], soak: '4s' },
    ];
    const target = { namespaces: { names: SERVERS } };
    await create(mesh.api, 'shop', { target, strategy: { waves }, ...BRISK });
    const held = await untilStatus(
      mesh.api,
      PATH,
      ({ step, phase, probes = [] }) =>
        step?.wave === 'core' &&
        phase === 'Observing' &&
        probes.some(({ name, verdict }) => name === 'no-plaintext' && verdict === 'Unhealthy'),
      'the step of cart to be held',
      PATIENCE,
    );
    assert.match(held.status!.message!, /requests? from legacy\/report to cart\/cart without mutual TLS/);
    assert.deepEqual(held.status!.strict, { done: 2, total: 3 });
    assert.equal(await effectiveModeOf(mesh.api, 'cart'), 'PERMISSIVE');
    const { failed, ok } = await forgotten.counts();
    assert.ok(ok > 0);
    assert.equal(failed, 0, 'the forgotten client must not have lost a call');
    figure('it was told', held.status!.message!);
  });

  it('completes once the client has its sidecar', async function () {
    this.timeout(2 * PATIENCE);
    const { failed } = await forgotten.stop();
    assert.equal(failed, 0);
    await mesh.remove(mesh.pod('legacy/report'));
    await mesh.add({ namespace: 'legacy', name: 'report', ports: [], service: false });
    const repaired = await callsFrom('legacy/report', 'cart', 2);
    const done = await untilPhase(mesh.api, PATH, 'Completed', PATIENCE);
    assert.deepEqual(done.status!.strict, { done: 3, total: 3 });
    for (const load of [...members, repaired]) {
      const { failed: lost, failures, ok } = await load.stop();
      assert.ok(ok > 0);
      assert.equal(lost, 0, JSON.stringify(failures.slice(0, 3)));
    }
  });

  async function callsFrom(from: string, to: string, perSecond: number): Promise<Load> {
    const pod = mesh.pod(from);
    const address = await pod.addressOf(`${to}/${to}`, 8080);
    return pod.load({ kind: 'http', address, perSecond, fresh: true, timeoutMs: 3000 });
  }
});
