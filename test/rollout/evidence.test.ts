import assert from 'node:assert/strict';
import { RETRY_ANNOTATION } from '../../src/api/resource.ts';
import type { SpecInput } from '../../src/api/schema.ts';
import { decide } from '../../src/rollout/decide.ts';
import { TestMesh } from './mesh.ts';
import { meshIn, shopMesh } from './stages.ts';

/** The first step in Observing, one healthy round short of the switch. */
function almostProven(): TestMesh {
  const mesh = meshIn('Observing');
  mesh.until(({ step }) => step?.healthyRounds === 2);
  mesh.now += 30_000;
  return mesh;
}

/** Rounds of entry probes until the switch. */
function roundsToSwitch(mesh: TestMesh): number {
  let rounds = 0;
  mesh.judge = kind => {
    if (kind === 'Entry') rounds++;
    return 'Healthy';
  };
  mesh.until(({ step }) => step?.stage === 'Enforcing');
  return rounds;
}

/** Two scopes that move together, of which only `ad` was written. */
function halfWritten(more: Partial<SpecInput> = {}): TestMesh {
  const mesh = shopMesh({ strategy: { waves: [{ name: 'w', selector: {}, maxConcurrent: 2 }] }, ...more });
  mesh.until(({ step }) => step?.healthyRounds === 2);
  mesh.now += 30_000;
  const decision = decide(mesh.input());
  mesh.store(decision);
  mesh.perform(decision.writes[0]!);
  assert.deepEqual([mesh.mode('ad'), mesh.mode('cart')], ['STRICT', 'PERMISSIVE']);
  return mesh;
}

describe('evidence', () => {
  it('would need one more round here', () => assert.equal(roundsToSwitch(almostProven()), 1));

  for (const [what, hold, release] of [
    [
      'a hazard',
      (mesh: TestMesh) =>
        mesh.putPolicy('ad', 'db', { selector: { matchLabels: { app: 'db' } }, mtls: { mode: 'DISABLE' } }),
      (mesh: TestMesh) => mesh.dropPolicy('ad', 'db'),
    ],
    ['suspend', (mesh: TestMesh) => mesh.edit({ suspend: true }), (mesh: TestMesh) => mesh.edit({ suspend: false })],
    [
      'an obstacle',
      (mesh: TestMesh) => {
        mesh.obstacle = { reason: 'Conflicted', message: 'x', lasting: true };
      },
      (mesh: TestMesh) => {
        mesh.obstacle = undefined;
      },
    ],
    [
      "somebody else's change",
      (mesh: TestMesh) => mesh.tamper('ad', 'mtls-rollout', { spec: { mtls: { mode: 'DISABLE' } } }),
      (mesh: TestMesh) => mesh.tamper('ad', 'mtls-rollout', { spec: { mtls: { mode: 'PERMISSIVE' } } }),
    ],
  ] as const)
    it(`begins its row anew after ${what} that held the step`, () => {
      const mesh = almostProven();
      hold(mesh);
      mesh.step();
      assert.equal(mesh.status.step?.stage, 'Observing');
      release(mesh);
      mesh.now += 30_000;
      assert.equal(roundsToSwitch(mesh), 3);
    });

  it('begins its row anew after a time in which no operator looked', () => {
    const mesh = almostProven();
    mesh.now += 5 * 3_600_000;
    assert.equal(roundsToSwitch(mesh), 3);
  });

  it('is not counted twice when the same round comes again', () => {
    const mesh = meshIn('Observing');
    const input = mesh.input();
    assert.ok(input.round);
    mesh.store(decide(input));
    assert.equal(mesh.status.step?.healthyRounds, 1);
    mesh.store(decide({ ...mesh.input(), round: input.round }));
    assert.equal(mesh.status.step?.healthyRounds, 1);
  });

  it('of one step is none of the next, even when that begins in the same decision', () => {
    const mesh = shopMesh({ analysis: { successes: 1 } });
    mesh.putPolicy('ad', 'default', { mtls: { mode: 'PERMISSIVE' } });
    mesh.until(({ step }) => step?.stage === 'Observing');
    mesh.now += 30_000;
    const input = mesh.input();
    assert.equal(input.round?.kind, 'Entry');
    mesh.tamper('ad', 'default', { spec: { mtls: { mode: 'STRICT' } } });
    mesh.store(decide({ ...input, world: mesh.world }));
    assert.deepEqual([mesh.status.step?.scopes, mesh.status.step?.stage], [['cart'], 'Observing']);
    assert.equal(mesh.status.step?.healthyRounds, 0);
  });

  it('is asked for again before the rest of a half-written step follows a hold', () => {
    const mesh = halfWritten();
    mesh.edit({ suspend: true });
    mesh.step();
    mesh.now += 86_400_000;
    mesh.edit({ suspend: false });
    assert.equal(roundsToSwitch(mesh), 3);
    mesh.untilPhase('Completed');
  });

  it('is asked for again before the rest of a half-written step follows a pause', () => {
    const mesh = halfWritten({ rollback: { onFailure: 'Pause' }, analysis: { progressDeadline: '10m' } });
    mesh.now += 600_000;
    mesh.step();
    assert.equal(mesh.status.phase, 'Paused');
    mesh.annotate(RETRY_ANNOTATION, '1');
    assert.equal(roundsToSwitch(mesh), 3);
    mesh.untilPhase('Completed');
  });
});

describe('a namespace that is DISABLE under a STRICT mesh', () => {
  it('goes up in two writes once that is accepted, and is not thrown back on the way', () => {
    const target = { namespaces: { names: ['ad'] } };
    const mesh = new TestMesh({ target, preflight: { accept: ['LeavesDisable'] } }, ['ad']);
    mesh.putPolicy('istio-system', 'default', { mtls: { mode: 'STRICT' } });
    mesh.putPolicy('ad', 'default', { mtls: { mode: 'DISABLE' } });
    mesh.untilPhase('Completed');
    assert.deepEqual(
      mesh.history.map(all => all.at(-1)?.spec.mtls?.mode),
      ['STRICT', 'DISABLE', 'PERMISSIVE', 'STRICT'],
    );
  });
});
