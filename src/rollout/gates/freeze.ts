/** Freeze: one object stops all tightening in the cluster, whatever else is open. */
import type { StepStatus } from '../../api/status.ts';
import type { Wait } from '../move.ts';
import { rowBroken } from '../rounds.ts';
import type { Situation } from '../situation.ts';
import { stepText } from '../stages/story.ts';
import { clockTime } from '../text.ts';
import { phaseOf } from './phase.ts';

/** The ConfigMap in the operator's namespace that freezes by being there. */
export const FREEZE = 'mtls-rollout-freeze';

export interface Freeze {
  /** Of the ConfigMap, which is the operator's own. */
  namespace: string;
  /** Bounded; empty when none is given. */
  reason: string;
  /** Milliseconds since the epoch. */
  since: number;
  /** When it is over by itself; `Damaged`: it says when, and nobody can read it, so it is not. */
  until?: number | 'Damaged';
}

/** The freeze, that there is none, or why nobody can tell. */
export type FreezeSight = { freeze: Freeze | undefined } | { unseen: string };

/** While nobody can tell whether there is a freeze. */
const LOOK_AGAIN = 30_000;

export function frozen(situation: Situation, step: StepStatus): Wait | undefined {
  const sight = situation.input.outside?.freeze;
  if (!sight) return undefined;
  if ('unseen' in sight) return unseen(situation, step, sight.unseen);
  const { freeze } = sight;
  const { now } = situation;
  if (!freeze || (typeof freeze.until === 'number' && freeze.until <= now)) return undefined;
  const { namespace, reason, since, until } = freeze;
  const why = reason ? ` (${reason})` : ', which gives no reason,';
  return {
    kind: 'Wait',
    phase: phaseOf(step),
    step: rowBroken(step),
    on: 'freeze',
    message: `${stepText(step)} is held by a freeze of the cluster${why} since ${clockTime(since, now)}, ${endText(until, now)}; to lift it: kubectl delete configmap ${FREEZE} -n ${namespace}`,
    ...(typeof until === 'number' ? { nextLookAt: until } : {}),
  };
}

function endText(until: Freeze['until'], now: number): string {
  if (until === undefined) return 'until somebody lifts it';
  if (until === 'Damaged')
    return 'until somebody lifts it, since its data.until is no time such as 2027-01-04T08:00:00Z';
  return `until ${clockTime(until, now)}`;
}

/** Nothing tightens blindly: what cannot be seen may be there. */
function unseen({ now }: Situation, step: StepStatus, problem: string): Wait {
  return {
    kind: 'Wait',
    phase: phaseOf(step),
    step: rowBroken(step),
    on: 'FreezeNotSeen',
    message: `${stepText(step)} is held, for nobody can tell whether the cluster is frozen: ${problem}; let the operator list and watch the ConfigMap ${FREEZE} in its namespace (config/rbac/freeze.yaml)`,
    stalled: 'FreezeNotSeen',
    nextLookAt: now + LOOK_AGAIN,
  };
}
