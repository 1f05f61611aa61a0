/** The phase of a step that a gate holds: a step stays where it is. */
import type { Phase, StepStatus } from '../../api/status.ts';

export function phaseOf({ stage }: StepStatus): Phase {
  return stage === 'Done' ? 'Completed' : stage;
}
