import assert from 'node:assert/strict';
import { RETRY_ANNOTATION } from '../../src/api/resource.ts';
import type { Verdict } from '../../src/api/status.ts';
import { decide, roundDue } from '../../src/rollout/decide.ts';
import type { RoundKind } from '../../src/rollout/world.ts';
import { START, type TestMesh } from './mesh.ts';
import { meshIn, shopMesh } from './stages.ts';

const LETTERS: Record<string, Verdict> = { H: 'Healthy', U: 'Unhealthy', N: 'NoData', E: 'Error' };
const MINUTE = 60_000;

/** Verdicts of the rounds of one kind, one letter each; the last one goes on. Other rounds are healthy. */
function script(mesh: TestMesh, kind: RoundKind, letters: string): { rounds: number } {
  const seen = { rounds: 0 };
  mesh.judge = asked => (asked === kind ? LETTERS[letters[seen.rounds++] ?? letters.at(-1)!]! : 'Healthy');
  return seen;
}

/** Milliseconds since the mesh began. */
function elapsed(mesh: TestMesh): number {
  return mesh.now - START;
}

describe('entry evidence', () => {
  for (const [letters, rounds] of [
    ['HHH', 3],
    ['HHNHHH', 6],
    ['HHEHHH', 6],
    ['HHUHHH', 6],
    ['UUUUHHH', 7],
  ] as const)
    it(`is ${letters}: three healthy rounds in a row, and nothing tightens before`, () => {
      const mesh = shopMesh();
      const seen = script(mesh, 'Entry', letters);
      mesh.until(({ step }) => step?.stage === 'Enforcing');
      assert.equal(seen.rounds, rounds);
      assert.equal(Math.floor(elapsed(mesh) / 1000), (rounds - 1) * 30, 'the first round is at once');
      assert.ok(mesh.history.slice(0, -1).every(all => all.every(({ spec }) => spec.mtls?.mode === 'PERMISSIVE')));
    });

  it('is looked for as often as the author said, however often the rollout is woken', () => {
    const mesh = meshIn('Observing', { analysis: { interval: '10m', successes: 5 } });
    const seen = script(mesh, 'Entry', 'H');
    for (let n = 0; n < 20; n++) mesh.step();
    assert.equal(seen.rounds, 1, 'looking again without need is not evidence');
    mesh.until(({ step }) => step?.healthyRounds === 2);
    assert.equal(seen.rounds, 2);
    assert.equal(mesh.status.summary?.waitingOn, 'evidence');
    assert.match(mesh.status.message ?? '', /2 of 5 healthy rounds since 09:00:00 before ad may switch/);
  });

  it('never rolls back and never gives up, but says that it is late', () => {
    const mesh = shopMesh({ analysis: { progressDeadline: '10m' } });
    script(mesh, 'Entry', 'U');
    mesh.until(() => elapsed(mesh) > 600 * MINUTE);
    assert.equal(mesh.condition('Stalled')?.reason, 'ProgressDeadlineExceeded');
    assert.match(
      mesh.status.message ?? '',
      /probe entry says Unhealthy: Entry is Unhealthy; overdue since 09:10:00, still going on$/,
    );
    assert.equal(mesh.status.summary?.waitingOn, 'probe entry');
    assert.equal(mesh.mode('ad'), 'PERMISSIVE');
    mesh.judge = () => 'Healthy';
    mesh.untilPhase('Completed');
  });

  it('expires when the first write comes too late', () => {
    const mesh = meshIn('Observing');
    while (mesh.status.step?.stage === 'Observing') {
      mesh.now += 30_000;
      mesh.store(decide(mesh.input()));
    }
    assert.ok(mesh.status.step?.changedAt, 'the intent is recorded');
    mesh.now += 2 * MINUTE;
    const { length } = mesh.writes;
    mesh.step();
    assert.deepEqual([mesh.status.step?.stage, mesh.writes.length], ['Observing', length]);
    assert.equal(mesh.status.step?.changedAt, undefined, 'nothing was changed');
    assert.equal(mesh.transitions.at(-1)?.reason, 'EvidenceExpired');
    const seen = script(mesh, 'Entry', 'H');
    mesh.until(({ step }) => step?.stage === 'Enforcing');
    assert.equal(seen.rounds, 3);
  });

  it('does not expire where a part of the step is STRICT already: the rest follows', () => {
    const mesh = shopMesh({ strategy: { waves: [{ name: 'w', selector: {}, maxConcurrent: 2 }] } });
    mesh.until(({ step }) => step?.healthyRounds === 2);
    mesh.now += 30_000;
    const decision = decide(mesh.input());
    mesh.store(decision);
    mesh.perform(decision.writes[0]!);
    mesh.now += 60 * MINUTE;
    mesh.step();
    assert.deepEqual([mesh.mode('ad'), mesh.mode('cart')], ['STRICT', 'STRICT']);
  });
});

