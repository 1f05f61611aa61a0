/** The way back, step by step: its order, how far it is, and what stands in its way. */
import assert from 'node:assert/strict';
import { RESTORE_FINALIZER } from '../../src/api/resource.ts';
import type { SpecInput } from '../../src/api/schema.ts';
import { decide } from '../../src/rollout/decide.ts';
import { writtenName } from '../../src/rollout/writes.ts';
import { TestMesh } from './mesh.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const MIB = 2 ** 20;

/** Two waves, the first in steps of two, the second in steps of one; everything is STRICT. */
function done(spec: Partial<SpecInput> = {}): TestMesh {
  const waves = [
    { name: 'one', names: ['a', 'b', 'c', 'd'], maxConcurrent: 2 },
    { name: 'two', names: ['e', 'f'] },
  ];
  const mesh = new TestMesh({ target: { namespaces: { names: NAMES } }, strategy: { waves }, ...spec }, NAMES);
  mesh.putPolicy('b', 'theirs', { mtls: { mode: 'PERMISSIVE' } });
  mesh.untilPhase('Completed');
  return mesh;
}

/** Namespaces of the writes of each decision until there is nothing left to do. */
function decisions(mesh: TestMesh): string[][] {
  const found: string[][] = [];
  for (let n = 0; n < 50; n++) {
    const { length } = mesh.writes;
    const next = mesh.step();
    const now = mesh.writes.slice(length).map(write => writtenName(write).split(/[ /]/)[1]!);
    if (now.length > 0) found.push(now.toSorted());
    if (mesh.status.phase === 'Reverted') return found;
    mesh.now = Math.max(mesh.now + 1, next ?? mesh.now);
  }
  return assert.fail(`still ${mesh.status.phase}: ${mesh.status.message}`);
}

function deleted(mesh: TestMesh): void {
  const { rollout } = mesh;
  const metadata = { ...rollout.metadata, deletionTimestamp: '2026-11-22T12:00:00Z', finalizers: [RESTORE_FINALIZER] };
  mesh.rollout = { ...rollout, metadata };
}

