/** A step that begins anew because somebody asked for it. */
import type { StepStatus } from '../../api/status.ts';
import { enter, type Move, onward } from '../move.ts';
import type { Situation } from '../situation.ts';
import { listed, timestamp } from '../text.ts';
import { about, stepText } from './story.ts';

export function again(situation: Situation, step: StepStatus): Move {
  const at = timestamp(situation.now);
  const { changedAt: _, ...fresh } = enter(step, 'Preparing', at);
  return onward(
    { ...fresh, startedAt: at },
    {
      reason: 'StepRetried',
      message: `${stepText(step)}: beginning again with ${listed(step.scopes)}`,
      severity: 'Normal',
      ...about(step),
    },
    { retried: situation.retryValue },
  );
}
