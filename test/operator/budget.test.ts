/** Many rollouts at once, and a budget: at no revision of the cluster does more move than it allows. */
import assert from 'node:assert/strict';
import type { Status } from '../../src/api/status.ts';
import { shareOf } from '../../src/rollout/gates/budget.ts';
import { Bench, settingsOf } from './harness.ts';
import { checkHistory } from './oracles.ts';
import { QUICK, ROLLOUT_API, rollout, scene, SHOP } from './scene.ts';

const MINUTES = 60_000;
const TEAMS = SHOP.slice(0, 8);

/** A rollout in each namespace, the later in the list the younger. */
async function teams(...budget: string[]): Promise<Bench> {
  const bench = new Bench(scene(SHOP));
  for (const name of TEAMS) {
    bench.cluster.put(team(name));
    await bench.clock.advance(1000);
  }
  await bench.start('first', settingsOf(`budget: {${budget.join(', ')}}`));
  return bench;
}

function team(name: string): object {
  return rollout(
    { target: { namespace: {} }, strategy: { waves: [{ name: 'all', names: [name], soak: '20s' }] }, ...QUICK },
    name,
    name,
  );
}

const statusOf = (bench: Bench, name: string) => bench.status(name, name);

/** The most that moved together, by the statuses at each revision. */
function mostMoving({ history }: Bench): number {
  const moving = new Map<string, number>();
  let most = 0;
  for (const { table, verb, object } of history) {
    if (table !== 'mtlsrollouts.mtlsrollout.io') continue;
    const { namespace, name } = object.metadata;
    const status = (object['status'] ?? {}) as Status;
    moving.set(`${namespace}/${name}`, verb === 'delete' ? 0 : shareOf(status).moving);
    most = Math.max(
      most,
      [...moving.values()].reduce((sum, each) => sum + each, 0),
    );
  }
  return most;
}

/** Names of rollouts in the order in which their first step began. */
function order({ lines }: Bench): string[] {
  return lines
    .filter(({ fields }) => fields['reason'] === 'StepStarted')
    .map(({ fields }) => String(fields['rollout']).split('/')[1]!);
}

/** Between the end of a step and the begin of the next one, where they go one after the other. */
function longestPause({ lines }: Bench): number {
  const at = (reason: string) => lines.filter(({ fields }) => fields['reason'] === reason).map(line => line.at);
  const begins = at('StepStarted');
  return Math.max(
    ...at('StepDone')
      .slice(0, -1)
      .map((end, index) => begins[index + 1]! - end),
  );
}

describe('a budget of moving scopes', () => {
  for (const movingScopes of [1, 3])
    it(`lets at most ${movingScopes} of ${TEAMS.length} rollouts move at a time, the oldest first, and all of them in the end`, async () => {
      const bench = await teams(`movingScopes: ${movingScopes}`);
      await bench.clock.advance(5000);
      assert.equal(statusOf(bench, TEAMS.at(-1)!).summary?.waitingOn, 'budget');
      for (const name of TEAMS) await bench.untilPhase('Completed', name, name);
      assert.equal(mostMoving(bench), movingScopes);
      assert.deepEqual(order(bench), TEAMS);
      if (movingScopes === 1)
        assert.ok(longestPause(bench) <= 1000, `${longestPause(bench)} ms in which nothing moved`);
      bench.end();
      checkHistory(bench);
    });

  it('gives the room of a rollout that is deleted to the next one, at once', async () => {
    const bench = await teams('movingScopes: 1');
    bench.sight.plaintext = name => (name === TEAMS[0] ? 5 : 0);
    await bench.clock.advance(5 * MINUTES + 25_000);
    assert.equal(statusOf(bench, TEAMS[0]!).phase, 'Observing');
    assert.match(
      statusOf(bench, TEAMS[1]!).message!,
      /no room for 1 scope in the budget of the cluster: 1 of at most 1 move \(ad\/ad 1\); it begins by itself/,
    );
    bench.cluster.remove(ROLLOUT_API, 'MtlsRollout', TEAMS[0]!, TEAMS[0]!);
    await bench.clock.advance(1000);
    assert.equal(statusOf(bench, TEAMS[1]!).step?.stage, 'Observing');
    bench.end();
  });

  it('is kept by a new leader', async () => {
    const bench = await teams('movingScopes: 2');
    await bench.clock.advance(15_000);
    for (const running of bench.running) running.kill();
    await bench.start('second', settingsOf('budget: {movingScopes: 2}'));
    for (const name of TEAMS) await bench.untilPhase('Completed', name, name);
    assert.equal(mostMoving(bench), 2);
    bench.end();
    checkHistory(bench);
  });

  it('is kept while answers come late and the watch is behind', async () => {
    const bench = await teams('movingScopes: 2');
    bench.meddle = async ({ kind }, proceed) => {
      const answer = await proceed();
      if (kind === 'mtlsrollouts/status') await bench.clock.wait(700);
      return answer;
    };
    for (const name of TEAMS) await bench.untilPhase('Completed', name, name);
    assert.equal(mostMoving(bench), 2);
    bench.end();
    checkHistory(bench);
  });
});

