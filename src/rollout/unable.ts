/** Status of a rollout about which nothing can be decided: its spec cannot be read, or the cluster cannot be seen. */
import { setCondition } from '../api/conditions.ts';
import type { Condition, Status } from '../api/status.ts';
import { told } from './news.ts';
import { rowBroken } from './rounds.ts';
import { bounded, timestamp } from './text.ts';
import { unblockOf } from './unblock.ts';
import { begunAt } from './waiting.ts';
import type { Decision, Obstacle } from './world.ts';

/**
 * Everything that was known stays, but for the row of healthy rounds, which is broken; phase, message and conditions
 * say why nothing moves.
 */
export function unable(
  status: Status,
  obstacle: Obstacle,
  generation: number,
  now: number,
): Pick<Decision, 'status' | 'transitions'> {
  const { reason, lasting } = obstacle;
  const message = bounded(obstacle.message);
  const condition = (type: Condition['type'], holds: boolean) => ({
    type,
    status: holds ? ('True' as const) : ('False' as const),
    reason,
    message,
    observedGeneration: generation,
  });
  const conditions = [
    condition('Ready', false),
    condition('Reconciling', !lasting),
    condition('Stalled', lasting),
    condition('Progressing', false),
  ];
  const stated: Status = {
    ...status,
    ...(status.step ? { step: rowBroken(status.step) } : {}),
    observedGeneration: generation,
    phase: 'Refused',
    message,
    summary: { ...status.summary, waitingOn: reason },
    waiting: { ...begunAt(status, reason, now), unblock: unblockOf('Refused', reason, reason, []) },
    conditions: conditions.reduce<Condition[]>(
      (all, next) => setCondition(all, next, timestamp(now)),
      status.conditions ?? [],
    ),
  };
  return told(status, stated, [], [obstacle], now);
}
