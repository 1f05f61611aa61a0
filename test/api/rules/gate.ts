/** Windows, approvals and accepted hazards. */
import { withTarget, window, type RuleCase } from './rule-case.ts';

export const gateCases: RuleCase[] = [
  {
    rule: 'a window says when',
    good: window({ days: ['Mon'] }),
    bad: window({}),
    problem: 'spec.schedule.windows[0]: give days, from and to, or dates',
  },
  {
    rule: 'from and to go together',
    good: window({ from: '09:00', to: '16:00' }),
    bad: window({ from: '09:00' }),
    problem: 'spec.schedule.windows[0]: give from and to together',
  },
  {
    rule: 'from and to differ',
    good: window({ from: '22:00', to: '06:00' }),
    bad: window({ from: '09:00', to: '09:00' }),
    problem: 'spec.schedule.windows[0]: from and to must differ',
  },
  {
    rule: 'time of day',
    good: window({ from: '23:59', to: '00:00' }),
    bad: window({ from: '24:00', to: '00:00' }),
    problem: 'spec.schedule.windows[0].from: must be a time of day such as 09:00',
  },
  {
    rule: 'form of dates',
    good: window({ dates: '2026-12-20' }),
    bad: window({ dates: '20.12.2026' }),
    problem: 'spec.schedule.windows[0].dates: must be a day or a range of days',
  },
  {
    rule: 'dates in order',
    good: window({ dates: '2026-12-20/2027-01-04' }),
    bad: window({ dates: '2027-01-04/2026-12-20' }),
    problem: 'spec.schedule.windows[0].dates: must be a day or a range of days',
    operatorOnly: true,
  },
  {
    rule: 'start is a time',
    good: withTarget({ schedule: { startAt: '2026-12-01T08:00:00+01:00' } }),
    bad: withTarget({ schedule: { startAt: '2026-12-01 08:00' } }),
    problem: 'spec.schedule.startAt: must be a time such as 2026-12-01T08:00:00Z',
  },
  {
    rule: 'time zone exists',
    good: withTarget({ schedule: { timeZone: 'Europe/Berlin' } }),
    bad: withTarget({ schedule: { timeZone: 'Europe/Bielefeld' } }),
    problem: 'spec.schedule.timeZone: must be an IANA time zone',
    operatorOnly: true,
  },
  {
    rule: 'approval names a hash',
    good: withTarget({ approvals: [{ wave: 'core', plan: '77b0c19d', by: 'me' }] }),
    bad: withTarget({ approvals: [{ wave: 'core', plan: '77b0c19', by: 'me' }] }),
    problem: 'spec.approvals[0].plan: must be the plan hash of the wave',
  },
  {
    rule: 'hazard code',
    good: withTarget({ preflight: { accept: ['UnmeshedWorkload'] } }),
    bad: withTarget({ preflight: { accept: ['unmeshed-workload'] } }),
    problem: 'spec.preflight.accept[0]: must be a hazard code such as UnmeshedWorkload',
  },
];
