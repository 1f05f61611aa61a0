/**
 * The operator is killed before and after every single write, and every write's answer is lost. Whoever goes on ends
 * in the same place as if nothing had happened, and on the way no port is ever weaker than before.
 *
 * The points of a rollout of four namespaces (two that move together, policies of users in every kind of slot) are
 * tried one and all. Eleven namespaces add steps but no new kind of write, so there each seventh point is tried.
 */
import assert from 'node:assert/strict';
import { type Bench, type Call, connectionLost, type Meddle } from './harness.ts';
import { checkHistory, checkOneWriter, outcomeOf, policiesLeft } from './oracles.ts';
import { goalOf, type Play, stage } from './plays.ts';
import { SHOP, SMALL_SHOP } from './scene.ts';

const PLAYS = {
  rollout: { namespaces: SMALL_SHOP },
  'rollback of a wave': { namespaces: SMALL_SHOP, extent: 'Wave' },
  'rollback of everything': { namespaces: SMALL_SHOP, extent: 'All' },
  'rollout that leaves DISABLE': { namespaces: SMALL_SHOP, off: ['ad', 'payment'] },
  'rollback to DISABLE': { namespaces: SMALL_SHOP, off: ['ad', 'payment'], extent: 'All' },
  'rollout with rules for clients': { namespaces: SMALL_SHOP, rules: true },
  'rollback with rules for clients': { namespaces: SMALL_SHOP, rules: true, extent: 'All' },
  'rollout that counts plaintext': { namespaces: SMALL_SHOP, shadows: true },
  'rollback after counting plaintext': { namespaces: SMALL_SHOP, shadows: true, extent: 'All' },
  'rollout of eleven namespaces': { namespaces: SHOP },
  'rollback of eleven namespaces': { namespaces: SHOP, extent: 'All' },
} satisfies Record<string, Play>;

/** After the end: time enough for whatever would still be written. */
const REST_MS = 45_000;
const FAULTS = ['killed before', 'killed after', 'answer lost'] as const;
type Fault = (typeof FAULTS)[number];

describe('an operator that crashes', function () {
  this.timeout(120_000);
  const tried = { rollout: 0, rollback: 0, lost: 0 };

  for (const [name, play] of Object.entries<Play>(PLAYS)) {
    const stride = play.namespaces === SHOP ? 7 : 1;
    for (const fault of FAULTS)
      it(`${name}: ${fault} ${stride === 1 ? 'every write' : `each ${stride}th write`}`, async () => {
        const undisturbed = await perform(play);
        for (let point = 1; point <= undisturbed.writes; point += stride) {
          const disturbed = await perform(play, { fault, point });
          assert.deepEqual(disturbed.outcome, undisturbed.outcome, `${fault} ${disturbed.what}`);
          tried[fault === 'answer lost' ? 'lost' : play.extent ? 'rollback' : 'rollout']++;
        }
      });
  }

  it('leaves what was there before when everything is rolled back', async () => {
    const { outcome, before } = await perform(PLAYS['rollback of everything']);
    assert.deepEqual(outcome.policies, before);
    assert.equal(outcome.created, outcome.deleted);
  });

  it('leaves no policy that counts, and had one only where the step looked for evidence', async () => {
    for (const play of [PLAYS['rollout that counts plaintext'], PLAYS['rollback after counting plaintext']])
      assert.deepEqual((await perform(play)).outcome.counting, []);
  });

  it('leaves the rules that were there before, and no other', async () => {
    const { outcome } = await perform(PLAYS['rollback with rules for clients']);
    const spec = { host: 'cart', trafficPolicy: { loadBalancer: { simple: 'RANDOM' } } };
    assert.deepEqual(outcome.told, [{ rule: 'cart/theirs', spec, marks: [] }]);
  });

  after(() => {
    console.log(`    crash points: ${tried.rollout} rollout, ${tried.rollback} rollback, ${tried.lost} lost answers`);
  });
});

/** One whole rollout, with a fault at one of its writes or with none. */
async function perform(play: Play, disturbance?: { fault: Fault; point: number }) {
  const bench = stage(play);
  const before = policiesLeft(bench);
  const goal = goalOf(play);
  let hit: Call | undefined;
  const crashed = () => hit !== undefined && bench.running.size === 0;
  if (disturbance) bench.meddle = faultAt(bench, disturbance, call => (hit = call));
  await bench.start('first');
  await bench.clock.runUntil(() => crashed() || bench.status().phase === goal, 3_600_000);
  if (!crashed()) await bench.clock.runUntil(crashed, REST_MS).catch(() => undefined);
  if (crashed()) {
    await bench.start('second');
    await bench.untilPhase(goal);
    await bench.clock.advance(2 * REST_MS);
  }
  const what = hit ? `${hit.method} ${hit.path} (write ${hit.write})` : 'nothing';
  assert.equal(hit !== undefined, disturbance !== undefined, `${what} was reached`);
  checkHistory(bench);
  checkOneWriter(bench);
  const outcome = outcomeOf(bench);
  bench.end();
  return { outcome, before, what, writes: bench.writes('first').length };
}

function faultAt(bench: Bench, { fault, point }: { fault: Fault; point: number }, onHit: (call: Call) => void): Meddle {
  return async (call, proceed) => {
    if (call.write !== point) return await proceed();
    onHit(call);
    if (fault !== 'killed before') await proceed();
    if (fault !== 'answer lost') for (const running of bench.running) running.kill();
    throw connectionLost('socket hang up');
  };
}
