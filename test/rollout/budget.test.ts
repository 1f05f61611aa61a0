/** The budget of the cluster, as a table: who moves, who waits, and whether a step of two scopes may begin. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import type { Status } from '../../src/api/status.ts';
import { decide } from '../../src/rollout/decide.ts';
import { type Limits, type Neighbour, shareOf } from '../../src/rollout/gates/budget.ts';
import type { TestMesh } from './mesh.ts';
import { meshIn, RUNNING, shopMesh } from './stages.ts';

const PAIRS: Partial<SpecInput> = { strategy: { waves: [{ name: 'pair', names: ['ad', 'cart'], maxConcurrent: 2 }] } };

function neighbour(name: string, share: Partial<Neighbour>): Neighbour {
  return { name, isOlder: false, moving: 0, isFailing: false, isWaiting: false, wanted: 0, ...share };
}

const moves = (name: string, moving: number) => neighbour(name, { moving });
const fails = (name: string) => neighbour(name, { isFailing: true });
const waits = (name: string, wanted: number, isOlder: boolean) => neighbour(name, { isWaiting: true, wanted, isOlder });

interface Row {
  what: string;
  limits: Limits;
  neighbours?: Neighbour[];
  /** Absent: the step begins. */
  message?: RegExp;
  on?: string;
}

const ROWS: Row[] = [
  { what: 'nobody else', limits: { movingScopes: 2, failingRollouts: 1 } },
  { what: 'room that is just enough', limits: { movingScopes: 5 }, neighbours: [moves('a/a', 2), moves('b/b', 1)] },
  {
    what: 'no room for both scopes',
    limits: { movingScopes: 4 },
    neighbours: [moves('a/a', 2), moves('b/b', 1)],
    message:
      /^wave pair, step 1\/2: ad and cart held since 09:00:00: no room for 2 scopes in the budget of the cluster: 3 of at most 4 move \(a\/a 2 and b\/b 1\); it begins by itself when there is room$/,
  },
  {
    what: 'an older one in the line, which comes first',
    limits: { movingScopes: 4 },
    neighbours: [moves('a/a', 1), waits('old/old', 3, true)],
    message: /: 1 of at most 4 move \(a\/a 1\); older ones come first \(old\/old 3\); it begins/,
  },
  {
    what: 'an older one in the line, and room for both',
    limits: { movingScopes: 4 },
    neighbours: [waits('old/old', 2, true)],
  },
  {
    what: 'a younger one in the line, which comes later',
    limits: { movingScopes: 2 },
    neighbours: [waits('young/young', 2, false)],
  },
  {
    what: 'an older one that never fits, which keeps nobody waiting',
    limits: { movingScopes: 2 },
    neighbours: [waits('old/huge', 3, true)],
  },
  {
    what: 'a budget smaller than the step',
    limits: { movingScopes: 1 },
    on: 'BudgetTooSmall',
    message:
      /: the step has 2 scopes and the budget of the cluster is smaller \(budget.movingScopes 1\): it cannot begin; set maxConcurrent of the wave to 1 or less$/,
  },
  { what: 'no limit of moving scopes', limits: { failingRollouts: 1 }, neighbours: [moves('a/a', 5000)] },
  { what: 'no limit of failing ones', limits: { movingScopes: 9 }, neighbours: [fails('a/a'), fails('b/b')] },
  { what: 'fewer failing than may', limits: { failingRollouts: 2 }, neighbours: [fails('a/a'), moves('b/b', 1)] },
  {
    what: 'as many failing as may',
    limits: { failingRollouts: 2 },
    neighbours: [fails('a/a'), fails('b/b'), moves('c/c', 1)],
    message:
      /: as many rollouts have failed as the budget of the cluster allows \(budget.failingRollouts 2\): a\/a and b\/b; it goes on when they are tried again/,
  },
];

function withBudget(mesh: TestMesh, limits: Limits, neighbours: Neighbour[] = []): TestMesh {
  mesh.outside = { freeze: { freeze: undefined }, budget: { limits, neighbours } };
  return mesh;
}

