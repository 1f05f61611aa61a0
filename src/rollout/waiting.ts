/** Waiting for what, since when, until when, and what unblocks it: `status.waiting`, for those who do not read sentences. */
import type { Hazard, Status } from '../api/status.ts';
import type { Wait } from './move.ts';
import type { Situation } from './situation.ts';
import { deadlineOf, isLate } from './stages/deadline.ts';
import { bounded, timestamp } from './text.ts';
import { unblockOf } from './unblock.ts';
import type { Obstacle } from './world.ts';

type Waiting = NonNullable<Status['waiting']>;

/** Undefined where nothing is waited for. What was waited for already keeps its begin. */
export function waitingOf(
  situation: Situation,
  before: Status,
  wait: Wait,
  hazards: readonly Hazard[],
  [obstacle]: readonly Obstacle[],
): Waiting | undefined {
  const on = obstacle?.reason ?? wait.on;
  if (on === '') return undefined;
  const until = obstacle ? undefined : untilOf(situation, before, wait);
  const unblock = obstacle
    ? unblockOf('Refused', on, obstacle.reason, [])
    : (wait.unblock ?? unblockOf(wait.phase, on, wait.stalled, hazards));
  return {
    ...begunAt(before, on, situation.now),
    ...(until === undefined ? {} : { until: timestamp(until) }),
    unblock: bounded(unblock),
  };
}

/** For what, and since when. */
export function begunAt({ waiting }: Status, on: string, now: number): Pick<Waiting, 'on' | 'since'> {
  const shown = bounded(on, 256);
  // a clock that went back must not make it wait since the future
  const kept = waiting?.on === shown && Date.parse(waiting.since) <= now;
  return { on: shown, since: kept ? waiting.since : timestamp(now) };
}

/** When it ends by itself, one way or the other; undefined where nobody can say. */
function untilOf(situation: Situation, { rollback }: Status, wait: Wait): number | undefined {
  if (wait.until !== undefined) return wait.until;
  const { phase, step, stalled } = wait;
  if (phase === 'RolledBack') return rollback?.retryAt === undefined ? undefined : Date.parse(rollback.retryAt);
  // before a closed gate no time of the step counts
  if (stalled !== undefined || !step || step.heldSince !== undefined || isLate(situation, step)) return undefined;
  const counts = phase === 'Preparing' || phase === 'Observing' || phase === 'Enforcing' || phase === 'Consolidating';
  if (counts) return deadlineOf(situation, step);
  if (phase !== 'Soaking') return undefined;
  const end = deadlineOf(situation, step) - situation.pace.progressDeadline;
  return situation.now < end ? end : deadlineOf(situation, step);
}
