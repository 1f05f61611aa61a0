/** What a stage wants done next: a step onward, or a wait with its reason. */
import type { Guard, Phase, RollbackStatus, StepStatus } from '../api/status.ts';
import type { Transition } from './world.ts';
import type { Write } from './writes.ts';

/** The new state of the rollout, and what told so. The stages look again at once. */
export interface Onward {
  kind: 'Onward';
  /** The step from now on; null: none. */
  step: StepStatus | null;
  /** New record of a rollback; null removes the old one; absent leaves it. */
  rollback?: RollbackStatus | null;
  /** Value of the retry annotation that this acts on; where the member is there at all, the spec counts as seen too. */
  retried?: string | undefined;
  transition: Transition;
}

/** Nothing to decide until something changes or time has passed. */
export interface Wait {
  kind: 'Wait';
  phase: Phase;
  step: StepStatus | null;
  /** A word or two: the column WAITING-ON. */
  on: string;
  /** Waiting for what, since when, until when, and what unblocks it. */
  message: string;
  /** Since when every original is restored while rules for clients still stand; RFC 3339. */
  settlingSince?: string;
  /** The record of the way back that is under way. */
  rollback?: RollbackStatus;
  /** When the wait ends by itself, where that is not the end of the stage; milliseconds since the epoch. */
  until?: number;
  /** What unblocks it, where the reason alone does not tell. */
  unblock?: string;
  /** Only somebody's doing helps: condition Stalled with this reason. */
  stalled?: string;
  writes?: Write[];
  /** The guard from now on; absent where there is nothing to watch yet. */
  guard?: Guard;
  /** What has to be asked before this can be decided. */
  asks?: 'Alerts';
  nextLookAt?: number;
}

export type Move = Onward | Wait;

export function onward(
  step: StepStatus | null,
  transition: Transition,
  more: Pick<Onward, 'rollback' | 'retried'> = {},
): Onward {
  return { kind: 'Onward', step, transition, ...more };
}

/** A stage change of a step: counters start anew. */
export function enter(step: StepStatus, stage: StepStatus['stage'], since: string): StepStatus {
  const { lastRoundAt: _, pinsAt: __, rulesAt: ___, shadowsAt: ____, heldSince: _____, ...rest } = step;
  return { ...rest, stage, since, healthyRounds: 0, failures: 0 };
}
