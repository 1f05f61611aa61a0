/** When steps may begin, and who let them. */
import { z } from 'zod';
import { dnsLabel, isDay } from './field.ts';
import { ruled } from './rule.ts';

const clockTime = z
  .string()
  .max(5)
  .regex(/^([01][0-9]|2[0-3]):[0-5][0-9]$/, 'must be a time of day such as 09:00');

const DAYS = 'must be a day or a range of days such as 2026-12-20/2027-01-04, the first one first';

const dates = z
  .string()
  .max(21)
  .regex(/^[0-9]{4}-[0-9]{2}-[0-9]{2}(\/[0-9]{4}-[0-9]{2}-[0-9]{2})?$/, { error: DAYS, abort: true })
  .refine(text => {
    const [first = '', last = first] = text.split('/');
    return isDay(first) && isDay(last) && first <= last;
  }, DAYS);

const window = ruled(
  z.strictObject({
    kind: z.enum(['Allow', 'Deny']).describe('Whether steps may begin inside the window, or may not.'),
    days: z
      .array(z.enum(['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']))
      .min(1)
      .max(7)
      .optional()
      .describe('Days of the week.'),
    from: clockTime.optional().describe('First minute of the day, such as 09:00.'),
    to: clockTime.optional().describe('First minute after the window; before `from`, it is on the next day.'),
    dates: dates.optional().describe('A day, or a range of days such as 2026-12-20/2027-01-04.'),
    reason: z.string().max(256).optional().describe('Shown while the window holds a step up.'),
  }),
  {
    cel: 'has(self.days) || has(self.from) || has(self.dates)',
    holds: ({ days, from, dates: range }) => days !== undefined || from !== undefined || range !== undefined,
    message: 'give days, from and to, or dates',
  },
  {
    cel: 'has(self.from) == has(self.to)',
    holds: ({ from, to }) => (from === undefined) === (to === undefined),
    message: 'give from and to together, or neither',
  },
  {
    cel: '!has(self.from) || !has(self.to) || self.from != self.to',
    holds: ({ from, to }) => from === undefined || from !== to,
    message: 'from and to must differ: leave both out for whole days',
  },
);

export const schedule = z
  .strictObject({
    startAt: z
      .string()
      .max(35)
      .refine(isTime, 'must be a time such as 2026-12-01T08:00:00Z')
      .meta({ format: 'date-time' })
      .optional()
      .describe('Nothing tightens before this time, such as 2026-12-01T08:00:00Z.'),
    timeZone: z
      .string()
      .min(1)
      .max(64)
      .refine(isTimeZone, 'must be an IANA time zone such as Europe/Berlin')
      .default('UTC')
      .describe('IANA time zone of the windows.'),
    windows: z
      .array(window)
      .max(64)
      .default([])
      .describe('Deny wins; no Allow means always allowed; a rollback is never held up.'),
  })
  .optional()
  .describe('When steps may begin.');

const dependency = z.strictObject({
  name: dnsLabel.describe('Name of the MtlsRollout.'),
  namespace: dnsLabel
    .optional()
    .describe('Only in the mesh root namespace; elsewhere always the namespace of the object.'),
});

export const dependsOn = z
  .array(dependency)
  .max(32)
  .default([])
  .describe('Rollouts that must be Completed before a step of this one begins, and as long as it has steps to begin.');

const approval = z.strictObject({
  wave: dnsLabel.describe('Name of the wave.'),
  plan: z
    .string()
    .max(16)
    .regex(/^[0-9a-f]{8,16}$/, 'must be the plan hash of the wave, as in status.waves')
    .describe('Hash of the plan that was approved, from status.waves. Another plan needs another approval.'),
  by: z.string().min(1).max(256).describe('Who approved.'),
});

export const approvals = z
  .array(approval)
  .max(64)
  .default([])
  .describe('Approvals of waves, by the hash of their plan.');

export function isTime(text: string): boolean {
  const [day = ''] = text.split('T');
  const shape = /^[0-9-]{10}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$/;
  return shape.test(text) && isDay(day) && !Number.isNaN(Date.parse(text));
}

function isTimeZone(name: string): boolean {
  try {
    return Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false; // the only way in which Intl says that it does not know a zone
  }
}
