/** RollingBack: a step has failed, and the originals within its extent come back, in reverse order. */
import type { RollbackStatus, Status, StepStatus } from '../../api/status.ts';
import { enter, type Move, onward } from '../move.ts';
import type { Situation } from '../situation.ts';
import { bounded, clockTime, listed, timestamp } from '../text.ts';
import { within } from '../undo.ts';
import { about, stepText } from './story.ts';
import { outcomeText, undoing } from './undoing.ts';

export function rollingBack(situation: Situation, status: Status, step: StepStatus): Move {
  const record = status.rollback ?? lost(situation, step);
  const what = rollbackText(record);
  const title = `${stepText(step)}: rolling back ${what} since ${clockTime(Date.parse(step.since), situation.now)}`;
  const isWithin = within(situation, record, step.scopes);
  const done = undoing(situation, status, { record, step, title, isWithin });
  if (!('over' in done)) return done;
  const { over } = done;
  return onward(
    enter(step, 'RolledBack', timestamp(situation.now)),
    {
      reason: 'RolledBack',
      message: bounded(`${stepText(step)}: ${what} restored to its original${outcomeText(over)}`),
      severity: 'Warning',
      ...about(step),
    },
    { rollback: over },
  );
}

/** Where somebody has cut the record out of the status: the step itself goes back. */
function lost({ input }: Situation, { wave, index, scopes, since }: StepStatus): RollbackStatus {
  const { generation } = input.rollout.metadata;
  return { reason: 'see history', wave, step: index, extent: 'Step', scopes, at: since, attempt: 1, generation };
}

function rollbackText({ extent, wave, scopes }: RollbackStatus): string {
  if (extent === 'Step') return listed(scopes);
  return extent === 'Wave' ? `wave ${wave}` : 'all waves';
}