describe('the budget of the cluster', () => {
  for (const { what, limits, neighbours, message, on = 'budget' } of ROWS)
    it(`${what}: the step ${message ? 'is held' : 'begins'}`, () => {
      const { status, writes } = decide(withBudget(shopMesh(PAIRS), limits, neighbours).input());
      if (!message) return assert.equal(status.step?.stage, 'Preparing');
      assert.deepEqual([status.phase, status.step?.stage, status.summary?.waitingOn], ['Pending', 'Pending', on]);
      assert.match(status.message ?? '', message);
      assert.deepEqual(writes, []);
      const stalled = status.conditions?.find(({ type }) => type === 'Stalled');
      assert.equal(stalled?.status === 'True' ? stalled.reason : 'budget', on);
    });

  for (const stage of RUNNING) {
    it(`has room for a step in ${stage}, which began before it was lowered`, () => {
      const mesh = withBudget(meshIn(stage), { movingScopes: 1 }, [moves('a/a', 7)]);
      assert.notEqual(decide(mesh.input()).status.summary?.waitingOn, 'budget');
    });

    it(`${stage === 'Preparing' || stage === 'Observing' ? 'holds' : 'no longer holds'} a step in ${stage} when others fail`, () => {
      const { status, writes } = decide(withBudget(meshIn(stage), { failingRollouts: 1 }, [fails('a/a')]).input());
      const isHeld = stage === 'Preparing' || stage === 'Observing';
      assert.equal(status.summary?.waitingOn === 'budget', isHeld);
      if (isHeld) assert.deepEqual(writes, []);
    });
  }

  it('never holds a rollback', () => {
    const mesh = withBudget(meshIn('Soaking'), { movingScopes: 1, failingRollouts: 1 }, [
      fails('a/a'),
      moves('b/b', 9),
    ]);
    mesh.judge = () => 'Unhealthy';
    mesh.untilPhase('RolledBack');
    assert.equal(mesh.mode('ad'), 'PERMISSIVE');
  });
});

describe('the share of a rollout', () => {
  const none = { moving: 0, isFailing: false, isWaiting: false, wanted: 0 };

  it('is nothing before it begins and when it is done', () => {
    assert.deepEqual(shareOf({}), none);
    assert.deepEqual(shareOf(shopMesh().untilPhase('Completed')), none);
  });

  for (const stage of RUNNING)
    it(`is its scopes in ${stage}`, () => assert.deepEqual(shareOf(meshIn(stage).status), { ...none, moving: 1 }));

  it('is its scopes, and a failure, while it rolls back; then a failure; nothing once it is reverted', () => {
    const mesh = meshIn('Soaking');
    mesh.judge = () => 'Unhealthy';
    mesh.untilPhase('RollingBack');
    assert.deepEqual(shareOf(mesh.status), { ...none, moving: 1, isFailing: true });
    mesh.untilPhase('RolledBack');
    assert.deepEqual(shareOf(mesh.status), { ...none, isFailing: true });
    mesh.edit({ mode: 'Revert' });
    mesh.untilPhase('Reverted');
    assert.deepEqual(shareOf(mesh.status), none);
  });

  it('is its scopes, and a failure, while it is paused after a failure', () => {
    const mesh = meshIn('Soaking', { rollback: { onFailure: 'Pause' } });
    mesh.judge = () => 'Unhealthy';
    mesh.untilPhase('Paused');
    assert.deepEqual(shareOf(mesh.status), { ...none, moving: 1, isFailing: true });
  });

  it('is a place in the line while nothing but the budget holds it', () => {
    const mesh = withBudget(shopMesh(PAIRS), { movingScopes: 2 }, [moves('a/a', 1)]);
    mesh.step();
    assert.deepEqual(shareOf(mesh.status), { ...none, isWaiting: true, wanted: 2 });
    const small = withBudget(shopMesh(PAIRS), { movingScopes: 1 });
    small.step();
    assert.deepEqual(shareOf(small.status), none);
  });

  it('can be read from a status that holds next to nothing', () => {
    const status: Status = { summary: { waitingOn: 'budget' } };
    assert.deepEqual(shareOf(status), { ...none, isWaiting: true });
  });
});
