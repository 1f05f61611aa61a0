import assert from 'node:assert/strict';
import { ORIGINAL_ANNOTATION, RETRY_ANNOTATION } from '../../src/api/resource.ts';
import type { SpecInput } from '../../src/api/schema.ts';
import { decide } from '../../src/rollout/decide.ts';
import { TestMesh } from './mesh.ts';
import { meshIn, shopMesh, untouched } from './stages.ts';

const HOUR = 3_600_000;
const NAMES = ['a', 'b', 'c', 'd', 'e'];

/** Waves one (a, b) and two (c, d), one scope a step; the soak of one scope fails. */
function twoWaves(fails: string, spec: Partial<SpecInput> = {}): TestMesh {
  const mesh = new TestMesh(
    {
      target: { namespaces: { names: NAMES } },
      strategy: {
        waves: [
          { name: 'one', names: ['a', 'b'] },
          { name: 'two', names: ['c', 'd'] },
        ],
      },
      ...spec,
    },
    NAMES,
  );
  mesh.judge = (kind, scopes) => (kind === 'Soak' && scopes.includes(fails) ? 'Unhealthy' : 'Healthy');
  return mesh;
}

function strictIn(mesh: TestMesh): string[] {
  return NAMES.filter(name => mesh.mode(name) === 'STRICT');
}

describe('a rollback', () => {
  it('of a wave restores also what a workload left behind that is gone by then', () => {
    const mesh = new TestMesh({ target: { namespaces: { names: ['a'] } }, strategy: { unit: 'Workload' } }, ['a']);
    for (const name of ['one', 'two']) mesh.addWorkload('a', name);
    mesh.judge = (kind, scopes) => (kind === 'Soak' && scopes.includes('a/two') ? 'Unhealthy' : 'Healthy');
    mesh.until(({ step }) => step?.scopes.includes('a/two') === true && step.stage === 'Soaking');
    mesh.workloads.splice(0, 1);
    mesh.untilPhase('RolledBack');
    assert.deepEqual([...mesh.policies.keys()], []);
  });

  for (const [extent, left, words] of [
    ['Step', ['a', 'b', 'c'], 'd'],
    ['Wave', ['a', 'b'], 'wave two'],
    ['All', [], 'all waves'],
  ] as const)
    it(`of extent ${extent} restores ${words}, and nothing else`, () => {
      const mesh = twoWaves('d', { rollback: { extent } });
      const status = mesh.untilPhase('RolledBack');
      assert.deepEqual(strictIn(mesh), left);
      assert.equal(mesh.policies.size, left.length);
      const started = mesh.transitions.find(({ reason }) => reason === 'RollbackStarted');
      assert.match(started?.message ?? '', new RegExp(`^wave two, step 4/5: rolling back ${words}: probe soak: `));
      assert.equal(started?.severity, 'Warning');
      assert.equal(status.waves?.find(({ name }) => name === 'two')?.phase, 'RolledBack');
      assert.ok(status.rollback?.finishedAt);
      mesh.rests();
    });

  it('goes backwards through the plan', () => {
    const mesh = twoWaves('e', { rollback: { extent: 'All' } });
    mesh.untilPhase('RolledBack');
    const undone = mesh.writes.filter(({ verb }) => verb === 'delete');
    assert.deepEqual(
      undone.map(write => write.verb === 'delete' && write.target.namespace),
      ['e', 'd', 'c', 'b', 'a'],
    );
  });

  it('goes on through suspend, mode Plan and an obstacle, and after an edit of the target', () => {
    for (const disturb of [
      (mesh: TestMesh) => mesh.edit({ suspend: true }),
      (mesh: TestMesh) => mesh.edit({ mode: 'Plan' }),
      (mesh: TestMesh) => mesh.edit({ target: { namespaces: { names: ['e'] } } }),
      (mesh: TestMesh) => {
        mesh.obstacle = { reason: 'Conflicted', message: 'x', lasting: true };
      },
    ]) {
      const mesh = meshIn('Soaking');
      mesh.judge = () => 'Unhealthy';
      mesh.now += 30_000;
      mesh.store(decide(mesh.input()));
      assert.equal(mesh.status.phase, 'RollingBack');
      disturb(mesh);
      mesh.step();
      mesh.step();
      assert.deepEqual(untouched(mesh.policies.values()), untouched(shopMesh().policies.values()));
    }
  });

  it('takes many policies in portions, so that no decision is without bounds', () => {
    const names = Array.from({ length: 250 }, (_, n) => `n${n}`);
    const mesh = new TestMesh(
      {
        target: { namespaces: { names } },
        strategy: { waves: [{ name: 'w', names, maxConcurrent: 500 }] },
      },
      names,
    );
    mesh.judge = kind => (kind === 'Soak' ? 'Unhealthy' : 'Healthy');
    mesh.until(({ step }) => step?.stage === 'RollingBack');
    const left = [mesh.policies.size];
    mesh.until(({ step }) => left.push(mesh.policies.size) > 0 && step?.stage === 'RolledBack');
    assert.deepEqual(left, [150, 50, 0, 0, 0]);
  });

  it('restores everything that it safely can around a damaged original, and waits for somebody to see to that', () => {
    const names = Array.from({ length: 120 }, (_, n) => `n${n}`);
    const waves = [{ name: 'w', names, maxConcurrent: 500 }];
    const mesh = new TestMesh({ target: { namespaces: { names } }, strategy: { waves } }, names);
    mesh.until(({ step }) => step?.stage === 'Soaking');
    const hurt = names.slice(-101);
    for (const name of hurt)
      mesh.tamper(name, 'mtls-rollout', { metadata: { annotations: { [ORIGINAL_ANNOTATION]: 'x' } } });
    mesh.judge = () => 'Unhealthy';
    mesh.until(() => mesh.condition('Stalled')?.reason === 'DamagedOriginal');
    assert.equal(mesh.policies.size, hurt.length);
    assert.match(
      mesh.status.message ?? '',
      /101 of 120 policies to restore; the recorded original of PeerAuthentication n\d+\/mtls-rollout is damaged: bring it to the mode/,
    );
    mesh.rests();
    for (const name of hurt) assert.equal(mesh.mode(name), 'STRICT');
    for (const name of hurt) mesh.dropPolicy(name);
    mesh.untilPhase('RolledBack');
  });
});

