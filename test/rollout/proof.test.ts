/** Nothing says that it is rolled back before the pods show it, or the time to wait for that is over. */
import assert from 'node:assert/strict';
import { RESTORE_FINALIZER } from '../../src/api/resource.ts';
import type { SpecInput } from '../../src/api/schema.ts';
import { decide, roundDue } from '../../src/rollout/decide.ts';
import { TestMesh } from './mesh.ts';

const MINUTE = 60_000;
const NAMES = ['a', 'b'];

function failing(spec: Partial<SpecInput> = {}): TestMesh {
  const mesh = new TestMesh({ target: { namespaces: { names: NAMES } }, ...spec }, NAMES);
  mesh.judge = kind => (kind === 'Soak' ? 'Unhealthy' : 'Healthy');
  return mesh;
}

/** Complete, and on its way back by somebody's word. */
function goingBack(how: 'Revert' | 'deletion', spec: Partial<SpecInput> = {}): TestMesh {
  const names = { target: { namespaces: { names: NAMES } } };
  const mesh = new TestMesh({ ...names, deletionPolicy: 'Restore', ...spec }, NAMES);
  mesh.untilPhase('Completed');
  if (how === 'Revert') mesh.edit({ mode: 'Revert' });
  else {
    const metadata = { ...mesh.rollout.metadata, deletionTimestamp: new Date(mesh.now).toISOString() };
    mesh.rollout = { ...mesh.rollout, metadata: { ...metadata, finalizers: [RESTORE_FINALIZER] } };
  }
  return mesh;
}

const WAYS: [string, () => TestMesh, 'RolledBack' | 'Reverted'][] = [
  ['a rollback', failing, 'RolledBack'],
  ['mode Revert', () => goingBack('Revert'), 'Reverted'],
  ['a deletion', () => goingBack('deletion'), 'Reverted'],
];

/** Until every policy is restored. */
function restored(mesh: TestMesh): number {
  mesh.until(({ rollback }) => rollback?.restoredAt !== undefined);
  assert.equal(mesh.policies.size, 0);
  return Date.parse(mesh.status.rollback!.restoredAt!);
}

for (const [way, begin, end] of WAYS)
  describe(`${way} that is written`, () => {
    it('is over only when the pods have shown it', () => {
      const mesh = begin();
      mesh.restored = 'Unhealthy';
      const since = restored(mesh);
      while (mesh.now < since + MINUTE) {
        mesh.now = Math.max(mesh.now + 1, mesh.step() ?? 0);
        assert.equal(mesh.status.phase, 'RollingBack');
      }
      assert.match(mesh.status.message!, /, everything is restored since .*; waiting to see on the pods .*Unhealthy/);
      assert.equal(mesh.status.summary?.waitingOn, 'proof');
      mesh.restored = 'Healthy';
      const { rollback } = mesh.untilPhase(end);
      assert.ok(Date.parse(rollback!.provenAt!) >= since + MINUTE);
      assert.equal(rollback?.unproven, undefined);
      assert.match(mesh.transitions.findLast(({ reason }) => reason === end)!.message, /, and seen on the pods$/);
    });

    for (const verdict of ['NoData', 'Error'] as const)
      it(`is over after two minutes in which the pods say ${verdict}, and tells that`, () => {
        const mesh = begin();
        mesh.restored = verdict;
        const since = restored(mesh);
        const { rollback } = mesh.untilPhase(end);
        assert.ok(mesh.now - since >= 2 * MINUTE && mesh.now - since < 2.2 * MINUTE, `${mesh.now - since} ms`);
        assert.equal(rollback?.provenAt, undefined);
        assert.match(rollback!.unproven!, new RegExp(`says ${verdict}`));
        const { message } = mesh.transitions.findLast(({ reason }) => reason === end)!;
        assert.match(message, /; restored in the API, not seen on the pods: probe restored says/);
        // one that is deleted is gone
        if (way !== 'a deletion') mesh.rests();
        assert.equal(mesh.status.phase, end);
      });

    it('calls for somebody when the pods go on showing STRICT, and ends then too', () => {
      const mesh = begin();
      mesh.restored = 'Unhealthy';
      const since = restored(mesh);
      mesh.until(() => mesh.condition('Stalled')?.status === 'True');
      assert.equal(mesh.condition('Stalled')?.reason, 'RollbackNotSeen');
      assert.ok(mesh.now - since >= 2 * MINUTE);
      mesh.untilPhase(end);
      assert.ok(mesh.now - since >= 360 * MINUTE);
      assert.match(mesh.status.rollback!.unproven!, /says Unhealthy/);
    });

    it('goes on with the proof after a crash', () => {
      const mesh = begin();
      mesh.restored = 'NoData';
      restored(mesh);
      for (let n = 0; n < 10; n++) {
        // what was decided is lost
        decide(mesh.input());
        mesh.now += 1_000;
        mesh.step();
      }
      mesh.restored = 'Healthy';
      const { rollback } = mesh.untilPhase(end);
      assert.ok(rollback?.provenAt);
      assert.equal(rollback.restored, rollback.total);
    });

    it('is not held by a clock that went back', () => {
      const mesh = begin();
      mesh.restored = 'NoData';
      restored(mesh);
      mesh.step();
      mesh.now -= 60 * MINUTE;
      const back = mesh.now;
      mesh.untilPhase(end);
      assert.ok(mesh.now - back < 3 * MINUTE);
    });
  });

describe('the proof of a way back', () => {
  it('asks nobody where nothing had been STRICT', () => {
    const mesh = new TestMesh({ target: { namespaces: { names: NAMES } } }, NAMES);
    mesh.until(({ step }) => step?.stage === 'Observing');
    mesh.edit({ mode: 'Revert' });
    mesh.restored = 'Error';
    const { rollback } = mesh.untilPhase('Reverted');
    assert.deepEqual(rollback?.asked, []);
    assert.ok(rollback.provenAt);
  });

  it('is said to be missing where the author has nobody look at ports', () => {
    const probes = [
      { name: 'r', workloadReadiness: {} },
      { name: 'e', enforcement: {}, dryRun: true },
    ];
    const mesh = failing({ probes, preflight: { accept: ['NoEntryEvidence'] } });
    mesh.restored = 'Healthy';
    const { rollback } = mesh.untilPhase('RolledBack');
    assert.equal(rollback?.unproven, 'spec.probes has no enforcement probe that decides');
  });

  it('is about the scopes that were STRICT, at most sixteen', () => {
    const names = Array.from({ length: 40 }, (_, n) => `n${n}`);
    const waves = [{ name: 'w', names, maxConcurrent: 40 }];
    const mesh = new TestMesh({ target: { namespaces: { names } }, strategy: { waves } }, names);
    mesh.judge = kind => (kind === 'Soak' ? 'Unhealthy' : 'Healthy');
    mesh.until(({ rollback }) => rollback?.restoredAt !== undefined);
    const due = roundDue(mesh.input());
    assert.equal(due?.kind, 'Restored');
    assert.equal(due.step.scopes.length, 16);
    mesh.untilPhase('RolledBack');
  });

  it('is not looked for while the rollout is suspended, and goes on afterwards', () => {
    const mesh = goingBack('Revert');
    mesh.restored = 'Unhealthy';
    restored(mesh);
    mesh.edit({ suspend: true });
    mesh.step();
    assert.equal(roundDue(mesh.input()), undefined);
    mesh.edit({ suspend: false });
    mesh.restored = 'Healthy';
    assert.ok(mesh.untilPhase('Reverted').rollback?.provenAt);
  });
});
