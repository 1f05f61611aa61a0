/** What Prometheus reads of an operator at work. */
import assert from 'node:assert/strict';
import { complaints } from '../report/promtool.ts';
import type { Bench, Running } from './harness.ts';
import { goalOf, type Play, stage } from './plays.ts';
import { ROLLOUT_API, ROOT, SMALL_SHOP } from './scene.ts';

const OF_SHOP = `namespace="${ROOT}",name="shop"`;

/** Value by series, as it stands in the text. */
async function scraped({ operator }: Running): Promise<Map<string, number>> {
  const lines = (await operator.metrics.text()).split('\n').filter(line => line !== '' && !line.startsWith('#'));
  return new Map(lines.map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]));
}

async function played(play: Play): Promise<{ bench: Bench; running: Running }> {
  const bench = stage(play);
  const running = await bench.start();
  await bench.untilPhase(goalOf(play));
  await bench.clock.advance(1000);
  return { bench, running };
}

describe('metrics of the operator', () => {
  it('are what status and history say', async () => {
    const { bench, running } = await played({ namespaces: SMALL_SHOP, extent: 'All' });
    const seen = await scraped(running);
    const { phase, strict, history = [] } = bench.status();
    assert.equal(seen.get(`mtls_rollout_phase{${OF_SHOP},phase="${phase}"}`), 1);
    assert.equal(seen.get(`mtls_rollout_phase{${OF_SHOP},phase="Completed"}`), 0);
    assert.equal(seen.get(`mtls_rollout_condition{${OF_SHOP},type="Stalled"}`), 1);
    assert.equal(seen.get(`mtls_rollout_scopes{${OF_SHOP},state="strict"}`), strict?.done);
    assert.equal(seen.get(`mtls_rollout_scopes{${OF_SHOP},state="total"}`), strict?.total);
    assert.equal(seen.get(`mtls_rollout_rollbacks_total{${OF_SHOP}}`), 1);
    for (const [reason, all] of Object.entries(Object.groupBy(history, entry => entry.reason)))
      assert.equal(seen.get(`mtls_rollout_transitions_total{${OF_SHOP},reason="${reason}"}`), all?.length, reason);
    assert.ok(seen.get(`mtls_rollout_probe_verdicts_total{${OF_SHOP},probe="enforced",verdict="Healthy"}`)! > 0);
    bench.end();
  });

  it('tell of the process: it leads, has looked, has asked', async () => {
    const { bench, running } = await played({ namespaces: SMALL_SHOP });
    const seen = await scraped(running);
    assert.equal(seen.get('mtls_rollout_leader'), 1);
    assert.equal(seen.get('mtls_rollout_queue_depth'), 0);
    assert.equal(seen.get('mtls_rollout_watch_blind_seconds{resource="peerauthentications"}'), 0);
    assert.ok(seen.get('mtls_rollout_reconcile_duration_seconds_count')! > 10);
    assert.ok(bench.clock.now() / 1000 - seen.get('mtls_rollout_last_success_timestamp_seconds')! < 120);
    const patches = bench.calls.filter(({ method, status }) => method === 'PATCH' && status === 200);
    assert.equal(seen.get('mtls_rollout_api_requests_total{verb="patch",code="200"}'), patches.length);
    bench.end();
  });

  it('of a rollout end with it, and one that waits to lead tells of none', async () => {
    const { bench, running } = await played({ namespaces: SMALL_SHOP });
    const second = await bench.start('second');
    await bench.clock.advance(1000);
    const ofShop = async (of: Running) =>
      [...(await scraped(of)).keys()].filter(series => series.includes('name="shop"'));
    assert.ok((await ofShop(running)).length > 20);
    assert.deepEqual(await ofShop(second), []);
    assert.equal((await scraped(second)).get('mtls_rollout_leader'), 0);
    bench.cluster.remove(ROLLOUT_API, 'MtlsRollout', ROOT, 'shop');
    await bench.clock.advance(1000);
    assert.deepEqual(await ofShop(running), []);
    bench.end();
  });

  it('count what fails', async () => {
    const bench = stage({ namespaces: SMALL_SHOP });
    const forbidden = { status: 403, headers: {}, body: { kind: 'Status', reason: 'Forbidden', code: 403 } };
    bench.meddle = async (call, proceed) =>
      call.kind === 'peerauthentications' && call.write > 0 ? forbidden : proceed();
    const running = await bench.start();
    await bench.clock.advance(120_000);
    const seen = await scraped(running);
    assert.ok(seen.get('mtls_rollout_reconcile_errors_total{kind="Forbidden"}')! >= 2);
    assert.equal(seen.get(`mtls_rollout_transitions_total{${OF_SHOP},reason="WriteForbidden"}`), 1);
    assert.ok(seen.get('mtls_rollout_api_requests_total{verb="create",code="403"}')! >= 2);
    bench.end();
  });

  it('are accepted by Prometheus', async function () {
    const { bench, running } = await played({ namespaces: SMALL_SHOP, extent: 'All' });
    assert.equal(complaints(this, ['check', 'metrics'], {}, await running.operator.metrics.text()), '');
    bench.end();
  });
});
