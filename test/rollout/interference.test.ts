import assert from 'node:assert/strict';
import { RETRY_ANNOTATION } from '../../src/api/resource.ts';
import type { Mode } from '../../src/istio/objects.ts';
import { timestamp } from '../../src/rollout/text.ts';
import { decide } from '../../src/rollout/decide.ts';
import { TestMesh } from './mesh.ts';
import { meshIn, shopMesh } from './stages.ts';

const KUBECTL = {
  managedFields: [{ manager: 'mtls-rollout' }, { manager: 'kubectl-edit', time: '2026-11-22T09:30:00Z' }],
};
const LEAVE = { preflight: { accept: ['LeavesDisable'] } };

/** Somebody sets a mode on our policy of `ad`. */
function weaken(mesh: TestMesh, mode: Mode): void {
  mesh.tamper('ad', 'mtls-rollout', { spec: { mtls: { mode } }, metadata: KUBECTL });
}

/** Whatever time passes, the rollout says what it waits for and leaves the policies alone. */
function assertPaused(mesh: TestMesh, message: RegExp): void {
  mesh.step();
  assert.equal(mesh.status.phase, 'Paused');
  assert.match(mesh.status.message ?? '', message);
  assert.match(mesh.status.message ?? '', /mtlsrollout\.io\/retry/, 'says what to do');
  assert.equal(mesh.condition('Stalled')?.status, 'True');
  assert.equal(mesh.condition('Reconciling')?.status, 'False');
  mesh.rests();
  assert.equal(mesh.status.phase, 'Paused');
}

function assertRetried(mesh: TestMesh): void {
  mesh.annotate(RETRY_ANNOTATION, 'once');
  mesh.untilPhase('Completed');
  assert.equal(mesh.mode('ad'), 'STRICT');
  assert.equal(mesh.status.retried, 'once');
  mesh.rests();
}

