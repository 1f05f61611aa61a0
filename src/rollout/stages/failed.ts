/** A step that failed after STRICT was written: roll back, or pause where the author wants to decide. */
import { parseDuration } from '../../api/duration.ts';
import type { Status, StepStatus } from '../../api/status.ts';
import { isCorrection } from '../drift.ts';
import { enter, type Move, onward, type Wait } from '../move.ts';
import type { Situation } from '../situation.ts';
import { bounded, listed, timestamp } from '../text.ts';
import { stageAgain } from './again.ts';
import { about, LONGEST_REASON, stepText } from './story.ts';

/** `reason` is one sentence without end; `probe` the one that objected. */
export function failed(situation: Situation, status: Status, step: StepStatus, reason: string, probe?: string): Move {
  const { now, input } = situation;
  const { onFailure, retries, retryAfter } = input.rollout.spec.rollback;
  // what somebody else had opened is no reason to take back what is well
  const extent = isCorrection(situation, status, step) ? 'Step' : input.rollout.spec.rollback.extent;
  // what to do about it must still fit behind it
  const why = bounded(probe ? `probe ${probe}: ${reason}` : reason, LONGEST_REASON);
  if (onFailure === 'Pause') return situation.askedAgain(status) ? stageAgain(situation, step) : paused(step, why);
  const generation = input.rollout.metadata.generation;
  const before = status.rollback;
  const attempt = (before?.generation === generation ? before.attempt : 0) + 1;
  const at = timestamp(now);
  return onward(
    enter(step, 'RollingBack', at),
    {
      reason: 'RollbackStarted',
      message: bounded(`${stepText(step)}: rolling back ${whatOf(extent, step)}: ${why}`),
      severity: 'Warning',
      ...about(step),
    },
    {
      rollback: {
        reason: why,
        wave: step.wave,
        step: step.index,
        extent,
        scopes: step.scopes,
        at,
        attempt,
        generation,
        ...(attempt <= retries ? { retryAt: timestamp(now + parseDuration(retryAfter)) } : {}),
      },
    },
  );
}

/** The step stays STRICT until somebody decides. */
export function paused(step: StepStatus, why: string): Wait {
  return {
    kind: 'Wait',
    phase: 'Paused',
    step,
    on: 'decision',
    message: bounded(
      `${stepText(step)} is paused: ${why}; what is STRICT stays so until somebody decides: set spec.mode to Revert to go back, or annotate the rollout with a new value of mtlsrollout.io/retry to go on`,
    ),
    stalled: 'StepFailed',
  };
}

function whatOf(extent: 'Step' | 'Wave' | 'All', step: StepStatus): string {
  if (extent === 'Step') return listed(step.scopes);
  return extent === 'Wave' ? `wave ${step.wave}` : 'all waves';
}
