/** One ConfigMap freezes the cluster: nothing tightens while it is there, everything else goes on. */
import assert from 'node:assert/strict';
import { load } from 'js-yaml';
import { fences } from '../docs/markdown.ts';
import { forbidden } from './forbidden.ts';
import type { Bench } from './harness.ts';
import { checkHistory } from './oracles.ts';
import { stage } from './plays.ts';
import { SMALL_SHOP, START } from './scene.ts';

const MINUTES = 60_000;
const WHERE = 'mtls-rollout-system';
const NAME = 'mtls-rollout-freeze';

function freeze(bench: Bench, data?: Record<string, string>, { name = NAME, namespace = WHERE } = {}): void {
  bench.cluster.put({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, ...(data ? { data } : {}) });
}

function thaw({ cluster }: Bench): void {
  assert.ok(cluster.remove('v1', 'ConfigMap', WHERE, NAME));
}

/** A rollout of the small shop that has come to a stage of its first step. */
async function running(stageWanted: string, play: { extent?: 'All' } = {}): Promise<Bench> {
  const bench = stage({ namespaces: SMALL_SHOP, ...play });
  await bench.start();
  await bench.clock.runUntil(() => bench.status().step?.stage === stageWanted, 10 * MINUTES);
  return bench;
}

function strict(bench: Bench): string[] {
  return SMALL_SHOP.filter(name => bench.sight.mode(name) === 'STRICT');
}

describe('a freeze', () => {
  it('that is there before holds the first step, and says since when, why and how to lift it', async () => {
    const bench = stage({ namespaces: SMALL_SHOP });
    freeze(bench, { reason: 'year-end,\n  ask the  SRE on call' });
    await bench.start();
    await bench.clock.advance(30 * MINUTES);
    const { phase, message, summary, conditions } = bench.status();
    assert.equal(phase, 'Pending');
    assert.equal(summary?.waitingOn, 'freeze');
    assert.equal(
      message,
      'wave leaf, step 1/3: ad and email held since 09:00:00: the cluster is frozen since 09:00:00 (year-end, ask the SRE on call), until somebody lifts it; to lift it: kubectl delete configmap mtls-rollout-freeze -n mtls-rollout-system',
    );
    assert.equal(conditions?.find(({ type }) => type === 'Stalled')?.status, 'False');
    assert.deepEqual(
      bench.writes().filter(({ kind }) => kind === 'peerauthentications'),
      [],
    );
    thaw(bench);
    await bench.untilPhase('Completed');
    bench.end();
    checkHistory(bench);
  });

  it('that comes while a step collects evidence keeps it from STRICT; what it saw before does not count after', async () => {
    const bench = await running('Observing');
    freeze(bench, { reason: 'incident 4711' });
    await bench.clock.advance(2 * 60 * MINUTES);
    assert.deepEqual(strict(bench), []);
    const { phase, summary, step } = bench.status();
    assert.deepEqual([phase, summary?.waitingOn, step?.healthyRounds], ['Observing', 'freeze', 0]);
    thaw(bench);
    const lifted = bench.clock.now();
    await bench.clock.runUntil(() => strict(bench).length > 0, MINUTES);
    assert.ok(bench.clock.now() - lifted >= 10_000, 'two rounds, 10 s apart, come first');
    await bench.untilPhase('Completed');
    bench.end();
    checkHistory(bench);
  });

  it('leaves a step that is STRICT to its soak, and holds the next one', async () => {
    const bench = await running('Soaking');
    const moved = strict(bench);
    freeze(bench);
    await bench.clock.advance(10 * MINUTES);
    assert.deepEqual(strict(bench), moved);
    const { phase, message, step } = bench.status();
    assert.deepEqual([phase, step?.index], ['Pending', 2]);
    assert.match(
      message!,
      /^wave core, step 2\/3: cart held since \S+: the cluster is frozen since \S+ \(no reason is given\), until/,
    );
    bench.end();
  });

  it('never holds a rollback', async () => {
    const bench = stage({ namespaces: SMALL_SHOP, extent: 'All' });
    await bench.start();
    await bench.clock.runUntil(() => strict(bench).length === SMALL_SHOP.length, 20 * MINUTES);
    freeze(bench, { reason: 'incident' });
    await bench.untilPhase('RolledBack');
    assert.deepEqual(strict(bench), []);
    bench.end();
    checkHistory(bench);
  });

  it('ends by itself when its time has come', async () => {
    const bench = stage({ namespaces: SMALL_SHOP });
    freeze(bench, { reason: 'release', until: new Date(START + 20 * MINUTES).toISOString() });
    await bench.start();
    await bench.clock.advance(20 * MINUTES - 1000);
    assert.match(
      bench.status().message!,
      /frozen since 09:00:00 \(release\), until 09:20:00; to lift it: kubectl delete/,
    );
    assert.equal(bench.status().phase, 'Pending');
    await bench.clock.advance(2000);
    assert.equal(bench.status().step?.stage, 'Observing');
    await bench.untilPhase('Completed');
    bench.end();
  });

  it('as in the documentation', async () => {
    const [example] = fences('yaml').filter(({ at, text }) => at.startsWith('docs/gates.md') && text.includes(NAME));
    const bench = stage({ namespaces: SMALL_SHOP });
    bench.cluster.put(load(example!.text) as object);
    await bench.start();
    await bench.clock.advance(MINUTES);
    assert.match(
      bench.status().message!,
      /since 09:00:00 \(year-end, ask the SRE on call\), until 2027-01-04 08:00:00;/,
    );
    bench.end();
  });

  for (const until of ['tomorrow', '', '2026-02-30T00:00:00Z', '2026-11-22', '1700000000'])
    it(`whose end is ${JSON.stringify(until)} freezes, and says that it has no end`, async () => {
      const bench = stage({ namespaces: SMALL_SHOP });
      freeze(bench, { reason: 'release', until });
      await bench.start();
      await bench.clock.advance(60 * MINUTES);
      assert.equal(bench.status().summary?.waitingOn, 'freeze');
      assert.match(bench.status().message!, /until somebody lifts it, for its data.until is no time such as 2027-/);
      bench.end();
    });

  it('is no ConfigMap of another name, nor one elsewhere', async () => {
    const bench = stage({ namespaces: SMALL_SHOP });
    freeze(bench, { reason: 'no' }, { name: 'mtls-rollout-freeze-not' });
    freeze(bench, { reason: 'no' }, { namespace: 'cart' });
    await bench.start();
    await bench.untilPhase('Completed');
    bench.end();
  });
});

