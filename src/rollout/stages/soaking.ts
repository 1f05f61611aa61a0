/** Soaking: STRICT is in force; the step must stay healthy for its soak and end in N healthy rounds in a row. */
import { formatDuration } from '../../api/duration.ts';
import type { Status, StepStatus } from '../../api/status.ts';
import { interfered, suspended, wasHeld, wasPaused } from '../gates.ts';
import type { Move } from '../move.ts';
import { afterRound, isProven, newRound, objection, sinceNow } from '../rounds.ts';
import { beyondLimit, lateness, nextRoundAt } from '../probeRounds.ts';
import type { Situation } from '../situation.ts';
import { clockTime, listed, timestamp } from '../text.ts';
import type { Round } from '../world.ts';
import { again, resumed, stageAgain } from './again.ts';
import { deadlineOf } from './deadline.ts';
import { done, doneByOthers } from './done.ts';
import { failed, paused } from './failed.ts';
import { doubtText, progressOf, stepText } from './story.ts';

export function soaking(situation: Situation, status: Status, step: StepStatus): Move {
  const { now, pace, input } = situation;
  const states = situation.stepStates(step);
  if (states.length === 0) return doneByOthers(situation, step);
  const disturbed = interfered(situation, status, step, states);
  if (disturbed) return situation.askedAgain(status) ? again(situation, step) : disturbed;
  const held = suspended(situation, step) ?? pausedAfterFailure(situation, status, step);
  if (held) return held;
  // time that was not spent in STRICT, or in which nobody looked, is no soak
  if (wasHeld(situation, status, step) || wasPaused(status, 'FieldConflict')) return resumed(situation, step);

  const round = newRound(situation, 'Soak', step);
  const watched = round ? withoutAbsence(situation, step, round) : step;
  const seen = round ? afterRound(situation, status, watched, round) : step;
  const doubt = objection(status, seen);
  if (seen.failures > pace.failureLimit)
    return failed(situation, status, seen, doubt ? doubt.message : 'too many unhealthy rounds', doubt?.name);
  const over = beyondLimit(input.rollout.spec, status, seen);
  if (over) return failed(situation, status, seen, over.message, over.name);
  const end = soakEnd(situation, seen);
  if (isProven(situation, status, seen, 'Soak') && now >= end) return done(seen);
  const deadline = deadlineOf(situation, seen);
  // an operator that was away may come back after the deadline: what is healthy then is no failure
  if (now >= deadline && doubt)
    return failed(
      situation,
      status,
      seen,
      `no ${pace.successes} healthy rounds in a row before ${clockTime(deadline, now)}${doubtText(doubt)}`,
    );
  const next = nextRoundAt(input.rollout.spec, status, 'Soak', seen);
  const until = now < end ? `until ${clockTime(end, now)}${stretchText(situation, seen)}` : 'soak over';
  return {
    kind: 'Wait',
    phase: 'Soaking',
    step: seen,
    on: doubt ? `probe ${doubt.name}` : now < end ? `soak ${clockTime(end, now)}` : 'evidence',
    message: `${stepText(seen)}: soaking ${listed(seen.scopes)}, ${until}; ${progressOf(situation, seen)}${doubtText(doubt)}`,
    nextLookAt: Math.min(next, ...[deadline, end].filter(time => time > now)),
  };
}

/** Time in which no look came when it was due is no soak, whether the operator was away or its clock was put forward. */
function withoutAbsence({ input: { rollout, now } }: Situation, step: StepStatus, round: Round): StepStatus {
  const late = lateness(rollout.spec, sinceNow(rollout.status ?? {}, now), 'Soak', step, round);
  return late > 0 ? { ...step, since: timestamp(Date.parse(step.since) + late) } : step;
}

function soakEnd({ plan }: Situation, { wave, since }: StepStatus): number {
  return Date.parse(since) + (plan.waves.find(({ name }) => name === wave)?.soakMs ?? 0);
}

function stretchText({ plan, input }: Situation, { wave }: StepStatus): string {
  const { soakMs = 0, askedMs } = plan.waves.find(({ name }) => name === wave) ?? {};
  if (askedMs === undefined) return '';
  const drain = formatDuration(input.world.drainMs);
  return ` (a soak of ${formatDuration(askedMs)} is stretched to ${formatDuration(soakMs)}: connections from before the switch go on for up to ${drain})`;
}

/** With `onFailure: Pause` a failed step stays STRICT and waits for somebody; asked again, it soaks anew. */
function pausedAfterFailure(situation: Situation, status: Status, step: StepStatus): Move | undefined {
  const { pace, now, input } = situation;
  const doubt = objection(status, step);
  // once it is paused, a round that is healthy again decides nothing
  const late = now >= deadlineOf(situation, step) && (doubt !== undefined || wasPaused(status, 'StepFailed'));
  const isOver = step.failures > pace.failureLimit || beyondLimit(input.rollout.spec, status, step) !== undefined;
  if (input.rollout.spec.rollback.onFailure !== 'Pause' || (!isOver && !late)) return undefined;
  if (situation.askedAgain(status)) return stageAgain(situation, step);
  return paused(step, doubt ? `probe ${doubt.name}: ${doubt.message}` : 'no healthy rounds before the deadline');
}
