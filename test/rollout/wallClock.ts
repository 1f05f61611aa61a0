/** Schedules at random, and a second opinion on when they are open: by the texts that Intl writes. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { type SpecInput, specSchema } from '../../src/api/schema.ts';
import type { Schedule } from '../../src/rollout/windows.ts';

export type Given = NonNullable<SpecInput['schedule']>;

const DAY = 86_400_000;
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/St_Johns',
  'America/Sao_Paulo',
  'Africa/Casablanca',
  'Asia/Tehran',
  'Asia/Kolkata',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'Pacific/Chatham',
  'Pacific/Apia',
] as const;

export function scheduleOf(given: Given): Schedule {
  const { schedule } = specSchema.parse({ target: { namespace: {} }, schedule: given });
  assert.ok(schedule);
  return schedule;
}

const clockTime = fc.integer({ min: 0, max: 24 * 12 - 1 }).map(n => {
  const text = (part: number) => String(part).padStart(2, '0');
  return `${text(Math.floor(n / 12))}:${text((n % 12) * 5)}`;
});
const date = fc
  .integer({ min: 0, max: 800 })
  .map(n => new Date(Date.UTC(2026, 0, 1) + n * DAY).toISOString().slice(0, 10));
const days = fc.subarray(['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const, { minLength: 1 });
const times = fc.uniqueArray(clockTime, { minLength: 2, maxLength: 2 }).map(([from = '', to = '']) => ({ from, to }));
const dates = fc.uniqueArray(date, { minLength: 1, maxLength: 2 }).map(pair => pair.toSorted().join('/'));
const window = fc
  .record({
    kind: fc.constantFrom('Allow' as const, 'Allow' as const, 'Deny' as const),
    days: fc.option(days, { nil: undefined }),
    times: fc.option(times, { nil: undefined }),
    dates: fc.option(dates, { nil: undefined, freq: 3 }),
  })
  .filter(given => Boolean(given.days ?? given.times ?? given.dates))
  .map(({ kind, times: clock, ...rest }) => ({
    kind,
    ...clock,
    ...(rest.days ? { days: rest.days } : {}),
    ...(rest.dates ? { dates: rest.dates } : {}),
  }));
export const schedule = fc
  .record({ timeZone: fc.constantFrom(...ZONES), windows: fc.array(window, { maxLength: 4 }) })
  .map(scheduleOf);
const FORMATS = new Map<string, Intl.DateTimeFormat>();

/** The same told in another way: by names of days and texts of dates and times, as Intl writes them. */
export function isOpenByIntl({ windows, timeZone }: Schedule, time: number): boolean {
  const format =
    FORMATS.get(timeZone) ??
    new Intl.DateTimeFormat('en-CA', {
      timeZone,
      weekday: 'short',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
  FORMATS.set(timeZone, format);
  const part = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, value]));
  const today = `${part['year']}-${part['month']}-${part['day']}`;
  const clock = `${part['hour']}:${part['minute']}`;
  const yesterday = new Date(Date.parse(today) - DAY).toISOString().slice(0, 10);
  const onDay = (day: string, { days: names, dates: range = '0000/9999' }: Schedule['windows'][number]) => {
    const [first = '', last = first] = range.split('/');
    const name = new Date(day).toUTCString().slice(0, 3);
    return (
      (names?.some(each => each === name) ?? true) && day >= first && day <= (last === '9999' ? '9999-12-31' : last)
    );
  };
  const inside = (given: Schedule['windows'][number]) => {
    const { from = '00:00', to = '24:00' } = given;
    if (from < to) return clock >= from && clock < to && onDay(today, given);
    return (clock >= from && onDay(today, given)) || (clock < to && onDay(yesterday, given));
  };
  const of = (kind: string) => windows.filter(given => given.kind === kind);
  return !of('Deny').some(inside) && (of('Allow').length === 0 || of('Allow').some(inside));
}
