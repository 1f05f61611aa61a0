/**
 * Time windows by the clock on the wall of their zone: a window is open for as long as that clock shows a time in it.
 * A time that a change of clocks leaves out never comes, one that it repeats comes twice, and neither needs a rule.
 */
import type { Spec } from '../api/schema.ts';
import { offsetAt } from './localTime.ts';

export type Schedule = NonNullable<Spec['schedule']>;
type Window = Schedule['windows'][number];

const MINUTE = 60_000;
const DAY = 86_400_000;
/** How far ahead an opening is looked for. */
const LOOK_AHEAD = 366 * DAY;
/** 1970-01-01, day 0, was a Thursday. */
const WEEKDAYS = ['Thu', 'Fri', 'Sat', 'Sun', 'Mon', 'Tue', 'Wed'];

/** Why nothing may begin at a time; undefined: it may. */
export function closedBy(schedule: Schedule, at: number): 'StartAt' | 'NoWindow' | Window | undefined {
  if (schedule.startAt !== undefined && at < Date.parse(schedule.startAt)) return 'StartAt';
  return closedOnTheWall(schedule, at + offsetAt(schedule.timeZone, at));
}

/** The first time from `at` on at which a step may begin; undefined: none within `LOOK_AHEAD`. */
export function nextOpening(schedule: Schedule, at: number): number | undefined {
  const { startAt, timeZone } = schedule;
  const from = Math.max(at, startAt === undefined ? at : Date.parse(startAt));
  const edges = edgesOf(schedule.windows);
  for (const { begin, end, offset } of spans(timeZone, from, from + LOOK_AHEAD)) {
    const opening = openingOnTheWall(schedule, edges, begin + offset, end + offset);
    if (opening !== undefined) return opening - offset;
  }
  return undefined;
}

/** Deny wins; no Allow at all means always allowed. `wall` is what the clock shows, as if it were UTC. */
function closedOnTheWall({ windows }: Schedule, wall: number): 'NoWindow' | Window | undefined {
  const denied = windows.find(window => window.kind === 'Deny' && covers(window, wall));
  if (denied) return denied;
  const allows = windows.filter(({ kind }) => kind === 'Allow');
  return allows.length === 0 || allows.some(window => covers(window, wall)) ? undefined : 'NoWindow';
}

function covers(window: Window, wall: number): boolean {
  const day = Math.floor(wall / DAY);
  const time = wall - day * DAY;
  const { from, to } = clockTimesOf(window);
  if (from < to) return time >= from && time < to && isOn(window, day);
  // a window over midnight belongs to the day on which it begins
  return time >= from ? isOn(window, day) : time < to && isOn(window, day - 1);
}

function isOn({ days, dates }: Window, day: number): boolean {
  if (days && !days.some(name => name === WEEKDAYS[((day % 7) + 7) % 7])) return false;
  if (dates === undefined) return true;
  const [first = '', last = first] = dates.split('/');
  return day >= dayOf(first) && day <= dayOf(last);
}

function dayOf(date: string): number {
  return Date.parse(`${date}T00:00:00Z`) / DAY;
}

function clockTimesOf({ from, to }: Window): { from: number; to: number } {
  return from === undefined || to === undefined ? { from: 0, to: DAY } : { from: timeOf(from), to: timeOf(to) };
}

function timeOf(clockTime: string): number {
  const [hours = 0, minutes = 0] = clockTime.split(':').map(Number);
  return (hours * 60 + minutes) * MINUTE;
}

/** The times of day at which anything may open; the day changes at midnight. */
function edgesOf(windows: readonly Window[]): number[] {
  const edges = windows.flatMap(window => Object.values(clockTimesOf(window))).filter(time => time < DAY);
  return [...new Set([0, ...edges])].toSorted((a, b) => a - b);
}

/** The first time in a span of one offset at which nothing is closed: its begin, or an edge. */
function openingOnTheWall(
  schedule: Schedule,
  edges: readonly number[],
  begin: number,
  end: number,
): number | undefined {
  if (!closedOnTheWall(schedule, begin)) return begin;
  for (let day = Math.floor(begin / DAY); day * DAY < end; day++)
    for (const edge of edges) {
      const wall = day * DAY + edge;
      if (wall > begin && wall < end && !closedOnTheWall(schedule, wall)) return wall;
    }
  return undefined;
}

/** Spans of time in which the zone keeps its offset, one after the other. */
function* spans(zone: string, from: number, to: number): Generator<{ begin: number; end: number; offset: number }> {
  for (let begin = from; begin < to; ) {
    const offset = offsetAt(zone, begin);
    const next = begin + DAY;
    const end = offsetAt(zone, next) === offset ? next : changeBetween(zone, begin, next, offset);
    yield { begin, end, offset };
    begin = end;
  }
}

/** When the offset is no longer what it was at `begin`. */
function changeBetween(zone: string, begin: number, end: number, offset: number): number {
  let [before, after] = [begin, end];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offsetAt(zone, middle) === offset) before = middle;
    else after = middle;
  }
  return after;
}
