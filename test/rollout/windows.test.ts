/** Time windows: tables for the days that are different, and properties against the clock of Intl. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { localText } from '../../src/rollout/localTime.ts';
import { closedBy, nextOpening } from '../../src/rollout/windows.ts';
import { type Given, isOpenByIntl, schedule, scheduleOf } from './wallClock.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
const YEAR = 366 * DAY;

const allow = (timeZone: string, ...windows: Omit<NonNullable<Given['windows']>[number], 'kind'>[]): Given => ({
  timeZone,
  windows: windows.map(window => ({ kind: 'Allow', ...window })),
});

/** What is asked at `at`, and when it opens; undefined: never. Times without a zone are UTC. */
const OPENINGS: [what: string, given: Given, at: string, opens: string | undefined][] = [
  ['no window at all', { windows: [] }, '2026-12-01T03:00:00Z', '2026-12-01T03:00:00Z'],
  ['a start', { startAt: '2026-12-01T08:00:00+01:00' }, '2026-11-22T00:00:00Z', '2026-12-01T07:00:00Z'],
  [
    'a start outside of every window',
    { startAt: '2026-12-01T20:00:00Z', ...allow('UTC', { from: '09:00', to: '16:00' }) },
    '2026-11-22T10:00:00Z',
    '2026-12-02T09:00:00Z',
  ],
  ['the first minute', allow('UTC', { from: '09:00', to: '16:00' }), '2026-12-01T09:00:00Z', '2026-12-01T09:00:00Z'],
  ['the minute after', allow('UTC', { from: '09:00', to: '16:00' }), '2026-12-01T16:00:00Z', '2026-12-02T09:00:00Z'],
  [
    'the last millisecond',
    allow('UTC', { from: '09:00', to: '16:00' }),
    '2026-12-01T15:59:59.999Z',
    '2026-12-01T15:59:59.999Z',
  ],
  ['winter in Berlin', allow('Europe/Berlin', { days: ['Mon'] }), '2026-12-01T10:00:00Z', '2026-12-06T23:00:00Z'],
  [
    'summer in New York',
    allow('America/New_York', { from: '09:00', to: '10:00' }),
    '2026-07-01T14:00:00Z',
    '2026-07-02T13:00:00Z',
  ],
  [
    'half an hour of India',
    allow('Asia/Kolkata', { from: '09:00', to: '10:00' }),
    '2026-07-01T00:00:00Z',
    '2026-07-01T03:30:00Z',
  ],
  [
    'three quarters of Nepal',
    allow('Asia/Kathmandu', { from: '09:00', to: '10:00' }),
    '2026-07-01T00:00:00Z',
    '2026-07-01T03:15:00Z',
  ],
  [
    'Newfoundland',
    allow('America/St_Johns', { from: '00:00', to: '01:00' }),
    '2026-07-01T01:00:00Z',
    '2026-07-01T02:30:00Z',
  ],
  [
    'over midnight, in the evening',
    allow('UTC', { days: ['Sat'], from: '22:00', to: '02:00' }),
    '2026-12-03T00:00:00Z',
    '2026-12-05T22:00:00Z',
  ],
  [
    'over midnight, the day after',
    allow('UTC', { days: ['Sat'], from: '22:00', to: '02:00' }),
    '2026-12-06T01:59:00Z',
    '2026-12-06T01:59:00Z',
  ],
  [
    'over midnight, not the night before',
    allow('UTC', { days: ['Sat'], from: '22:00', to: '02:00' }),
    '2026-12-05T01:00:00Z',
    '2026-12-05T22:00:00Z',
  ],
  [
    'over midnight from the last day of a range',
    allow('UTC', { dates: '2026-12-01', from: '22:00', to: '02:00' }),
    '2026-12-02T01:00:00Z',
    '2026-12-02T01:00:00Z',
  ],
  [
    'until midnight',
    allow('UTC', { days: ['Sat'], from: '22:00', to: '00:00' }),
    '2026-12-06T00:00:00Z',
    '2026-12-12T22:00:00Z',
  ],
  [
    'a freeze over new year',
    { timeZone: 'Europe/Berlin', windows: [{ kind: 'Deny', dates: '2026-12-20/2027-01-04' }] },
    '2026-12-24T12:00:00Z',
    '2027-01-04T23:00:00Z',
  ],
  [
    'a freeze wins over a window',
    {
      windows: [
        { kind: 'Allow', from: '09:00', to: '16:00' },
        { kind: 'Deny', days: ['Fri', 'Sat', 'Sun'] },
      ],
    },
    '2026-12-04T10:00:00Z',
    '2026-12-07T09:00:00Z',
  ],
  ['a leap day', allow('UTC', { dates: '2028-02-29' }), '2027-12-01T00:00:00Z', '2028-02-29T00:00:00Z'],
  ['the day after the leap day', allow('UTC', { dates: '2028-02-29' }), '2028-03-01T00:00:00Z', undefined],
  [
    'a time that does not exist: the window opens at the jump',
    allow('Europe/Berlin', { dates: '2027-03-28', from: '02:30', to: '05:00' }),
    '2027-03-27T12:00:00Z',
    '2027-03-28T01:00:00Z',
  ],
  [
    'a window of which nothing exists',
    allow('Europe/Berlin', { dates: '2027-03-28', from: '02:15', to: '02:45' }),
    '2027-03-27T12:00:00Z',
    undefined,
  ],
  [
    'a time that exists twice: the first',
    allow('Europe/Berlin', { dates: '2026-10-25', from: '02:15', to: '02:45' }),
    '2026-10-24T12:00:00Z',
    '2026-10-25T00:15:00Z',
  ],
  [
    'a time that exists twice: the second',
    allow('Europe/Berlin', { dates: '2026-10-25', from: '02:15', to: '02:45' }),
    '2026-10-25T00:45:00Z',
    '2026-10-25T01:15:00Z',
  ],
  [
    'clocks that jump by half an hour',
    allow('Australia/Lord_Howe', { dates: '2026-10-04', from: '02:10', to: '03:00' }),
    '2026-10-03T12:00:00Z',
    '2026-10-03T15:30:00Z',
  ],
  [
    'a midnight that does not exist',
    allow('America/Sao_Paulo', { dates: '2018-11-04' }),
    '2018-11-03T12:00:00Z',
    '2018-11-04T03:00:00Z',
  ],
  [
    'a midnight that does not exist, in Tehran',
    allow('Asia/Tehran', { dates: '2021-03-22' }),
    '2021-03-21T12:00:00Z',
    '2021-03-21T20:30:00Z',
  ],
  ['a day that does not exist', allow('Pacific/Apia', { dates: '2011-12-30' }), '2011-12-29T12:00:00Z', undefined],
  [
    'the day after the one that does not exist',
    allow('Pacific/Apia', { dates: '2011-12-31' }),
    '2011-12-29T12:00:00Z',
    '2011-12-30T10:00:00Z',
  ],
  [
    'the month in which Casablanca sets its clocks back',
    allow('Africa/Casablanca', { dates: '2026-02-15/2026-02-16', from: '02:30', to: '03:30' }),
    '2026-02-15T02:00:00Z',
    '2026-02-15T02:30:00Z',
  ],
  [
    'Chatham',
    allow('Pacific/Chatham', { from: '02:45', to: '04:00', dates: '2026-09-27' }),
    '2026-09-26T00:00:00Z',
    '2026-09-26T14:00:00Z',
  ],
  [
    'windows that deny everything',
    {
      windows: [
        { kind: 'Deny', from: '00:00', to: '23:59' },
        { kind: 'Deny', from: '23:59', to: '00:00' },
      ],
    },
    '2026-12-01T00:00:00Z',
    undefined,
  ],
  ['a window that is over', allow('UTC', { dates: '2020-01-01' }), '2026-12-01T00:00:00Z', undefined],
];