describe('somebody else', () => {
  for (const stage of ['Observing', 'Enforcing', 'Soaking'] as const) {
    it(`who deletes the policy in ${stage} wins: the step pauses until somebody asks for more`, () => {
      const mesh = meshIn(stage);
      mesh.dropPolicy('ad');
      assertPaused(mesh, /^wave rest is paused: the policy of ad was deleted by somebody else; /);
      assert.equal(mesh.policy('ad'), undefined);
      assertRetried(mesh);
    });

    it(`who weakens the policy in ${stage} wins: the step pauses until somebody asks for more`, () => {
      const mesh = meshIn(stage, LEAVE);
      weaken(mesh, 'DISABLE');
      assertPaused(mesh, /PeerAuthentication ad\/mtls-rollout was set to DISABLE by kubectl-edit; /);
      assert.equal(mesh.mode('ad'), 'DISABLE');
      assert.equal(mesh.condition('Drifted')?.status, 'True');
      assertRetried(mesh);
      assert.equal(mesh.condition('Drifted')?.status, 'False');
    });

    it(`who sets the policy back by hand in ${stage} needs nothing else`, () => {
      const mesh = meshIn(stage, LEAVE);
      const mode = mesh.policy('ad')?.spec.mtls?.mode;
      weaken(mesh, 'DISABLE');
      assertPaused(mesh, /set it back/);
      assert.ok(mode);
      weaken(mesh, mode as Mode);
      mesh.edit({ analysis: { progressDeadline: '720h' } });
      mesh.untilPhase('Completed');
    });
  }

  for (const stage of ['Observing', 'Enforcing'] as const)
    it(`who sets a policy of their own to DISABLE in ${stage}, which bears no mark yet, is not overruled`, () => {
      const mesh = new TestMesh({ target: { namespaces: { names: ['cart'] } }, ...LEAVE }, ['cart']);
      mesh.putPolicy('cart', 'theirs', { mtls: { mode: 'PERMISSIVE' } });
      mesh.until(({ step }) => step?.stage === 'Observing');
      if (stage === 'Enforcing') {
        mesh.until(({ step }) => step?.healthyRounds === 2);
        mesh.now += 30_000;
        mesh.store(decide(mesh.input()));
        assert.equal(mesh.status.step?.stage, stage);
      }
      mesh.tamper('cart', 'theirs', { spec: { mtls: { mode: 'DISABLE' } }, metadata: KUBECTL });
      assertPaused(mesh, /PeerAuthentication cart\/theirs was set to DISABLE by kubectl-edit; /);
      assert.equal(mesh.mode('cart'), 'DISABLE');
      mesh.annotate(RETRY_ANNOTATION, 'once');
      mesh.untilPhase('Completed');
    });

  it('who sets the policy back in Soaking has it soak anew, for the whole time', () => {
    const mesh = meshIn('Soaking', { strategy: { waves: [{ name: 'all', selector: {}, soak: '10h' }] } });
    weaken(mesh, 'PERMISSIVE');
    mesh.step();
    mesh.now += 9.9 * 3_600_000;
    weaken(mesh, 'STRICT');
    const back = mesh.now;
    mesh.step();
    assert.equal(mesh.status.phase, 'Soaking');
    assert.equal(mesh.status.step?.since, timestamp(back), 'what came before is not looked at');
    mesh.until(({ step }) => step?.scopes[0] === 'cart');
    assert.ok(mesh.now - back >= 10 * 3_600_000, `${(mesh.now - back) / 1000} s`);
  });

  it('who sets DISABLE in Preparing is not overruled: the step is held', () => {
    const mesh = meshIn('Preparing');
    weaken(mesh, 'DISABLE');
    mesh.step();
    assert.equal(mesh.condition('Stalled')?.reason, 'LeavesDisable');
    mesh.rests();
    assert.equal(mesh.mode('ad'), 'DISABLE');
  });

  it('who puts a policy of their own in its place in Soaking is named', () => {
    const mesh = meshIn('Soaking', LEAVE);
    mesh.dropPolicy('ad');
    mesh.putPolicy('ad', 'other', { mtls: { mode: 'PERMISSIVE' } });
    assertPaused(mesh, /ad is PERMISSIVE again because of PeerAuthentication ad\/other/);
    assertRetried(mesh);
  });

  it('whose older policy governs the same pods is named, and is not fought with writes', () => {
    const mesh = shopMesh({
      target: { namespaces: { names: ['ad'] } },
      strategy: { unit: 'Workload' },
      preflight: { accept: ['OverlappingPolicy', 'LeavesDisable'] },
    });
    mesh.addWorkload('ad', 'db', { selector: { app: 'db', tier: 'x' } });
    mesh.putPolicy('ad', 'older', { selector: { matchLabels: { app: 'db' } }, mtls: { mode: 'DISABLE' } });
    mesh.now += 5000;
    mesh.untilPhase('Paused');
    assert.match(mesh.status.message ?? '', /ad\/db is DISABLE because of PeerAuthentication ad\/older/);
    assert.equal(mesh.writes.length, 1);
    mesh.rests();
    mesh.edit({ suspend: false });
    mesh.step();
    assert.equal(mesh.status.phase, 'Paused', 'an edit begins the step again once, not for ever');
  });

  it('who weakens a policy after its step is done wins, until somebody asks', () => {
    const mesh = shopMesh();
    mesh.untilPhase('Completed');
    weaken(mesh, 'PERMISSIVE');
    assertPaused(
      mesh,
      /^ad is no longer as the rollout had set it since 09:\d\d:00: PeerAuthentication ad\/mtls-rollout was set to PERMISSIVE by kubectl-edit; /,
    );
    assert.equal(mesh.condition('Stalled')?.reason, 'Drifted');
    assertRetried(mesh);
  });

  it('who weakens a done step while another runs does not disturb that one', () => {
    const mesh = shopMesh();
    mesh.until(({ step }) => step?.stage === 'Observing' && step.scopes[0] === 'cart');
    weaken(mesh, 'PERMISSIVE');
    mesh.until(({ step }) => step?.stage === 'Soaking' && step.scopes[0] === 'cart');
    assert.equal(mesh.condition('Drifted')?.status, 'True');
    mesh.untilPhase('Paused');
    assert.equal(mesh.mode('cart'), 'STRICT');
    assert.equal(mesh.mode('ad'), 'PERMISSIVE');
  });

  it('may ask for more by an edit as well', () => {
    const mesh = meshIn('Soaking');
    weaken(mesh, 'PERMISSIVE');
    mesh.step();
    mesh.edit({ analysis: { successes: 1 } });
    mesh.untilPhase('Completed');
  });

  it('who annotates a step that runs well has no word left for a pause that comes later', () => {
    const mesh = meshIn('Observing');
    mesh.annotate(RETRY_ANNOTATION, 'too early');
    mesh.until(({ step }) => step?.stage === 'Soaking');
    weaken(mesh, 'PERMISSIVE');
    assertPaused(mesh, /was set to PERMISSIVE by kubectl-edit/);
    assertRetried(mesh);
  });
});
