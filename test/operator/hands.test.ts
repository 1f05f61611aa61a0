/**
 * Somebody is at work on a policy right before each write of a rollout: what they set stays, what they delete is not made
 * again under a running step, and what does not concern the rollout does not stop it.
 */
import assert from 'node:assert/strict';
import type { KubeObject } from '../../src/sim/server/value.ts';
import type { Bench, Call } from './harness.ts';
import { goalOf, type Play, stage } from './plays.ts';
import { POLICY_API, SMALL_SHOP } from './scene.ts';

const PLAY: Play = { namespaces: SMALL_SHOP };
const REST_MS = 300_000;

/** What somebody does to the policy of `cart`, which was there before. */
const HANDS: Record<string, (bench: Bench) => void> = {
  'sets our field': edit({ spec: { mtls: { mode: 'DISABLE' } } }),
  'edits an annotation': annotate,
  'edits a label': edit({ metadata: { labels: { team: 'theirs' } } }),
  'removes the labels': edit({ metadata: { labels: {} } }),
  'deletes it': ({ cluster }) => void cluster.remove(POLICY_API, 'PeerAuthentication', 'cart', 'default'),
};

describe('a rollout on which others are', function () {
  this.timeout(60_000);

  for (const [what, act] of Object.entries(HANDS))
    it(`somebody ${what}, before each of its writes`, async () => {
      const { points } = await perform();
      assert.ok(points > 20, `${points} writes`);
      const ends = new Set<string>();
      for (let point = 1; point <= points; point++) {
        const { bench, theirs, stageThen } = await perform({ act, point });
        const where = `write ${point}, cart ${stageThen}`;
        const { phase, message = '', conditions = [] } = bench.status();
        const stalled = conditions.find(({ type, status }) => type === 'Stalled' && status === 'True')?.reason;
        const left = bench.policy('cart', 'default');
        ends.add(stalled ?? phase ?? '');
        if (what === 'deletes it') assert.equal(left, undefined, where);
        else assert.deepEqual(left?.metadata.labels, theirs?.metadata.labels, where);
        if (what === 'edits an annotation') assert.equal(left?.metadata.annotations?.['note'], 'theirs', where);
        if (stalled) {
          assert.match(stalled, /^(FieldConflict|Drifted|LeavesDisable)$/, where);
          assert.match(message, /kubectl-edit|by somebody else|DISABLE/, where);
          assert.deepEqual(left?.['spec'], theirs?.['spec'], where);
          assert.equal(bench.policy('cart', 'mtls-rollout'), undefined, where);
        } else {
          assert.equal(phase, 'Completed', where);
          assert.equal(bench.sight.mode('cart'), 'STRICT', where);
        }
      }
      const harmless = ['Completed'];
      const stops = { 'sets our field': ['Completed', 'FieldConflict'], 'deletes it': ['Completed', 'FieldConflict'] };
      const wanted = (stops as Record<string, string[]>)[what] ?? harmless;
      for (const end of wanted) assert.ok(ends.has(end), `never ${end}, but ${[...ends].join()}`);
      if (wanted === harmless) assert.equal(ends.size, 1, [...ends].join());
    });
});

/** The whole play; `act` comes right before the write of that number to a policy or a status. */
async function perform(hand?: { act: (bench: Bench) => void; point: number }) {
  const bench = stage(PLAY);
  let points = 0;
  let theirs: KubeObject | undefined;
  let stageThen = '';
  bench.meddle = async (call, proceed) => {
    if (isCounted(call) && ++points === hand?.point) {
      const { step } = bench.status();
      stageThen = `${step?.scopes.join()} ${step?.stage}`;
      hand.act(bench);
      theirs = bench.policy('cart', 'default');
    }
    return await proceed();
  };
  await bench.start();
  await bench.untilPhase(goalOf(PLAY)).catch(() => undefined);
  await bench.clock.advance(REST_MS);
  bench.end();
  return { bench, points, theirs, stageThen };
}

function isCounted({ kind, method }: Call): boolean {
  return method !== 'GET' && (kind === 'peerauthentications' || kind === 'mtlsrollouts/status');
}

function edit(change: { spec?: object; metadata?: object }) {
  return (bench: Bench): void => {
    const there = bench.policy('cart', 'default')!;
    bench.cluster.put({ ...there, ...change, metadata: { ...there.metadata, ...change.metadata } }, 'kubectl-edit');
  };
}

function annotate(bench: Bench): void {
  const annotations = { ...bench.policy('cart', 'default')!.metadata.annotations, note: 'theirs' };
  edit({ metadata: { annotations } })(bench);
}
