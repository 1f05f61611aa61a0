/** History, conditions, phase and what is told to events, log, metrics and notifications are one story. */
import assert from 'node:assert/strict';
import type { Condition, Phase, Status } from '../../src/api/status.ts';
import type { Decision } from '../../src/rollout/world.ts';

/** Phases in which nothing is asked of anybody and nothing goes on either. */
const HELD: ReadonlySet<Phase | undefined> = new Set(['Planned', 'Suspended']);
const GOAL: ReadonlySet<Phase | undefined> = new Set(['Completed', 'Reverted']);

/** What must hold of each single decision; `trouble`: a write had failed before it. */
export function assertOneStory(before: Status, { status, transitions }: Decision, trouble: boolean, now: number): void {
  const told = transitions.map(({ at, reason, message }) => ({ at, reason, message }));
  const all = [...(before.history ?? []), ...told];
  assert.deepEqual(status.history ?? [], all.slice(-20), 'the history holds just what was told');

  const holds = (type: Condition['type']) => conditionOf(status, type)?.status === 'True';
  const main = (['Ready', 'Reconciling', 'Stalled'] as const).filter(holds);
  const held = HELD.has(status.phase) && !trouble;
  assert.ok(held ? !main.includes('Ready') : main.length === 1, `${status.phase}, and yet ${main.join(' and ')}`);
  const objected = status.phase === 'Completed' && (status.guard?.findings.length ?? 0) > 0;
  assert.equal(holds('Ready'), GOAL.has(status.phase) && !objected && !trouble, `Ready in ${status.phase}`);
  assert.equal(holds('Progressing'), holds('Reconciling'));
  for (const type of ['Ready', 'Reconciling', 'Stalled', 'Progressing'] as const)
    assert.equal(conditionOf(status, type)?.message, status.message, `${type} says what the status says`);

  const { waiting, summary } = status;
  assert.equal(waiting?.on, summary?.waitingOn, 'the column names what is waited for');
  if (waiting) assert.ok(waiting.unblock.length > 0 && Date.parse(waiting.since) <= now, JSON.stringify(waiting));
  if (waiting && waiting.on === before.waiting?.on && Date.parse(before.waiting.since) <= now)
    assert.equal(waiting.since, before.waiting.since, 'what is waited for still keeps its begin');

  // a failing write that was told of before may be all that is left in the way
  const known = [...told, ...(before.history ?? []).slice(-1), ...(before.conditions ?? [])];
  for (const type of ['Ready', 'Stalled'] as const) {
    const is = conditionOf(status, type);
    if (is?.status === 'True')
      assert.ok(
        known.some(({ reason }) => reason === is.reason),
        `${type} with ${is.reason} came about, and nobody was told`,
      );
  }
}

function conditionOf({ conditions = [] }: Status, wanted: Condition['type']): Condition | undefined {
  return conditions.find(({ type }) => type === wanted);
}
