import assert from 'node:assert/strict';
import { RETRY_ANNOTATION } from '../../src/api/resource.ts';
import type { SpecInput } from '../../src/api/schema.ts';
import type { TestMesh } from './mesh.ts';
import { shopMesh } from './stages.ts';

const HOUR = 3_600_000;

function completed(spec: Partial<SpecInput> = {}): TestMesh {
  const mesh = shopMesh(spec);
  mesh.untilPhase('Completed');
  mesh.writes.length = 0;
  mesh.transitions.length = 0;
  return mesh;
}

const reasons = (mesh: TestMesh) => mesh.transitions.map(({ reason }) => reason);

/** Somebody else writes PERMISSIVE whenever our policy of `ad` says STRICT, while time passes. */
function fight(mesh: TestMesh, hours: number, revert: (mesh: TestMesh) => void): void {
  const end = mesh.now + hours * HOUR;
  while (mesh.now < end) {
    if (mesh.mode('ad') === 'STRICT') revert(mesh);
    const next = mesh.step();
    mesh.now = Math.max(mesh.now + 1, Math.min(next ?? end, mesh.now + 60_000));
  }
}

const weakened = (mode: string) => ({
  spec: { mtls: { mode } },
  metadata: { managedFields: [{ manager: 'argocd-controller', time: '2026-11-22T10:00:00Z' }] },
});

/** What others do to a scope that has moved, and what is said about it. */
const acts: Record<string, [(mesh: TestMesh) => void, RegExp]> = {
  'sets PERMISSIVE': [
    mesh => mesh.tamper('ad', 'mtls-rollout', weakened('PERMISSIVE')),
    /PeerAuthentication ad\/mtls-rollout was set to PERMISSIVE by argocd-controller/,
  ],
  'deletes the policy': [mesh => mesh.dropPolicy('ad'), /the policy of ad was deleted by somebody else/],
  'puts an own policy in its place': [
    mesh => {
      mesh.dropPolicy('ad', mesh.policy('ad') ? 'mtls-rollout' : 'theirs');
      mesh.putPolicy('ad', 'theirs', { mtls: { mode: 'PERMISSIVE' } });
    },
    /PeerAuthentication ad\/theirs was set to PERMISSIVE by somebody else/,
  ],
  'replaces it without our marks': [
    mesh => {
      const { metadata } = mesh.policy('ad')!;
      mesh.putPolicy('ad', 'mtls-rollout', { mtls: { mode: 'PERMISSIVE' } }, { ...metadata, annotations: {} });
    },
    /PeerAuthentication ad\/mtls-rollout was set to PERMISSIVE/,
  ],
};