describe('a budget of failing rollouts', () => {
  it('stops the others once one has failed, but for soaks, and lets them go on when it is reverted', async () => {
    const bench = await teams('movingScopes: 2', 'failingRollouts: 1');
    bench.sight.plaintext = name => (name === TEAMS[0] && bench.sight.mode(name) === 'STRICT' ? 5 : 0);
    await bench.untilPhase('RolledBack', TEAMS[0], TEAMS[0]);
    await bench.clock.advance(30 * MINUTES);
    const phases = TEAMS.map(name => statusOf(bench, name).phase);
    assert.deepEqual(phases.slice(0, 2), ['RolledBack', 'Completed'], 'the one beside it had been STRICT already');
    assert.ok(
      phases.slice(2).every(phase => phase === 'Pending' || phase === 'Observing'),
      phases.join(),
    );
    const { message } = statusOf(bench, TEAMS[4]!);
    assert.match(
      message!,
      /as many rollouts have failed as the budget of the cluster allows \(budget.failingRollouts 1\): ad\/ad; it/,
    );
    const failed = bench.rollout(TEAMS[0], TEAMS[0])!;
    bench.cluster.put({ ...failed, spec: { ...(failed['spec'] as object), mode: 'Revert' } });
    for (const name of TEAMS.slice(2)) await bench.untilPhase('Completed', name, name);
    assert.ok(mostMoving(bench) <= 2);
    bench.end();
    checkHistory(bench);
  });
});

describe('a budget smaller than a step', () => {
  it('holds that step for good and says so; others take the room', async () => {
    const bench = new Bench(scene(SHOP));
    const spec = {
      target: { namespaces: { names: SHOP.slice(8) } },
      strategy: { waves: [{ name: 'all', names: SHOP.slice(8), maxConcurrent: 3 }] },
      ...QUICK,
    };
    bench.cluster.put(rollout(spec));
    await bench.clock.advance(1000);
    bench.cluster.put(team('ad'));
    await bench.start('first', settingsOf('budget: {movingScopes: 2}'));
    await bench.untilPhase('Completed', 'ad', 'ad');
    assert.match(
      bench.status().message!,
      /has 3 scopes and the budget of the cluster is smaller \(budget.movingScopes 2\)/,
    );
    assert.equal(bench.status().conditions?.find(({ type }) => type === 'Stalled')?.reason, 'BudgetTooSmall');
    bench.cluster.put(
      rollout({ ...spec, strategy: { waves: [{ name: 'all', names: SHOP.slice(8), maxConcurrent: 2 }] } }),
    );
    await bench.untilPhase('Completed');
    assert.equal(mostMoving(bench), 2);
    bench.end();
  });
});
