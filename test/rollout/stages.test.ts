import assert from 'node:assert/strict';
import { decide } from '../../src/rollout/decide.ts';
import type { TestMesh } from './mesh.ts';
import { meshIn, RUNNING, SHOP, shopMesh, untouched } from './stages.ts';

const DAY = 86_400_000;

function assertCompleted(mesh: TestMesh, names = SHOP): void {
  const status = mesh.untilPhase('Completed');
  for (const name of names) assert.equal(mesh.mode(name), 'STRICT', name);
  assert.deepEqual(status.strict, { done: names.length, total: names.length });
  assert.equal(mesh.condition('Ready')?.status, 'True');
  mesh.rests();
}

for (const stage of RUNNING)
  describe(`a step in ${stage}`, () => {
    for (const [how, held, released, phase] of [
      ['suspended', { suspend: true }, { suspend: false }, 'Suspended'],
      ['set to mode Plan', { mode: 'Plan' }, { mode: 'Enforce' }, 'Planned'],
    ] as const)
      it(`stays where it is while ${how}, however long, and goes on afterwards without a rollback`, () => {
        const mesh = meshIn(stage);
        mesh.edit(held);
        mesh.judge = () => assert.fail('nobody looks while it is held');
        mesh.step();
        assert.equal(mesh.status.phase, phase);
        assert.equal(mesh.status.step?.stage, stage);
        assert.match(
          mesh.status.message ?? '',
          new RegExp(`^wave rest, step 1/3 \\(ad\\) is held in ${stage} by spec`),
        );
        assert.equal(mesh.condition('Stalled')?.status, 'False');
        mesh.rests();
        mesh.now += 30 * DAY;
        mesh.judge = () => 'Healthy';
        mesh.edit(released);
        assertCompleted(mesh);
        assert.ok(!mesh.transitions.some(({ reason }) => reason === 'RollbackStarted'));
      });

    it('goes back to the originals in mode Revert, from which it can begin again', () => {
      const mesh = meshIn(stage);
      const before = untouched(shopMesh().policies.values());
      mesh.edit({ mode: 'Revert' });
      const status = mesh.untilPhase('Reverted');
      assert.deepEqual(untouched(mesh.policies.values()), before);
      assert.equal(status.step, undefined);
      assert.equal(mesh.condition('Ready')?.reason, 'Reverted');
      mesh.rests();
      mesh.edit({ mode: 'Enforce' });
      assertCompleted(mesh);
    });

    it('goes on when an edit does not concern it', () => {
      const mesh = meshIn(stage);
      const { startedAt } = mesh.status.step!;
      mesh.edit({ analysis: { interval: '10s' } });
      mesh.step();
      assert.equal(mesh.status.step?.startedAt, startedAt);
      assertCompleted(mesh);
      assert.equal(mesh.transitions.filter(({ reason }) => reason === 'StepStarted').length, 3);
    });

    it('ends without harm when an edit takes its scope out of the target', () => {
      const mesh = meshIn(stage);
      mesh.edit({ target: { namespaces: { names: ['cart', 'web'] } } });
      assertCompleted(mesh, ['cart', 'web']);
      assert.ok(mesh.transitions.some(({ reason, scopes }) => reason === 'StepObsolete' && scopes?.includes('ad')));
    });

    it('ends without harm, and soon, when its namespace is deleted', () => {
      const mesh = meshIn(stage);
      const began = mesh.now;
      mesh.removeNamespace('ad');
      mesh.until(({ step }) => !step?.scopes.includes('ad'));
      assert.ok(mesh.now - began < 60_000, 'waits for nothing');
      assertCompleted(mesh, ['cart', 'web']);
    });

    it('takes a namespace that was deleted and made anew for a new one', () => {
      const mesh = meshIn(stage);
      mesh.removeNamespace('ad');
      mesh.now += 5000;
      mesh.addNamespace('ad', { team: 'shop' });
      mesh.step();
      assert.notEqual(mesh.mode('ad'), 'STRICT');
      assertCompleted(mesh);
      const started = mesh.transitions.filter(({ reason, scopes }) => reason === 'StepStarted' && scopes?.[0] === 'ad');
      assert.equal(started.length, 2);
    });

    it('holds while somebody has to act first, and goes on when that is over', () => {
      const mesh = meshIn(stage);
      mesh.obstacle = { reason: 'Conflicted', message: 'another rollout governs cart; delete it', lasting: true };
      mesh.step();
      assert.equal(mesh.status.phase, 'Refused');
      assert.equal(mesh.status.step?.stage, stage);
      assert.equal(mesh.status.message, mesh.obstacle.message);
      assert.deepEqual([mesh.condition('Stalled')?.status, mesh.condition('Stalled')?.reason], ['True', 'Conflicted']);
      mesh.rests();
      mesh.obstacle = undefined;
      assertCompleted(mesh);
      assert.ok(!mesh.transitions.some(({ reason }) => reason === 'RollbackStarted'));
    });
  });