describe('a freeze that cannot be seen', () => {
  const isFreeze = (path: string) => path.includes(`/${WHERE}/configmaps`);

  it('holds everything and says how to let it be seen', async () => {
    const bench = stage({ namespaces: SMALL_SHOP });
    bench.meddle = async ({ path }, proceed) =>
      isFreeze(path) ? forbidden('list', 'configmaps', path) : await proceed();
    await bench.start();
    await bench.clock.advance(10 * MINUTES);
    const { phase, message, summary, conditions } = bench.status();
    assert.deepEqual([phase, summary?.waitingOn], ['Pending', 'FreezeNotSeen']);
    assert.match(
      message!,
      /held since 09:00:00: nobody can tell whether the cluster is frozen: .*lacks the verb "list" on configmaps/,
    );
    assert.match(
      message!,
      /let the operator list and watch the ConfigMap mtls-rollout-freeze .*config\/rbac\/freeze.yaml/,
    );
    assert.equal(conditions?.find(({ type }) => type === 'Stalled')?.reason, 'FreezeNotSeen');
    assert.deepEqual(strict(bench), []);
    bench.meddle = undefined;
    await bench.untilPhase('Completed');
    bench.end();
  });

  it('holds a step before STRICT when the right to watch is lost under way', async () => {
    const bench = await running('Observing');
    bench.sight.plaintext = () => 5;
    bench.meddleStream = async ({ path }, proceed) => {
      if (!isFreeze(path)) return await proceed();
      const { status, headers, body } = forbidden('watch', 'configmaps', path);
      return { status, headers, lines: lines(body) };
    };
    bench.cluster.cutWatches();
    await bench.clock.advance(5 * MINUTES);
    bench.sight.plaintext = () => 0;
    await bench.clock.advance(10 * MINUTES);
    assert.equal(bench.status().summary?.waitingOn, 'FreezeNotSeen');
    assert.deepEqual(strict(bench), []);
    bench.meddleStream = undefined;
    await bench.untilPhase('Completed');
    bench.end();
  });
});

async function* lines(body: unknown) {
  yield JSON.stringify(body);
}
