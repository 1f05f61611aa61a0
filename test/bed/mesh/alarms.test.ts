/**
 * Each probe against the failure that it is for, on a real mesh: how soon it sees it, and how often it has cried before
 * while nothing was wrong. `HEALTHY=1h` lets the healthy load last for an hour.
 */
import assert from 'node:assert/strict';
import { formatDuration, parseDuration } from '../../../src/api/duration.ts';
import type { Observation } from '../../../src/api/status.ts';
import { userPolicy } from '../rollouts.ts';
import { waitFor } from '../waiting.ts';
import { addWebhook, FAILURES } from './failures.ts';
import type { Mesh } from './mesh.ts';
import { figure, meshFor } from './suite.ts';
import { PROBES, Watch } from './watch.ts';

const HEALTHY_MS = parseDuration(process.env['HEALTHY'] ?? '90s');
/** Between two looks at the healthy mesh, and at one that fails. */
const PACE_MS = { healthy: 5_000, failing: 500 };
/** Long enough for what the probes compare with, and for the drain of the switch. */
const BASELINE_MS = 70_000;
const PATIENCE_MS = 90_000;

describe('probes and what they are for, on a real mesh', () => {
  let mesh: Mesh;
  let watch: Watch;

  before(async function () {
    mesh = await meshFor(this);
    this.timeout(BASELINE_MS + 120_000);
    const ports = [
      { name: 'http', port: 8080, serves: 'http' as const },
      { name: 'tcp', port: 9090, serves: 'echo' as const },
    ];
    await mesh.add(
      { namespace: 'open', name: 'server', ports },
      { namespace: 'sealed', name: 'server', ports, stats: 'Listener' },
      { namespace: 'hooks', name: 'guard', ports: [{ name: 'https', port: 9443, serves: 'tls' }] },
      { namespace: 'front', name: 'client', ports: [], service: false },
      { namespace: 'partner', name: 'sync', ports: [], service: false },
      { namespace: 'legacy', name: 'stranger', ports: [], service: false, meshed: false },
    );
    await userPolicy(mesh.api, 'hooks', 'default', { mtls: { mode: 'PERMISSIVE' } });
    await addWebhook(mesh);
    watch = await Watch.open(mesh);
    await watch.load('front/client', 'open', 5);
    await watch.load('front/client', 'sealed', 5);
    await watch.load('partner/sync', 'sealed', 5);
    await past(Date.now() + BASELINE_MS);
    await userPolicy(mesh.api, 'sealed', 'default', { mtls: { mode: 'STRICT' } });
    const began = Date.now();
    const isInForce = async () => (await watch.look('enforced')).verdict === 'Healthy';
    watch.switchedAt(began);
    await waitFor(isInForce, 'STRICT in force', 30_000);
    watch.switchedAt(began, Date.now());
  });
  after(async () => {
    await watch?.close();
    await mesh?.stop();
  });

  it(`cry over nothing while nothing is wrong (${formatDuration(HEALTHY_MS)})`, async function () {
    this.timeout(HEALTHY_MS + 60_000);
    const seen = new Map<string, Observation[]>();
    for (const end = Date.now() + HEALTHY_MS; Date.now() < end; ) {
      const next = Date.now() + PACE_MS.healthy;
      for (const { name } of PROBES) seen.set(name, [...(seen.get(name) ?? []), await watch.look(name)]);
      await past(next);
    }
    const count = (all: Observation[], verdict: Observation['verdict']) =>
      all.filter(each => each.verdict === verdict).length;
    for (const [name, all] of seen)
      figure(
        `${name}: looks at healthy load, false alarms, without data, errors`,
        `${all.length}, ${count(all, 'Unhealthy')}, ${count(all, 'NoData')}, ${count(all, 'Error')}`,
      );
    const wrong = [...seen.values()].flat().filter(({ verdict }) => verdict === 'Unhealthy' || verdict === 'Error');
    assert.deepEqual(wrong, []);
    for (const [name, all] of seen) assert.equal(all.at(-1)!.verdict, 'Healthy', `${name}: ${all.at(-1)!.message}`);
    assert.deepEqual(await watch.lostCalls(), 0, 'the load itself was healthy');
  });

  for (const { probe, what, happens, says } of FAILURES)
    it(`${probe} sees ${what}`, async function () {
      this.timeout(PATIENCE_MS + 60_000);
      const undo = await happens(mesh, watch);
      const began = Date.now();
      let last: Observation | undefined;
      const seen = async () => {
        const next = Date.now() + PACE_MS.failing;
        last = await watch.look(probe);
        if (last.verdict === 'Unhealthy') return last;
        await past(next);
        return undefined;
      };
      const found = await waitFor(seen, `${probe} to see it`, PATIENCE_MS).catch((cause: unknown) => {
        throw new Error(`${probe} says ${last?.verdict}: ${last?.message}`, { cause });
      });
      figure(`${probe}, ${what}: seen after`, `${((Date.now() - began) / 1000).toFixed(1)} s`);
      assert.match(found.message, says);
      await undo();
    });
});

async function past(time: number): Promise<void> {
  await waitFor(() => Date.now() >= time, 'time to pass', Math.max(0, time - Date.now()) + 5_000);
}
