/**
 * What a decision has to tell. One list of transitions is the source of history, events, log lines, metrics and
 * notifications, so that none of them knows more or other than the rest.
 */
import type { Phase, Status } from '../api/status.ts';
import { about } from './stages/story.ts';
import { bounded, timestamp } from './text.ts';
import type { Decision, Input, Obstacle, Transition } from './world.ts';

const HISTORY = 20;
/** Phases in which a rollout rests of its own accord. */
const RESTING: ReadonlySet<Phase | undefined> = new Set(['Completed', 'Reverted', 'Planned', 'Suspended']);

type Told = Pick<Decision, 'status' | 'transitions'>;

/**
 * The status with everything that is new in its history: what was decided, and then what keeps the rollout from acting,
 * that only somebody's doing helps, or that it came to rest.
 */
export function told(
  before: Status,
  after: Status,
  decided: readonly Transition[],
  obstacles: readonly Obstacle[],
  now: number,
): Told {
  const at = timestamp(now);
  const fixed = new Set(obstacles.map(({ reason }) => reason));
  const standing = standingOf(after, obstacles).filter(each => isNews(before, each, decided, fixed.has(each.reason)));
  const transitions = [...decided, ...standing].map(each => ({ ...each, message: bounded(each.message), at }));
  if (transitions.length === 0) return { status: after, transitions };
  const entries = transitions.map(({ reason, message }) => ({ at, reason, message }));
  return { status: { ...after, history: [...(after.history ?? []), ...entries].slice(-HISTORY) }, transitions };
}

/** What keeps a rollout in this phase from acting; the first is what its conditions name. */
export function inTheWay({ trouble, obstacle }: Input, phase: Phase): Obstacle[] {
  return [...(trouble ? [trouble] : []), ...(obstacle && phase === 'Refused' ? [obstacle] : [])];
}

/** Why the rollout does not go on by itself, as its conditions say; nothing while it does. */
function standingOf({ phase, message = '', step, conditions = [] }: Status, obstacles: readonly Obstacle[]) {
  const place = step ? about(step) : {};
  const all: Transition[] = obstacles.map(({ reason, message: what }) => ({
    reason,
    message: what,
    severity: 'Warning',
    ...place,
  }));
  const stalled = conditions.find(({ type, status }) => type === 'Stalled' && status === 'True')?.reason;
  if (stalled !== undefined && !all.some(({ reason }) => reason === stalled))
    all.push({ reason: stalled, message, severity: 'Warning', ...place });
  if (all.length === 0 && phase && RESTING.has(phase))
    all.push({ reason: phase, message, severity: 'Normal', ...place });
  return all;
}

/** A new reason always is; another message only of an obstacle, since others count rounds and say times. */
function isNews(before: Status, standing: Transition, decided: readonly Transition[], isFixed: boolean): boolean {
  const { reason } = standing;
  const message = bounded(standing.message);
  if (decided.some(each => each.reason === reason)) return false;
  const { history = [], conditions = [] } = before;
  const last = history.at(-1);
  if (last?.reason === reason && last.message === message) return false;
  const stood = conditions.some(
    each => each.reason === reason && (each.type === 'Ready' || (each.type === 'Stalled' && each.status === 'True')),
  );
  return !stood || (isFixed && history.findLast(entry => entry.reason === reason)?.message !== message);
}
