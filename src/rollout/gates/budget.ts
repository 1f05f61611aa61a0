/**
 * Budget: how many scopes may move at the same time in the whole cluster, and how many rollouts may have failed before
 * the others stop. Room goes to the oldest rollout that waits for it; nobody overtakes.
 */
import type { Status, StepStatus } from '../../api/status.ts';
import type { Wait } from '../move.ts';
import { rowBroken } from '../rounds.ts';
import type { Situation } from '../situation.ts';
import { stepText } from '../stages/story.ts';
import { clockTime, counted, listed } from '../text.ts';
import { phaseOf } from './phase.ts';

/** As the operator's configuration says; what is absent has no limit. */
export interface Limits {
  movingScopes?: number | undefined;
  failingRollouts?: number | undefined;
}

/** What one rollout has of the budget, or waits for. */
export interface Share {
  /** Scopes of a step that has begun and is not done. */
  moving: number;
  isFailing: boolean;
  /** Held by the budget and by nothing else. */
  isWaiting: boolean;
  /** Scopes that wait to begin. */
  wanted: number;
}

/** Another rollout of the cluster. */
export interface Neighbour extends Share {
  /** `namespace/name`. */
  name: string;
  /** Than the rollout that asks. */
  isOlder: boolean;
}

export interface Budget {
  limits: Limits;
  neighbours: readonly Neighbour[];
}

const ON = 'budget';
const MOVING: ReadonlySet<StepStatus['stage']> = new Set([
  'Preparing',
  'Observing',
  'Enforcing',
  'Soaking',
  'RollingBack',
]);

export function shareOf({ step, summary, conditions = [] }: Status): Share {
  const isWaiting = summary?.waitingOn === ON;
  const isPaused = conditions.some(
    ({ type, status, reason }) => type === 'Stalled' && status === 'True' && reason === 'StepFailed',
  );
  return {
    moving: step && MOVING.has(step.stage) ? step.scopes.length : 0,
    isFailing: step?.stage === 'RollingBack' || step?.stage === 'RolledBack' || isPaused,
    isWaiting,
    wanted: isWaiting && step?.stage === 'Pending' ? step.scopes.length : 0,
  };
}

export function overBudget(situation: Situation, step: StepStatus): Wait | undefined {
  const budget = situation.input.outside?.budget;
  if (!budget) return undefined;
  // a step that has begun has its room already
  return (
    tooManyFailing(situation, step, budget) ?? (step.stage === 'Pending' ? noRoom(situation, step, budget) : undefined)
  );
}

function tooManyFailing({ now }: Situation, step: StepStatus, { limits, neighbours }: Budget): Wait | undefined {
  const failing = neighbours.filter(({ isFailing }) => isFailing);
  if (limits.failingRollouts === undefined || failing.length < limits.failingRollouts) return undefined;
  const has = failing.length === 1 ? 'has' : 'have';
  const message = `${stepText(step)} is held since ${clockTime(Date.parse(step.since), now)} by the budget of the cluster: ${counted(failing.length, 'rollout')} ${has} failed, which is all it allows (budget.failingRollouts ${limits.failingRollouts}): ${listed(failing.map(({ name }) => name))}; it goes on when they are mended, set to mode Revert, or deleted`;
  return held(step, message);
}

function noRoom({ now }: Situation, step: StepStatus, { limits, neighbours }: Budget): Wait | undefined {
  const { movingScopes: limit } = limits;
  if (limit === undefined) return undefined;
  const size = step.scopes.length;
  if (size > limit)
    return {
      ...held(
        step,
        `${stepText(step)} has ${counted(size, 'scope')} and the budget of the cluster is smaller (budget.movingScopes ${limit}): it cannot begin; set maxConcurrent of the wave to ${limit} or less`,
      ),
      on: 'BudgetTooSmall',
      stalled: 'BudgetTooSmall',
    };
  const moving = neighbours.filter(neighbour => neighbour.moving > 0);
  // one that does not fit at all keeps nobody waiting
  const ahead = neighbours.filter(({ isOlder, wanted }) => isOlder && wanted > 0 && wanted <= limit);
  const taken = sum(moving.map(neighbour => neighbour.moving));
  if (taken + sum(ahead.map(({ wanted }) => wanted)) + size <= limit) return undefined;
  const movers = moving.map(({ name, moving: scopes }) => `${name} ${scopes}`);
  const older = ahead.map(({ name, wanted }) => `${name} ${wanted}`);
  const move = movers.length > 0 ? ` (${listed(movers)})` : '';
  const line = older.length > 0 ? `; older ones wait too (${listed(older)})` : '';
  return held(
    step,
    `${stepText(step)}, ${counted(size, 'scope')}, waits since ${clockTime(Date.parse(step.since), now)} for room in the budget of the cluster: ${taken} of at most ${limit} move${move}${line}; it begins by itself when there is room`,
  );
}

function held(step: StepStatus, message: string): Wait {
  return { kind: 'Wait', phase: phaseOf(step), step: rowBroken(step), on: ON, message };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