describe('a rolled back rollout', () => {
  it('rests, and says why and how to go on', () => {
    const mesh = twoWaves('c');
    mesh.untilPhase('RolledBack');
    assert.equal(
      mesh.status.message,
      'wave two, step 3/5 was rolled back: probe soak: Soak is Unhealthy; change the spec, or annotate the rollout with a new value of mtlsrollout.io/retry, to try again',
    );
    assert.deepEqual([mesh.condition('Stalled')?.status, mesh.condition('Stalled')?.reason], ['True', 'RolledBack']);
    assert.equal(mesh.step(), undefined, 'no time wakes it');
    mesh.rests();
    assert.equal(mesh.status.phase, 'RolledBack');
  });

  for (const [how, act] of [
    ['a new value of the retry annotation', (mesh: TestMesh) => mesh.annotate(RETRY_ANNOTATION, 'now')],
    ['an edit', (mesh: TestMesh) => mesh.edit({ analysis: { successes: 2 } })],
  ] as const)
    it(`tries again after ${how}, once`, () => {
      const mesh = twoWaves('c');
      mesh.untilPhase('RolledBack');
      act(mesh);
      mesh.until(({ step }) => step?.stage === 'Soaking');
      assert.equal(mesh.status.rollback, undefined);
      mesh.untilPhase('RolledBack');
      mesh.rests();
      assert.equal(mesh.status.phase, 'RolledBack');
      mesh.judge = () => 'Healthy';
      mesh.annotate(RETRY_ANNOTATION, 'and now');
      mesh.untilPhase('Completed');
      assert.equal(mesh.status.rollback, undefined);
    });

  it('tries again by itself as often as the author said, at the time it says', () => {
    const mesh = twoWaves('c', { rollback: { retries: 2, retryAfter: '2h' } });
    for (const attempt of [1, 2]) {
      mesh.untilPhase('RolledBack');
      const { rollback } = mesh.status;
      assert.equal(rollback?.attempt, attempt);
      assert.equal(Date.parse(rollback.retryAt!) - Date.parse(rollback.at), 2 * HOUR);
      assert.match(mesh.status.message ?? '', /; next try at \d\d:\d\d:\d\d$/);
      mesh.now = Date.parse(rollback.retryAt!) - 1;
      mesh.step();
      assert.equal(mesh.status.phase, 'RolledBack');
      mesh.now += 1;
      mesh.step();
      assert.equal(mesh.status.phase, 'Preparing');
    }
    mesh.untilPhase('RolledBack');
    assert.equal(mesh.status.rollback?.retryAt, undefined);
    mesh.rests();
    assert.equal(mesh.status.phase, 'RolledBack');
  });

  it('forgets the rollback when a later try of its own completes', () => {
    const mesh = twoWaves('c', { rollback: { retries: 1 } });
    mesh.untilPhase('RolledBack');
    mesh.judge = () => 'Healthy';
    mesh.until(({ step }) => step?.scopes[0] === 'd');
    assert.equal(mesh.status.rollback?.attempt, 1, 'still counted while the rollout runs');
    mesh.untilPhase('Completed');
    assert.equal(mesh.status.rollback, undefined);
  });

  it('counts its tries also when the steps before the one that fails succeed each time', () => {
    const mesh = twoWaves('d', { rollback: { retries: 1, extent: 'All' } });
    let tries = 0;
    for (; tries < 5; tries++) {
      mesh.untilPhase('RolledBack');
      const { retryAt } = mesh.status.rollback!;
      if (!retryAt) break;
      mesh.now = Date.parse(retryAt);
      mesh.step();
    }
    assert.equal(tries, 1);
  });

  it('counts anew for a new spec', () => {
    const mesh = twoWaves('c', { rollback: { retries: 1 } });
    mesh.untilPhase('RolledBack');
    mesh.edit({ analysis: { successes: 2 } });
    mesh.until(({ step }) => step?.stage === 'Soaking');
    mesh.untilPhase('RolledBack');
    assert.equal(mesh.status.rollback?.attempt, 1);
  });
});
