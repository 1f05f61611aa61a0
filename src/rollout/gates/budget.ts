/**
 * Budget: how many scopes may move at the same time in the whole cluster, and how many rollouts may have failed before
 * the others stop. Room goes to the oldest rollout that waits for it; nobody overtakes.
 */
import type { Status, StepStatus } from '../../api/status.ts';
import { counted, listed } from '../text.ts';
import { type Closed, type Gate, heldBy } from './gate.ts';

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

export const overBudget: Gate = (situation, step) => {
  const budget = situation.input.outside?.budget;
  if (!budget) return undefined;
  const failing = tooManyFailing(budget);
  // a step that has begun has its room already
  const closed = failing ?? (step.stage === 'Pending' ? noRoom(budget, step.scopes.length) : undefined);
  return closed && heldBy(situation, step, closed);
};

function tooManyFailing({ limits, neighbours }: Budget): Closed | undefined {
  const { failingRollouts: limit } = limits;
  const failing = neighbours.filter(({ isFailing }) => isFailing).map(({ name }) => name);
  if (limit === undefined || failing.length < limit) return undefined;
  const why = `as many rollouts have failed as the budget of the cluster allows (budget.failingRollouts ${limit}): ${listed(failing)}; it goes on when they are tried again, set to mode Revert, or deleted`;
  return { on: ON, why };
}

function noRoom({ limits, neighbours }: Budget, size: number): Closed | undefined {
  const { movingScopes: limit } = limits;
  if (limit === undefined) return undefined;
  if (size > limit) {
    const why = `the step has ${counted(size, 'scope')} and the budget of the cluster is smaller (budget.movingScopes ${limit}): it cannot begin; set maxConcurrent of the wave to ${limit} or less`;
    return { on: 'BudgetTooSmall', why, stalled: 'BudgetTooSmall' };
  }
  const moving = neighbours.filter(neighbour => neighbour.moving > 0);
  // one that does not fit at all keeps nobody waiting
  const ahead = neighbours.filter(({ isOlder, wanted }) => isOlder && wanted > 0 && wanted <= limit);
  const taken = sum(moving.map(neighbour => neighbour.moving));
  if (taken + sum(ahead.map(({ wanted }) => wanted)) + size <= limit) return undefined;
  const movers = moving.map(({ name, moving: scopes }) => `${name} ${scopes}`);
  const older = ahead.map(({ name, wanted }) => `${name} ${wanted}`);
  const move = movers.length > 0 ? ` (${listed(movers)})` : '';
  const line = older.length > 0 ? `; older ones come first (${listed(older)})` : '';
  const why = `no room for ${counted(size, 'scope')} in the budget of the cluster: ${taken} of at most ${limit} move${move}${line}; it begins by itself when there is room`;
  return { on: ON, why };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