describe('drift', () => {
  for (const [what, [act, cause]] of Object.entries(acts)) {
    it(`Report: who ${what} is named once, and nothing is written until somebody asks`, () => {
      const mesh = completed();
      act(mesh);
      mesh.step();
      assert.match(mesh.status.message ?? '', cause);
      assert.match(mesh.condition('Drifted')?.message ?? '', cause);
      assert.equal(mesh.condition('Drifted')?.status, 'True');
      assert.equal(mesh.condition('Ready')?.status, 'False');
      assert.equal(mesh.condition('Stalled')?.reason, 'Drifted');
      mesh.rests();
      assert.deepEqual(reasons(mesh), ['Drifted']);
      mesh.annotate(RETRY_ANNOTATION, 'again');
      mesh.untilPhase('Completed');
      assert.equal(mesh.mode('ad'), 'STRICT');
      assert.equal(mesh.status.drift, undefined);
      assert.equal(mesh.condition('Drifted')?.status, 'False');
    });

    it(`Correct: who ${what} is named, and the scope moves again through every stage`, () => {
      const mesh = completed({ drift: 'Correct' });
      act(mesh);
      mesh.untilPhase('Completed');
      assert.equal(mesh.mode('ad'), 'STRICT');
      assert.match(mesh.transitions[0]?.message ?? '', cause);
      assert.deepEqual(reasons(mesh).slice(0, 2), ['Drifted', 'StepStarted']);
      assert.ok(reasons(mesh).includes('EvidenceComplete'), 'never without evidence');
      assert.equal(mesh.condition('Ready')?.status, 'True');
      mesh.rests();
      assert.equal(mesh.status.drift, undefined, 'forgotten after an hour');
    });

    it(`Correct: who ${what} each time is fought three times, then named and left alone`, () => {
      const mesh = completed({ drift: 'Correct' });
      fight(mesh, 24, act);
      assert.ok(mesh.writes.length <= 3, `${mesh.writes.length} writes`);
      assert.equal(mesh.condition('Stalled')?.reason, 'DriftFight');
      assert.match(mesh.status.message ?? '', cause);
      assert.match(mesh.status.message ?? '', /mtlsrollout\.io\/retry/);
      assert.equal(reasons(mesh).filter(reason => reason === 'DriftFight').length, 1);
      mesh.rests();
      mesh.annotate(RETRY_ANNOTATION, 'again');
      mesh.untilPhase('Completed');
      assert.equal(mesh.mode('ad'), 'STRICT');
    });
  }

  it('Correct: nothing is corrected while plaintext comes', () => {
    const mesh = completed({ drift: 'Correct' });
    mesh.judge = kind => (kind === 'Entry' ? 'Unhealthy' : 'Healthy');
    mesh.tamper('ad', 'mtls-rollout', weakened('PERMISSIVE'));
    mesh.until(({ step }) => step?.stage === 'Observing');
    mesh.now += 10 * HOUR;
    mesh.step();
    assert.deepEqual(mesh.writes, []);
    assert.equal(mesh.condition('Drifted')?.status, 'True');
    mesh.judge = () => 'Healthy';
    mesh.untilPhase('Completed');
    assert.equal(mesh.mode('ad'), 'STRICT');
  });

  it('Correct: who sets DISABLE is not overruled while that would cut clients off', () => {
    const mesh = completed({ drift: 'Correct' });
    mesh.tamper('ad', 'mtls-rollout', weakened('DISABLE'));
    mesh.step();
    mesh.rests();
    assert.equal(mesh.condition('Stalled')?.reason, 'LeavesDisable');
    assert.equal(mesh.condition('Drifted')?.status, 'True');
    assert.equal(mesh.mode('ad'), 'DISABLE');
  });

  it('Correct: a narrower policy of somebody else is named and left alone', () => {
    const mesh = completed({ drift: 'Correct' });
    mesh.putPolicy('ad', 'theirs', { selector: { matchLabels: { app: 'db' } }, mtls: { mode: 'PERMISSIVE' } });
    mesh.step();
    mesh.rests();
    assert.deepEqual(mesh.writes, []);
    assert.match(mesh.condition('Drifted')?.message ?? '', /PeerAuthentication ad\/theirs asks for less inside ad/);
    assert.equal(mesh.condition('Stalled')?.reason, 'WeakerPolicy');
    mesh.dropPolicy('ad', 'theirs');
    mesh.step();
    assert.equal(mesh.status.phase, 'Completed');
  });

  it('Correct: what does harm again goes back, and nothing beside it', () => {
    const mesh = completed({ drift: 'Correct' });
    mesh.tamper('ad', 'mtls-rollout', weakened('PERMISSIVE'));
    mesh.until(({ step }) => step?.stage === 'Soaking');
    mesh.judge = kind => (kind === 'Soak' ? 'Unhealthy' : 'Healthy');
    mesh.untilPhase('RolledBack');
    assert.equal(mesh.mode('ad'), 'PERMISSIVE');
    assert.equal(mesh.mode('cart'), 'STRICT');
    assert.equal(mesh.mode('web'), 'STRICT');
    mesh.rests();
  });

  it('who sets it back by hand ends it', () => {
    const mesh = completed();
    mesh.tamper('ad', 'mtls-rollout', weakened('PERMISSIVE'));
    mesh.step();
    mesh.tamper('ad', 'mtls-rollout', weakened('STRICT'));
    mesh.step();
    assert.equal(mesh.status.phase, 'Completed');
    assert.deepEqual(reasons(mesh), ['Drifted', 'DriftOver', 'Completed']);
    assert.equal(mesh.status.drift, undefined);
  });

  it('a namespace that is made anew is a stranger, and joins', () => {
    const mesh = completed();
    mesh.now += HOUR;
    mesh.removeNamespace('ad');
    mesh.addNamespace('ad', { team: 'shop' });
    mesh.untilPhase('Completed');
    assert.equal(mesh.mode('ad'), 'STRICT');
    assert.ok(!reasons(mesh).includes('Drifted'));
  });
});
