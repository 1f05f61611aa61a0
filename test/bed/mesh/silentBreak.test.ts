/** A plaintext client that comes after the evidence: refused in silence, seen all the same, and served again soon. */
import assert from 'node:assert/strict';
import type { Status } from '../../../src/api/status.ts';
import { create, rolloutPath, untilPhase, untilStatus } from '../rollouts.ts';
import { waitFor } from '../waiting.ts';
import { effectiveModeOf } from './modes.ts';
import type { Mesh } from './mesh.ts';
import { BRISK, PATIENCE } from './rollouts.ts';
import { figure, meshFor } from './suite.ts';
import type { Load } from './workload.ts';

const REFUSED = { name: 'refused', refusedConnections: { window: '10s' } };

describe('a silent break on a real mesh', () => {
  let mesh: Mesh;
  let member: Load;

  before(async function () {
    mesh = await meshFor(this);
    const ports = [{ name: 'http', port: 8080, serves: 'http' as const }];
    await mesh.add(
      { namespace: 'newcomer', name: 'server', ports },
      { namespace: 'vanisher', name: 'server', ports },
      { namespace: 'front', name: 'front', ports: [], service: false },
      { namespace: 'partner', name: 'sync', ports: [], service: false },
      { namespace: 'legacy', name: 'report', ports: [], service: false, meshed: false },
    );
    member = await callsFrom('front/front', 'newcomer', 10);
    await callsFrom('front/front', 'vanisher', 10);
    await mesh.startOperator();
  });
  after(() => mesh?.stop());

  it('rolls back when a new plaintext client is refused', async function () {
    this.timeout(2 * PATIENCE);
    const { load, status } = await breakIn('newcomer', [...BRISK.probes, REFUSED], () =>
      callsFrom('legacy/report', 'newcomer', 5),
    );
    assert.match(status.rollback!.reason, /^probe refused: .* \d+ plaintext connections? .*to newcomer\/server/);
    await report('a new client', load, status);
    const { failed, failures } = await member.stop();
    assert.equal(failed, 0, JSON.stringify(failures.slice(0, 3)));
  });

  it('rolls back when a member loses its sidecar and with it its traffic', async function () {
    this.timeout(2 * PATIENCE);
    const before = await callsFrom('partner/sync', 'vanisher', 10);
    const inWindow = 'sum(increase(istio_requests_total{reporter="destination",source_workload="sync"}[15s]))';
    // a baseline of the whole window: what it fell from must be worth to be compared
    await waitFor(async () => ((await mesh.prometheus.value(inWindow)) ?? 0) > 120, 'a baseline', 60_000);
    const { load, status } = await breakIn('vanisher', BRISK.probes, async () => {
      await before.stop();
      await mesh.remove(mesh.pod('partner/sync'));
      await mesh.add({ namespace: 'partner', name: 'sync', ports: [], service: false, meshed: false });
      return callsFrom('partner/sync', 'vanisher', 10);
    });
    assert.match(status.rollback!.reason, /^probe traffic: .*partner\/sync → vanisher\/server fell from \d+ to \d+/);
    await report('a member without its sidecar', load, status);
  });

  /** One namespace goes STRICT, something happens to a client right after, and the operator takes it back. */
  async function breakIn(
    namespace: string,
    probes: readonly object[],
    happens: () => Promise<Load>,
  ): Promise<{ load: Load; status: Status }> {
    const path = rolloutPath(namespace, namespace);
    const spec = { target: { namespace: {} }, strategy: { waves: [{ name: 'all', names: [namespace], soak: '2m' }] } };
    await create(mesh.api, namespace, { ...spec, ...BRISK, probes: [...probes] as typeof BRISK.probes }, namespace);
    await untilStatus(mesh.api, path, ({ phase }) => phase === 'Soaking', 'STRICT in force', PATIENCE);
    const load = await happens();
    const { status } = await untilPhase(mesh.api, path, 'RolledBack', PATIENCE);
    assert.equal(await effectiveModeOf(mesh.api, namespace), 'PERMISSIVE');
    const { sent } = await load.counts();
    await waitFor(async () => (await load.counts()).sent > sent + 10, 'ten more calls', 20_000);
    return { load, status: status! };
  }

  async function report(who: string, load: Load, { rollback }: Status): Promise<void> {
    const { failures, failed, ok } = await load.stop();
    const [first, last] = [failures[0]!, failures.at(-1)!];
    assert.ok(failed > 0 && ok > 5, `${failed} refused, ${ok} served`);
    const end = Date.parse(rollback!.finishedAt!);
    assert.ok(last.at < end + 2_000, 'refused long after the rollback');
    figure(`${who}: first refused call to restored service`, `${Math.round(last.at + last.ms - first.at)} ms`);
    figure(`${who}: seen by`, rollback!.reason);
  }

  async function callsFrom(from: string, namespace: string, perSecond: number): Promise<Load> {
    const pod = mesh.pod(from);
    const address = await pod.addressOf(`${namespace}/server`, 8080);
    return pod.load({ kind: 'http', address, perSecond, fresh: true, timeoutMs: 3000 });
  }
});