describe('the way back', () => {
  for (const [how, begin] of [
    ['in mode Revert', (mesh: TestMesh) => mesh.edit({ mode: 'Revert' })],
    ['of a deleted rollout', (mesh: TestMesh) => deleted(mesh)],
  ] as const) {
    it(`${how} takes the steps in reverse, each whole before the one before it`, () => {
      const mesh = done({ deletionPolicy: 'Restore' });
      begin(mesh);
      assert.deepEqual(decisions(mesh), [['f'], ['e'], ['c', 'd'], ['a', 'b']]);
      assert.deepEqual([...mesh.policies.keys()], ['b/theirs']);
    });

    it(`${how} says at any time how far it is`, () => {
      const mesh = done({ deletionPolicy: 'Restore' });
      begin(mesh);
      const told: (number | undefined)[][] = [];
      mesh.until(({ phase, rollback }) => {
        told.push([rollback?.restored, rollback?.total]);
        return phase === 'Reverted';
      });
      assert.deepEqual(told.slice(0, 4), [
        [0, 6],
        [1, 6],
        [2, 6],
        [4, 6],
      ]);
      assert.deepEqual(told.at(-1), [6, 6]);
      assert.ok(mesh.status.rollback?.finishedAt);
      assert.deepEqual(
        mesh.transitions.slice(-2).map(({ reason }) => reason),
        ['RestoreStarted', 'Reverted'],
      );
    });
  }

  it('goes on after a crash at any decision, whether its status or its writes were lost', () => {
    for (let point = 0; point < 5; point++)
      for (const lost of ['status', 'writes', 'half of the writes'] as const) {
        const mesh = done();
        mesh.edit({ mode: 'Revert' });
        for (let n = 0; n < point; n++) mesh.step();
        const decision = decide(mesh.input());
        if (lost !== 'status') mesh.store(decision);
        if (lost === 'half of the writes') for (const write of decision.writes.slice(0, 1)) mesh.perform(write);
        mesh.untilPhase('Reverted');
        assert.deepEqual([...mesh.policies.keys()], ['b/theirs'], `${lost} of decision ${point}`);
        assert.equal(mesh.writes.filter(({ verb }) => verb === 'delete').length, 5, 'nothing is done twice');
        assert.equal(mesh.status.rollback?.restored, mesh.status.rollback?.total);
      }
  });

  it('leaves to others what they have set meanwhile, and says where', () => {
    const mesh = done();
    mesh.tamper('b', 'theirs', { spec: { mtls: { mode: 'DISABLE' } } });
    mesh.edit({ mode: 'Revert' });
    const { rollback, message } = mesh.untilPhase('Reverted');
    assert.deepEqual(rollback?.kept, ['PeerAuthentication b/theirs']);
    assert.match(message!, /; what somebody else had set in PeerAuthentication b\/theirs stays$/);
    assert.equal(mesh.mode('b'), 'DISABLE');
  });

  it('restores the rest where a policy cannot be restored just now, and then tries that one alone', () => {
    const mesh = done();
    mesh.edit({ mode: 'Revert' });
    const failed = new Set(['PeerAuthentication f/mtls-rollout']);
    mesh.trouble = { reason: 'WriteForbidden', message: 'cannot patch', lasting: true, failed };
    const perform = mesh.perform.bind(mesh);
    mesh.perform = write => {
      if (!failed.has(writtenName(write))) perform(write);
    };
    mesh.until(() => mesh.policies.size === 2);
    mesh.step();
    assert.deepEqual([...mesh.policies.keys()].toSorted(), ['b/theirs', 'f/mtls-rollout']);
    assert.equal(mesh.status.phase, 'RollingBack');
    assert.equal(mesh.condition('Stalled')?.reason, 'WriteForbidden');
    assert.match(mesh.status.message!, /^cannot patch; mode Revert, 1 of 6 policies to restore$/);
    mesh.trouble = undefined;
    failed.clear();
    mesh.untilPhase('Reverted');
    assert.deepEqual([...mesh.policies.keys()], ['b/theirs']);
  });

  it('that was interrupted by an edit back to Enforce moves on from there', () => {
    const mesh = done();
    mesh.edit({ mode: 'Revert' });
    mesh.step();
    mesh.step();
    mesh.edit({ mode: 'Enforce' });
    mesh.untilPhase('Completed');
    for (const name of NAMES) assert.equal(mesh.mode(name), 'STRICT');
    mesh.edit({ mode: 'Revert' });
    mesh.untilPhase('Reverted');
    assert.deepEqual([...mesh.policies.keys()], ['b/theirs']);
  });

  it('of everything takes back also what has left the target, whatever its step was doing', () => {
    for (const stage of ['Preparing', 'Observing', 'Enforcing', 'Soaking'] as const) {
      const mesh = new TestMesh({ target: { namespaces: { names: ['a', 'b'] } } }, ['a', 'b']);
      mesh.until(({ step }) => step?.stage === stage);
      const before = mesh.mode('a');
      mesh.edit({ target: { namespaces: { names: ['b'] } } });
      mesh.untilPhase('Completed');
      assert.ok(mesh.transitions.some(({ reason }) => reason === 'StepObsolete'));
      assert.equal(mesh.mode('a'), before, 'it stays as it was just then');
      mesh.edit({ mode: 'Revert' });
      mesh.untilPhase('Reverted');
      assert.deepEqual([...mesh.policies.keys()], []);
    }
  });

  it('has a record of bounded size, whatever the size of the target', () => {
    const names = Array.from({ length: 400 }, (_, n) => `namespace-with-a-rather-long-name-${n}`);
    const mesh = new TestMesh(
      { target: { namespaces: { names } }, strategy: { waves: [{ name: 'w', names, maxConcurrent: 400 }] } },
      names,
    );
    mesh.untilPhase('Completed');
    for (const name of names) mesh.tamper(name, 'mtls-rollout', { spec: { mtls: { mode: 'DISABLE' } } });
    mesh.edit({ mode: 'Revert' });
    mesh.untilPhase('Reverted');
    assert.ok(JSON.stringify(mesh.status).length < MIB / 8);
  });
});