describe('the next opening', () => {
  for (const [what, given, at, opens] of OPENINGS)
    it(`${what}: ${opens ?? 'never'}`, () => {
      const opening = nextOpening(scheduleOf(given), Date.parse(at));
      assert.equal(
        opening === undefined ? undefined : new Date(opening).toISOString(),
        opens && new Date(opens).toISOString(),
      );
    });

  it('names the window that denies, with its reason', () => {
    const given = scheduleOf({
      windows: [
        { kind: 'Allow', days: ['Mon'] },
        { kind: 'Deny', dates: '2026-12-07', reason: 'audit' },
      ],
    });
    const closed = closedBy(given, Date.parse('2026-12-07T10:00:00Z'));
    assert.ok(typeof closed === 'object');
    assert.equal(closed.reason, 'audit');
    assert.equal(closedBy(given, Date.parse('2026-12-08T10:00:00Z')), 'NoWindow');
  });

  it('is shown with date, zone and offset', () => {
    assert.equal(
      localText(Date.parse('2026-10-25T01:15:00Z'), 'Europe/Berlin'),
      'Sun 2026-10-25 02:15 (Europe/Berlin, UTC+1)',
    );
    assert.equal(
      localText(Date.parse('2026-12-01T03:15:00Z'), 'Asia/Kathmandu'),
      'Tue 2026-12-01 09:00 (Asia/Kathmandu, UTC+5:45)',
    );
    assert.equal(localText(Date.parse('2026-12-01T03:15:00Z'), 'UTC'), 'Tue 2026-12-01 03:15 (UTC)');
  });
});

/** Around the days on which clocks change as well as any other time. */
const at = fc.oneof(
  fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2027, 11, 31) }),
  fc
    .tuple(
      fc.constantFrom('2026-03-08', '2026-03-29', '2026-04-05', '2026-09-27', '2026-10-04', '2026-10-25', '2026-11-01'),
      fc.integer({ min: -36, max: 36 }),
    )
    .map(([day, hours]) => Date.parse(day) + hours * 3_600_000),
);

describe('whatever the windows', () => {
  it('what is called open is so by the clock of Intl', () => {
    fc.assert(
      fc.property(schedule, at, (given, time) => {
        assert.equal(closedBy(given, time) === undefined, isOpenByIntl(given, time));
      }),
      { numRuns: 2000 },
    );
  });

  it('the next opening is open, and nothing before it is', () => {
    fc.assert(
      fc.property(schedule, at, fc.integer({ min: 1, max: 97 }), (given, time, stride) => {
        const opening = nextOpening(given, time);
        if (opening !== undefined) assert.ok(isOpenByIntl(given, opening), 'it is open');
        if (opening !== undefined && opening > time) assert.ok(closedBy(given, opening - 1), 'the millisecond before');
        const until = Math.min(opening ?? time + YEAR, time + 20 * DAY);
        for (let sample = time; sample < until; sample += stride * MINUTE)
          assert.ok(closedBy(given, sample), `open at ${new Date(sample).toISOString()} already`);
      }),
      { numRuns: 300 },
    );
  }).timeout(20_000);
});