describe('STRICT that is not seen in force', () => {
  it('is waited for until the deadline, at a quicker pace, and then rolled back', () => {
    const mesh = meshIn('Enforcing', { analysis: { progressDeadline: '10m' } });
    const seen = script(mesh, 'Enforcement', 'U');
    mesh.until(({ step }) => step?.stage === 'Enforcing' && seen.rounds === 2);
    assert.match(
      mesh.status.message ?? '',
      /^wave rest, step 1\/3: ad set to STRICT, waiting since 09:01:00 to see it in force, until 09:11:00; probe enforcement says Unhealthy/,
    );
    mesh.untilPhase('RolledBack');
    assert.ok(seen.rounds > 100);
    assert.equal(mesh.policy('ad'), undefined);
    assert.match(mesh.status.rollback?.reason ?? '', /STRICT was not seen in force between 09:01:00 and 09:11:00/);
  });

  it('is rolled back when a part of it cannot be written until the deadline', () => {
    const mesh = shopMesh({ strategy: { waves: [{ name: 'w', selector: {}, maxConcurrent: 2 }] } });
    mesh.until(({ step }) => step?.healthyRounds === 2);
    mesh.now += 30_000;
    for (let n = 0; mesh.status.step?.stage !== 'RollingBack'; n++, mesh.now += MINUTE) {
      assert.ok(n < 400);
      const decision = decide(mesh.input());
      mesh.store(decision);
      if (mesh.status.step?.stage === 'Enforcing')
        for (const write of decision.writes)
          if (write.verb === 'patch' && write.target.namespace === 'ad') mesh.perform(write);
    }
    mesh.untilPhase('RolledBack');
    assert.match(mesh.status.rollback?.reason ?? '', /^STRICT could not be written to cart between /);
    assert.equal(mesh.policy('ad'), undefined);
  });

  it('is rolled back at the deadline when a hazard keeps the rest of the step from following', () => {
    const mesh = shopMesh({ strategy: { waves: [{ name: 'w', selector: {}, maxConcurrent: 2 }] } });
    mesh.until(({ step }) => step?.healthyRounds === 2);
    mesh.now += 30_000;
    const decision = decide(mesh.input());
    mesh.store(decision);
    const [first] = decision.writes;
    assert.ok(first?.verb === 'patch' && first.target.namespace === 'ad');
    mesh.perform(first);
    mesh.putPolicy('cart', 'narrow', { selector: { matchLabels: { app: 'db' } }, mtls: { mode: 'PERMISSIVE' } });
    mesh.step();
    assert.equal(mesh.status.summary?.waitingOn, 'WeakerPolicy');
    assert.equal(mesh.condition('Stalled')?.status, 'False', 'it ends by itself');
    assert.match(mesh.status.message ?? '', /WeakerPolicy.*; what is STRICT already goes back after /);
    mesh.untilPhase('RolledBack');
    assert.match(mesh.status.rollback?.reason ?? '', /^the rest of the step could not follow .*WeakerPolicy/);
    assert.equal(mesh.policy('ad'), undefined);
  });

  it('is taken for granted where no probe of the author looks', () => {
    const mesh = meshIn('Observing', { probes: [{ name: 'plain', plaintextTraffic: {} }] });
    mesh.judge = kind => (kind === 'Enforcement' ? assert.fail('no probe looks') : 'Healthy');
    mesh.untilPhase('Completed');
  });
});

describe('soaking', () => {
  for (const [soak, letters, minutes] of [
    ['10m', 'H', 10],
    ['0s', 'H', 1.5],
    ['1m', 'H', 1.5],
    ['0s', 'HHNHHH', 3],
    ['1m', 'HHEHHH', 3],
    ['10m', `${'H'.repeat(18)}NH`, 11],
  ] as const)
    it(`of ${soak} that sees ${letters} ends after ${minutes} minutes`, () => {
      const mesh = meshIn('Enforcing', { strategy: { waves: [{ name: 'w', names: ['ad'], soak }] } });
      script(mesh, 'Soak', letters);
      mesh.until(({ step }) => step?.stage === 'Soaking');
      const since = Date.parse(mesh.status.step!.since);
      mesh.until(({ step }) => step?.scopes[0] === 'cart');
      assert.equal((mesh.now - since) / MINUTE, minutes);
    });

  it('forgives as many unhealthy rounds as the author said, and not one more', () => {
    for (const [letters, ends] of [
      ['UHUHHHHH', 'Completed'],
      ['UHUHUH', 'RolledBack'],
    ] as const) {
      const mesh = meshIn('Enforcing', {
        target: { namespaces: { names: ['ad'] } },
        analysis: { failureLimit: 2 },
      });
      script(mesh, 'Soak', letters);
      mesh.until(({ phase }) => phase === 'Completed' || phase === 'RolledBack');
      assert.equal(mesh.status.phase, ends, letters);
    }
  });

  it('that sees nothing is no failure before the deadline, and rolls back then', () => {
    const mesh = meshIn('Enforcing', { analysis: { progressDeadline: '1h' } });
    script(mesh, 'Soak', 'N');
    mesh.until(({ step }) => step?.stage === 'Soaking');
    const since = Date.parse(mesh.status.step!.since);
    mesh.until(({ step }) => step?.stage !== 'Soaking');
    assert.equal((mesh.now - since) / MINUTE, 70, 'soak and deadline');
    mesh.untilPhase('RolledBack');
    assert.match(
      mesh.status.rollback?.reason ?? '',
      /^no 3 healthy rounds in a row before 10:11:00; probe soak says NoData: Soak is NoData$/,
    );
  });

  it('asks for no evidence from before the switch', () => {
    const mesh = meshIn('Soaking');
    assert.equal(roundDue(mesh.input()), undefined);
    mesh.now += 29_998;
    assert.equal(roundDue(mesh.input()), undefined);
    mesh.now += 2;
    assert.equal(roundDue(mesh.input())?.kind, 'Soak');
  });
});

