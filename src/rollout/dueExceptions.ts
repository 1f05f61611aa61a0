/** Exceptions have an end: a week ahead, and when it has passed, somebody has to hear of it. */
import type { Spec } from '../api/schema.ts';
import type { Condition, Status } from '../api/status.ts';
import { listed } from './text.ts';
import type { Transition } from './world.ts';

const DAY = 86_400_000;
const AHEAD = 7 * DAY;

type Due = Pick<Condition, 'status' | 'reason' | 'message'>;

/** What the condition ExceptionsDue says; undefined for a rollout without exceptions. */
export function dueExceptions({ exceptions }: Pick<Spec, 'exceptions'>, now: number): Due | undefined {
  if (exceptions.length === 0) return undefined;
  const over = exceptions.filter(({ until }) => now >= endOf(until));
  const soon = exceptions.filter(({ until }) => now < endOf(until) && now >= endOf(until) - AHEAD);
  const named = (all: typeof exceptions) => listed(all.map(({ name, until }) => `${name} (until ${until})`));
  if (over.length > 0) {
    const message = `past their end: ${named(over)}; they stay in force until they are taken from spec.exceptions, or get a later day`;
    return { status: 'True', reason: 'Expired', message };
  }
  if (soon.length > 0) return { status: 'True', reason: 'ExpireSoon', message: `end within a week: ${named(soon)}` };
  return { status: 'False', reason: 'NoneDue', message: 'no exception ends within a week' };
}

/** When that changes next; undefined when it never does. */
export function nextDueAt({ exceptions }: Pick<Spec, 'exceptions'>, now: number): number | undefined {
  const times = exceptions.flatMap(({ until }) => [endOf(until) - AHEAD, endOf(until)]).filter(time => time > now);
  return times.length > 0 ? Math.min(...times) : undefined;
}

/** The news, once for each time that it becomes one. */
export function dueTransitions({ conditions = [] }: Status, spec: Pick<Spec, 'exceptions'>, now: number): Transition[] {
  const due = dueExceptions(spec, now);
  const before = conditions.find(({ type }) => type === 'ExceptionsDue');
  if (due?.status !== 'True' || before?.reason === due.reason) return [];
  const message = `exceptions ${due.message}`;
  return due.reason === 'Expired'
    ? [{ reason: 'ExceptionsExpired', message, severity: 'Warning' }]
    : [{ reason: 'ExceptionsExpireSoon', message, severity: 'Warning' }];
}

/** The last day is still inside; days are UTC. */
function endOf(until: string): number {
  return Date.parse(`${until}T00:00:00Z`) + DAY;
}
