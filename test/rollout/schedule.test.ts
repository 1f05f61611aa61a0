/** A rollout with times: where it holds, what it says, and that nothing but tightening waits. */
import assert from 'node:assert/strict';
import type { SpecInput } from '../../src/api/schema.ts';
import { START, TestMesh } from './mesh.ts';

const SHOP = ['ad', 'cart'];
const HOUR = 3_600_000;

/** START is Sunday 2026-11-22 09:00 UTC. */
function meshWith(schedule: SpecInput['schedule'], more: Partial<SpecInput> = {}): TestMesh {
  return new TestMesh({ target: { namespaces: { names: SHOP } }, schedule, ...more }, SHOP);
}

function strictTimes(mesh: TestMesh): number[] {
  const times: number[] = [];
  const perform = mesh.perform.bind(mesh);
  mesh.perform = write => {
    if (JSON.stringify(write).includes('"mode":"STRICT"')) times.push(mesh.now);
    perform(write);
  };
  return times;
}

describe('a rollout with a schedule', () => {
  it('begins when it may, and looks again just then', () => {
    const mesh = meshWith({ windows: [{ kind: 'Allow', days: ['Mon'], from: '09:00', to: '16:00' }] });
    assert.equal(mesh.step(), START + 24 * HOUR);
    const { phase, message, summary, conditions } = mesh.status;
    assert.equal(phase, 'Pending');
    assert.equal(summary?.waitingOn, 'window 2026-11-23 09:00');
    assert.match(
      message!,
      /^wave rest, step 1\/2: ad held since 09:00:00: no window of spec.schedule is open; it goes on at Mon 2026-11-23 09:00 \(UTC\)/,
    );
    assert.equal(conditions?.find(({ type }) => type === 'Reconciling')?.status, 'True');
    assert.deepEqual(mesh.writes, []);
    mesh.untilPhase('Completed');
  });

  it('writes STRICT inside the windows only, over several days', () => {
    const mesh = meshWith(
      { timeZone: 'Asia/Kolkata', windows: [{ kind: 'Allow', from: '09:00', to: '09:10' }] },
      { strategy: { waves: [{ name: 'all', names: SHOP, soak: '30m' }] } },
    );
    const times = strictTimes(mesh);
    mesh.untilPhase('Completed');
    assert.equal(times.length, 2);
    for (const time of times) {
      const clock = new Date(time + 5.5 * HOUR).toISOString().slice(11, 16);
      assert.ok(clock >= '09:00' && clock < '09:10', clock);
    }
    assert.ok(times[1]! - times[0]! > 12 * HOUR, 'the second step waits for the next day');
  });

  it('holds a step that observes when the window closes, and gives it its whole time when it opens', () => {
    const mesh = meshWith({ windows: [{ kind: 'Allow', from: '09:00', to: '10:00' }] });
    mesh.judge = () => 'NoData';
    mesh.until(({ summary }) => summary?.waitingOn?.startsWith('window') === true);
    assert.equal(mesh.status.phase, 'Observing');
    assert.match(
      mesh.status.message!,
      /ad held since 10:00:00: no window .* it goes on at Mon 2026-11-23 09:00 \(UTC\)/,
    );
    assert.equal(mesh.mode('ad'), 'PERMISSIVE');
    mesh.judge = () => 'Healthy';
    mesh.until(({ step }) => step?.heldSince === undefined);
    assert.equal(mesh.transitions.at(-1)?.reason, 'StepResumed');
    assert.equal(mesh.condition('Stalled')?.status, 'False', 'the night is no delay of the step');
    assert.equal(mesh.status.step?.healthyRounds, 1, 'the row begins anew');
    mesh.until(({ step }) => step?.stage === 'Soaking');
    assert.equal(new Date(mesh.now).toISOString().slice(0, 13), '2026-11-23T09');
  });

  it('soaks on, and rolls back, while it is closed', () => {
    const mesh = meshWith({ windows: [{ kind: 'Allow', from: '09:00', to: '09:05' }] });
    mesh.until(({ step }) => step?.stage === 'Soaking');
    mesh.now = Date.parse('2026-11-22T09:05:00Z');
    mesh.judge = () => 'Unhealthy';
    mesh.untilPhase('RolledBack');
    assert.ok(mesh.now < Date.parse('2026-11-22T09:10:00Z'));
    assert.equal(mesh.policies.size, 0);
  });

  it('goes back by mode Revert while it is closed', () => {
    const mesh = meshWith({ windows: [{ kind: 'Allow', from: '09:00', to: '09:20' }] });
    mesh.until(({ strict }) => (strict?.done ?? 0) > 0);
    mesh.now = Date.parse('2026-11-22T12:00:00Z');
    mesh.edit({ mode: 'Revert' });
    mesh.untilPhase('Reverted');
    assert.equal(mesh.policies.size, 0);
  });

  it('does not switch on evidence that was waiting when the window closed', () => {
    const mesh = meshWith({ windows: [{ kind: 'Allow', from: '09:00', to: '10:00' }] });
    // the status was stored, the write was lost, and the operator comes back after the end of the window
    mesh.until(({ step }) => step?.stage === 'Observing');
    mesh.rollout = {
      ...mesh.rollout,
      status: { ...mesh.status, step: { ...mesh.status.step!, stage: 'Enforcing', since: '2026-11-22T09:59:50Z' } },
    };
    mesh.now = Date.parse('2026-11-22T10:00:00Z');
    const next = mesh.step();
    assert.equal(mesh.status.summary?.waitingOn, 'window 2026-11-23 09:00');
    assert.ok(next! < mesh.now + 2 * 60_000, 'it looks again when the evidence is too old');
    mesh.now = next!;
    mesh.step();
    assert.equal(mesh.status.phase, 'Observing');
    assert.equal(mesh.mode('ad'), 'PERMISSIVE');
  });

  it('says plainly that no window ever opens', () => {
    const mesh = meshWith({ windows: [{ kind: 'Allow', dates: '2020-02-29', reason: 'long ago' }] });
    mesh.step();
    assert.equal(mesh.condition('Stalled')?.reason, 'NeverOpens');
    assert.match(
      mesh.status.message!,
      /no window of spec.schedule is open, and within a year no window opens: change spec.schedule$/,
    );
    mesh.edit({ schedule: { windows: [] } });
    mesh.untilPhase('Completed');
  });

  it('does not keep a look from being made after the last policy was put away', () => {
    const mesh = meshWith(
      { windows: [{ kind: 'Allow', from: '09:00', to: '21:00' }] },
      { target: { mesh: {} }, strategy: { consolidate: true } },
    );
    mesh.until(({ step }) => step?.stage === 'Consolidating' && step.changedAt !== undefined);
    const told = mesh.transitions.length;
    mesh.edit({ schedule: { windows: [{ kind: 'Deny', days: ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] }] } });
    mesh.until(({ summary }) => summary?.waitingOn === 'schedule');
    assert.ok(mesh.transitions.slice(told).some(({ reason }) => reason === 'PolicyConsolidated'));
  });
});
