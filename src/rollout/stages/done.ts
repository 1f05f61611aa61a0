/** The end of a step. */
import type { StepStatus } from '../../api/status.ts';
import { type Move, onward } from '../move.ts';
import type { Situation } from '../situation.ts';
import { listed } from '../text.ts';
import { about, stepText } from './story.ts';

export function done(step: StepStatus): Move {
  return onward(null, {
    reason: 'StepDone',
    message: `${stepText(step)}: ${listed(step.scopes)} STRICT and healthy`,
    severity: 'Normal',
    ...about(step),
  });
}

/** All scopes of a step became STRICT, or went away, without its doing. */
export function doneByOthers(situation: Situation, step: StepStatus): Move {
  const left = situation.stepStates(step).map(({ key }) => key);
  const how =
    left.length > 0 ? `${listed(left)} STRICT by other hands` : `${listed(step.scopes)} no longer in the target`;
  return onward(null, {
    reason: 'StepObsolete',
    message: `${stepText(step)}: ${how}`,
    severity: 'Normal',
    ...about(step),
  });
}