describe('a failure with onFailure Pause', () => {
  const rollback = { onFailure: 'Pause' } as const;

  it('keeps what is STRICT, whatever time passes, and goes on when somebody asks', () => {
    const mesh = meshIn('Soaking', { rollback });
    script(mesh, 'Soak', 'U');
    mesh.untilPhase('Paused');
    assert.match(
      mesh.status.message ?? '',
      /^wave rest, step 1\/3 is paused: probe soak: Soak is Unhealthy; what is STRICT stays so/,
    );
    mesh.rests();
    assert.equal(mesh.status.phase, 'Paused');
    assert.equal(mesh.mode('ad'), 'STRICT');
    mesh.judge = () => 'Healthy';
    mesh.annotate(RETRY_ANNOTATION, '1');
    mesh.untilPhase('Completed');
  });

  for (const [stage, kind] of [
    ['Soaking', 'Soak'],
    ['Enforcing', 'Enforcement'],
  ] as const)
    it(`stays when the deadline passed while ${stage}, even if rounds turn healthy by themselves`, () => {
      const mesh = meshIn(stage, { rollback, analysis: { progressDeadline: '10m' } });
      script(mesh, kind, 'N');
      mesh.untilPhase('Paused');
      mesh.judge = () => 'Healthy';
      for (let n = 0; n < 10; n++, mesh.now += 60 * MINUTE) mesh.step();
      assert.equal(mesh.status.phase, 'Paused');
      assert.equal(mesh.status.step?.stage, stage);
      mesh.annotate(RETRY_ANNOTATION, '1');
      mesh.untilPhase('Completed');
    });

  it('pauses again when the next try fails too: one word counts once', () => {
    const mesh = meshIn('Soaking', { rollback });
    script(mesh, 'Soak', 'U');
    mesh.untilPhase('Paused');
    mesh.annotate(RETRY_ANNOTATION, '1');
    mesh.step();
    assert.equal(mesh.status.phase, 'Soaking');
    mesh.untilPhase('Paused');
    mesh.rests();
    assert.equal(mesh.status.phase, 'Paused');
  });

  for (const [kind, stage] of [
    ['Enforcement', 'Enforcing'],
    ['Soak', 'Soaking'],
  ] as const)
    it(`pauses ${stage} at its deadline and gives it the whole time again when somebody asks`, () => {
      const mesh = meshIn('Enforcing', { rollback, analysis: { progressDeadline: '10m' } });
      script(mesh, kind, 'N');
      mesh.untilPhase('Paused');
      assert.equal(mesh.status.step?.stage, stage);
      mesh.rests();
      mesh.annotate(RETRY_ANNOTATION, '1');
      mesh.step();
      assert.equal(mesh.status.phase, stage);
      mesh.judge = () => 'Healthy';
      mesh.untilPhase('Completed');
    });

  it('can be reverted', () => {
    const mesh = meshIn('Soaking', { rollback });
    script(mesh, 'Soak', 'U');
    mesh.untilPhase('Paused');
    mesh.edit({ mode: 'Revert' });
    mesh.untilPhase('Reverted');
    assert.equal(mesh.policy('ad'), undefined);
  });
});

describe('an operator that was away until long after the deadline', () => {
  it('goes on with a step that is healthy when it comes back', () => {
    const mesh = meshIn('Soaking', { analysis: { progressDeadline: '10m' } });
    mesh.now += 600 * MINUTE;
    mesh.until(({ waves }) => waves?.[0]?.done === 2);
    assert.deepEqual(
      mesh.transitions.filter(({ reason }) => reason === 'RollbackStarted'),
      [],
    );
  });

  it('rolls back a step that is not', () => {
    const mesh = meshIn('Soaking', { analysis: { progressDeadline: '10m' } });
    script(mesh, 'Soak', 'N');
    mesh.now += 600 * MINUTE;
    mesh.until(({ phase }) => phase === 'RolledBack');
    assert.match(mesh.status.rollback?.reason ?? '', /no 3 healthy rounds in a row before/);
  });
});
