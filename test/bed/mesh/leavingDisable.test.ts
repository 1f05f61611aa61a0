/** The way out of DISABLE: by hand it loses requests of mesh clients, with pinned clients it loses none. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Mode } from '../../../src/istio/objects.ts';
import { create, patch, policyPath, rolloutPath, untilPhase, userPolicy } from '../rollouts.ts';
import { effectiveModeOf } from './modes.ts';
import type { Mesh } from './mesh.ts';
import { BRISK, PATIENCE } from './rollouts.ts';
import { figure, meshFor } from './suite.ts';
import type { Load } from './workload.ts';

/** Moves that are counted, each way. */
const MOVES = 6;
/** No auto-detected port: this Envoy takes mutual TLS there as TCP, which the drain cuts in the middle of a request. */
const PORTS = { http: 8080, echo: 9090 };

describe('leaving DISABLE on a real mesh', () => {
  let mesh: Mesh;

  before(async function () {
    mesh = await meshFor(this);
    const ports = [
      { name: 'http-web', port: PORTS.http, serves: 'http' as const },
      { name: 'tcp-echo', port: PORTS.echo, serves: 'echo' as const },
    ];
    await mesh.add(
      { namespace: 'byhand', name: 'server', ports },
      ...Array.from({ length: MOVES }, (_, i) => ({ namespace: `pinned-${i}`, name: 'server', ports })),
      { namespace: 'front', name: 'front', ports: [], service: false },
    );
    await mesh.startOperator();
  });
  after(() => mesh?.stop());

  let lostByHand = 0;

  it('loses requests when it is done by hand', async function () {
    this.timeout(2 * PATIENCE);
    await userPolicy(mesh.api, 'byhand', 'default', { mtls: { mode: 'DISABLE' } });
    // a switch shows within 250 ms; loads run all the time, so nothing waits for anything else here
    await delay(2_000);
    const loads = await loadsOn('byhand', 100);
    for (let move = 0; move < MOVES; move++) {
      await setMode('PERMISSIVE');
      await delay(2_000);
      await setMode('DISABLE');
      await delay(2_000);
    }
    const [sent, failed] = await total(loads);
    lostByHand = failed;
    figure(`by hand, ${MOVES} times DISABLE to PERMISSIVE and back`, `${failed} of ${sent} requests lost`);
    assert.ok(failed > 0, 'if nothing is lost by hand any more, the pins are not needed');
  });

  it('loses none when the operator pins the clients first', async function () {
    this.timeout(2 * PATIENCE);
    const loads: Load[] = [];
    const names = Array.from({ length: MOVES }, (_, i) => `pinned-${i}`);
    for (const name of names) await userPolicy(mesh.api, name, 'default', { mtls: { mode: 'DISABLE' } });
    await delay(2_000);
    for (const name of names) loads.push(...(await loadsOn(name, 20)));
    const waves = [{ name: 'all', names, maxConcurrent: '100%', soak: '2s' }];
    // under DISABLE all traffic is plaintext, and for a while it still is in the window
    await create(mesh.api, 'leave', { target: { namespaces: { names } }, strategy: { waves }, ...BRISK });
    await untilPhase(mesh.api, rolloutPath('leave'), 'Completed', PATIENCE);
    for (const name of names) assert.equal(await effectiveModeOf(mesh.api, name), 'STRICT');
    const [sent, failed, why] = await total(loads);
    figure(`pinned, ${MOVES} times DISABLE to PERMISSIVE to STRICT`, `${failed} of ${sent} requests lost`);
    assert.equal(failed, 0, why);
    assert.ok(lostByHand > failed);
  });

  async function setMode(mode: Mode): Promise<void> {
    await patch(mesh.api, policyPath('byhand', 'default'), { spec: { mtls: { mode } } });
  }

  async function loadsOn(namespace: string, perSecond: number): Promise<Load[]> {
    const client = mesh.pod('front/front');
    const each = Object.entries(PORTS).map(async ([name, port]) => {
      const address = await client.addressOf(`${namespace}/server`, port);
      const kind = name === 'echo' ? 'tcp' : 'http';
      return client.load({ kind, address, perSecond, fresh: true, timeoutMs: 3000 });
    });
    return Promise.all(each);
  }

  async function total(loads: readonly Load[]): Promise<[sent: number, failed: number, why: string]> {
    const counts = await Promise.all(loads.map(load => load.stop()));
    const sum = (field: 'sent' | 'failed') => counts.reduce((all, each) => all + each[field], 0);
    return [sum('sent'), sum('failed'), JSON.stringify(counts.flatMap(({ failures }) => failures).slice(0, 5))];
  }
});