describe('a wider policy that becomes STRICT by other hands', () => {
  for (const stage of ['Preparing', 'Observing'] as const)
    it(`makes our own PERMISSIVE go in ${stage}, so that nothing is held down`, () => {
      const mesh = meshIn(stage);
      assert.equal(mesh.policy('ad')?.spec.mtls?.mode, 'PERMISSIVE');
      mesh.putPolicy('istio-system', 'default', { mtls: { mode: 'STRICT' } });
      mesh.until(() => mesh.policy('ad') === undefined, 3);
      assertCompleted(mesh);
      assert.equal(mesh.policy('ad'), undefined);
      assert.equal(mesh.policy('web'), undefined);
    });

  it('is not lowered by a policy of ours in Enforcing, before the first write', () => {
    const mesh = meshIn('Observing');
    mesh.until(({ step }) => step?.healthyRounds === 2);
    mesh.now += 30_000;
    mesh.store(decide(mesh.input()));
    assert.equal(mesh.status.step?.stage, 'Enforcing');
    mesh.putPolicy('istio-system', 'default', { mtls: { mode: 'STRICT' } });
    mesh.step();
    assert.equal(mesh.mode('ad'), 'STRICT');
  });
});

describe('a namespace that appears later', () => {
  it('joins a wave that is done in a step of its own, with the same evidence', () => {
    const mesh = shopMesh({ strategy: { waves: [{ name: 'shop', selector: { matchLabels: { team: 'shop' } } }] } });
    mesh.untilPhase('Completed');
    const finished = mesh.status.waves?.[0]?.finishedAt;
    mesh.addNamespace('late', { team: 'shop' });
    const looks: string[] = [];
    mesh.judge = (kind, scopes) => {
      looks.push(`${kind} ${scopes.join()}`);
      return 'Healthy';
    };
    mesh.step();
    assert.deepEqual(mesh.status.waves?.[0]?.phase, 'Progressing');
    assert.equal(mesh.status.summary?.step, '4/4');
    assertCompleted(mesh, [...SHOP, 'late']);
    assert.deepEqual(looks.slice(0, 3), ['Entry late', 'Entry late', 'Entry late']);
    assert.ok(looks.every(look => look.endsWith(' late') || look.startsWith('Guard ')));
    assert.notEqual(mesh.status.waves?.[0]?.finishedAt, finished);
  });

  it('needs nothing where it is STRICT from the begin', () => {
    const mesh = shopMesh();
    mesh.untilPhase('Completed');
    mesh.putPolicy('late', 'default', { mtls: { mode: 'STRICT' } });
    mesh.addNamespace('late', { team: 'shop' });
    const { length } = mesh.writes;
    mesh.step();
    assert.deepEqual([mesh.status.phase, mesh.writes.length], ['Completed', length]);
  });

  it('may be born by a clock that is ahead of ours', () => {
    const mesh = shopMesh();
    mesh.namespaces.find(({ name }) => name === 'ad')!.created += 3600;
    assertCompleted(mesh);
  });
});

describe('a clock that goes back', () => {
  for (const stage of RUNNING)
    it(`does not make ${stage} wait for the future`, () => {
      const mesh = meshIn(stage);
      mesh.now -= 365 * DAY;
      const back = mesh.now;
      assertCompleted(mesh);
      assert.ok(mesh.now - back < 5 * DAY, 'goes on at once');
    });
});
