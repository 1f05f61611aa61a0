/** How long a step may take. */
import type { StepStatus } from '../../api/status.ts';
import type { Situation } from '../situation.ts';
import { clockTime } from '../text.ts';

/** Changes wake a rollout; this is only for a change that nobody told about. */
export const BACKSTOP = 10_000;

/**
 * Before STRICT the time counts from the begin of the step, or from when a gate let it go on; after it from the begin of
 * the stage, soak not included.
 */
export function deadlineOf({ pace, plan }: Situation, step: StepStatus): number {
  if (step.stage === 'Enforcing' || step.stage === 'Consolidating')
    return Date.parse(step.since) + pace.progressDeadline;
  if (step.stage !== 'Soaking')
    return Math.max(...[step.startedAt, step.resumedAt ?? step.startedAt].map(Date.parse)) + pace.progressDeadline;
  const soak = plan.waves.find(({ name }) => name === step.wave)?.soakMs ?? 0;
  return Date.parse(step.since) + soak + pace.progressDeadline;
}

export function isLate(situation: Situation, step: StepStatus): boolean {
  return situation.now >= deadlineOf(situation, step);
}

/** Until when a step should be there, as the end of a sentence. */
export function limitText(situation: Situation, step: StepStatus): string {
  const time = clockTime(deadlineOf(situation, step), situation.now);
  return isLate(situation, step) ? `; overdue since ${time}, still going on` : `; overdue after ${time}`;
}
