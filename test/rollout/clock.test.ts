/** A wall clock that jumps, or runs too fast: no wait of a step is shorter than asked, by a clock that does neither. */
import assert from 'node:assert/strict';
import type { Stage } from '../../src/api/status.ts';
import type { TestMesh } from './mesh.ts';
import { shopMesh } from './stages.ts';

const HOUR = 3_600_000;
const JUMPS = {
  'an hour forward': HOUR,
  'an hour back': -HOUR,
  'a year forward': 8760 * HOUR,
  'a year back': -8760 * HOUR,
};
const INTERVAL = 30_000;
const SOAK = 600_000;
const SUCCESSES = 3;

interface Told {
  /** By a clock that never jumps: when each stage of the first step began. */
  began: Partial<Record<Stage | 'Over', number>>;
  /** Rounds that were made in a stage. */
  rounds: Partial<Record<Stage, number>>;
}

/** The first step from begin to end. `jump` happens once, in the middle of a stage; `rate`: seconds of the wall a second. */
function firstStep({ stage, jump = 0, rate = 1 }: { stage?: Stage; jump?: number; rate?: number }): Told {
  const waves = [{ name: 'all', selector: {}, soak: '10m' }];
  const analysis = { interval: '30s', successes: SUCCESSES, progressDeadline: '720h' };
  const mesh = shopMesh({ strategy: { waves }, analysis });
  const told: Told = { began: {}, rounds: {} };
  mesh.judge = () => {
    const now = mesh.status.step!.stage;
    told.rounds[now] = (told.rounds[now] ?? 0) + 1;
    return 'Healthy';
  };
  let [time, jumped] = [0, false];
  for (let n = 0; n < 500; n++) {
    const next = decided(mesh);
    const { step } = mesh.status;
    const over = step?.index !== 1 || step.stage === 'Done';
    if (n > 5 && over) return { ...told, began: { ...told.began, Over: time } };
    if (step) told.began[step.stage] ??= time;
    const wait = Math.max(1, next - mesh.now);
    time += wait;
    mesh.now += wait * rate;
    const inside = step?.stage === stage && (stage !== 'Soaking' || (told.rounds.Soaking ?? 0) > 2);
    if (!jumped && inside) {
      mesh.now += jump;
      jumped = true;
    }
  }
  return assert.fail(`the step does not end: ${mesh.status.message}`);
}

function decided(mesh: TestMesh): number {
  return mesh.step() ?? mesh.now + 60_000;
}

function check({ began, rounds }: Told): void {
  assert.ok(began.Over! - began.Soaking! >= SOAK, `soaked for ${began.Over! - began.Soaking!} ms`);
  assert.ok(began.Enforcing! - began.Observing! >= (SUCCESSES - 1) * INTERVAL, 'evidence came too fast');
  assert.ok(rounds.Observing! >= SUCCESSES && rounds.Soaking! >= SUCCESSES, JSON.stringify(rounds));
}

describe('a wall clock', () => {
  it('that behaves shortens nothing, and lengthens nothing', () => {
    const told = firstStep({});
    check(told);
    assert.equal(told.began.Over! - told.began.Soaking!, SOAK);
  });

  for (const [what, jump] of Object.entries(JUMPS))
    for (const stage of ['Observing', 'Enforcing', 'Soaking'] as const)
      it(`that jumps ${what} in ${stage} shortens no wait`, () => check(firstStep({ stage, jump })));

  it('that runs twice as fast shortens no soak', () => {
    const { began } = firstStep({ rate: 2 });
    assert.ok(began.Over! - began.Soaking! >= SOAK, `soaked for ${began.Over! - began.Soaking!} ms`);
  });
});
