/** Freeze: one object stops all tightening in the cluster, whatever else is open. */
import { LONGEST_REASON } from '../stages/story.ts';
import { bounded, clockTime } from '../text.ts';
import { type Gate, heldBy } from './gate.ts';

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

export const frozen: Gate = (situation, step) => {
  const sight = situation.input.outside?.freeze;
  if (!sight) return undefined;
  const { now } = situation;
  // nothing tightens blindly: what cannot be seen may be there
  if ('unseen' in sight)
    return heldBy(situation, step, {
      on: 'FreezeNotSeen',
      why: `nobody can tell whether the cluster is frozen: ${bounded(sight.unseen, LONGEST_REASON)}; let the operator list and watch the ConfigMap ${FREEZE} in its namespace (config/rbac/freeze.yaml)`,
      stalled: 'FreezeNotSeen',
      nextLookAt: now + LOOK_AGAIN,
    });
  const { freeze } = sight;
  if (!freeze || (typeof freeze.until === 'number' && freeze.until <= now)) return undefined;
  const { namespace, reason, since, until } = freeze;
  const why = reason ? `(${reason})` : '(no reason is given)';
  return heldBy(situation, step, {
    on: 'freeze',
    why: `the cluster is frozen since ${clockTime(since, now)} ${why}, ${endText(until, now)}; to lift it: kubectl delete configmap ${FREEZE} -n ${namespace}`,
    ...(typeof until === 'number' ? { nextLookAt: until, until } : {}),
  });
};

function endText(until: Freeze['until'], now: number): string {
  if (until === undefined) return 'until somebody lifts it';
  if (until === 'Damaged') return 'until somebody lifts it, for its data.until is no time such as 2027-01-04T08:00:00Z';
  return `until ${clockTime(until, now)}`;
}
