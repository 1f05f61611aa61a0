/** A step, or its stage, that begins anew. */
import type { StepStatus } from '../../api/status.ts';
import { enter, type Move, onward } from '../move.ts';
import type { Situation } from '../situation.ts';
import { clockTime, listed, timestamp } from '../text.ts';
import { about, stepText } from './story.ts';

/** Somebody asked for it: from the first stage on. */
export function again(situation: Situation, step: StepStatus): Move {
  const { changedAt: _, ...fresh } = enter(step, 'Preparing', timestamp(situation.now));
  return onward(
    { ...fresh, startedAt: situation.beginOf(situation.stepStates(step)) },
    {
      reason: 'StepRetried',
      message: `${stepText(step)}: beginning again with ${listed(step.scopes)}`,
      severity: 'Normal',
      ...about(step),
    },
    { retried: situation.retryValue },
  );
}

/** Somebody asked a paused step to go on: its stage gets its whole time once more. */
export function stageAgain(situation: Situation, step: StepStatus): Move {
  const stage = stageFrom(situation, step);
  return onward(
    enter(step, stage, timestamp(situation.now)),
    {
      reason: 'StepRetried',
      message: `${stepText(step)}: going on with ${listed(step.scopes)}, ${stage} begins anew`,
      severity: 'Normal',
      ...about(step),
    },
    { retried: situation.retryValue },
  );
}

/** The time in which nobody looked, because the rollout was held, neither proves nor disproves anything. */
export function resumed(situation: Situation, step: StepStatus): Move {
  const stage = stageFrom(situation, step);
  return onward(enter(step, stage, timestamp(situation.now)), {
    reason: 'StepResumed',
    message: `${stepText(step)}: no longer held, ${stage} of ${listed(step.scopes)} begins anew`,
    severity: 'Normal',
    ...about(step),
  });
}

/** A gate has opened: what waited before it gets its whole time, and looks anew. Undefined: none was closed. */
export function letOn({ now }: Situation, step: StepStatus): Move | undefined {
  const { heldSince, lastRoundAt: _, ...rest } = step;
  if (heldSince === undefined) return undefined;
  const at = timestamp(now);
  return onward(
    { ...rest, since: at, resumedAt: at, healthyRounds: 0, failures: 0 },
    {
      reason: 'StepResumed',
      message: `${stepText(step)}: held since ${clockTime(Date.parse(heldSince), now)}, ${step.stage} of ${listed(step.scopes)} goes on`,
      severity: 'Normal',
      ...about(step),
    },
  );
}

/** What is not STRICT yet needs new evidence. */
function stageFrom(situation: Situation, step: StepStatus): StepStatus['stage'] {
  return situation.stepStates(step).every(state => situation.moved(state)) ? step.stage : 'Observing';
}
