/** What a gate is: something that a step waits for besides probes, by the will of somebody and not for a fault. */
import type { StepStatus } from '../../api/status.ts';
import type { Wait } from '../move.ts';
import { rowBroken } from '../rounds.ts';
import type { ScopeState } from '../scopeState.ts';
import type { Situation } from '../situation.ts';
import { stepText } from '../stages/story.ts';
import { clockTime, listed, timestamp } from '../text.ts';
import { phaseOf } from './phase.ts';

/**
 * Whether the step may begin, go on or switch now: undefined when it may. One file a gate; `closedGate` asks them in
 * order. A gate is never asked about a rollback, nor about a step that is STRICT already.
 */
export type Gate = (situation: Situation, step: StepStatus, states: readonly ScopeState[]) => Wait | undefined;

/** Why a gate is closed. */
export interface Closed {
  /** A word or two: the column WAITING-ON. */
  on: string;
  /** What is waited for, until when, and what unblocks it: the end of the sentence. */
  why: string;
  /** Reason of the condition Stalled, where time alone does not help. */
  stalled?: string;
  /** When to ask again. */
  nextLookAt?: number | undefined;
  /** Where that is known. */
  until?: number | undefined;
}

/** The wait of a step before a closed gate. */
export function heldBy({ now }: Situation, step: StepStatus, { on, why, stalled, nextLookAt, until }: Closed): Wait {
  const since = step.heldSince ?? timestamp(now);
  return {
    kind: 'Wait',
    phase: phaseOf(step),
    step: rowBroken(step),
    on,
    message: `${stepText(step)}: ${listed(step.scopes)} held since ${clockTime(Date.parse(since), now)}: ${why}`,
    ...(stalled ? { stalled } : {}),
    ...(nextLookAt === undefined ? {} : { nextLookAt }),
    ...(until === undefined ? {} : { until }),
  };
}
