/** When a probe looks and how its verdicts count: the same few fields for every kind. */
import { z } from 'zod';
import { duration, optionalDuration } from './field.ts';

const limit = z.int32().min(0).max(1000).optional();

export const look = {
  when: z
    .enum(['Entry', 'Soak', 'Both', 'Guard'])
    .optional()
    .describe(
      'Before STRICT, after it, both, or only once everything is done. Unless given: what its kind is for; enforcement and plaintextTraffic then look on when everything is done. A kind that judges a change cannot look before it.',
    ),
  interval: optionalDuration(
    ['1s', '24h'],
    'Time between two looks; `analysis.interval` unless given, with `when: Guard` ten minutes.',
  ),
  initialDelay: duration('0s', ['0s', '24h'], 'Time from the begin of a stage to the first look.'),
  timeout: duration('30s', ['1s', '10m'], 'A look that takes longer is an Error.'),
  successes: z
    .int32()
    .min(1)
    .max(1000)
    .optional()
    .describe('Healthy looks in a row that this probe must give; `analysis.successes` unless given.'),
  failureLimit: limit.describe(
    'Unhealthy looks of this probe after STRICT that are forgiven. Unless given it counts towards `analysis.failureLimit`.',
  ),
  noDataLimit: limit.describe(
    'Looks in a row without data after STRICT that are forgiven; one more is a failure. Unless given only the deadline is.',
  ),
  errorLimit: limit.describe(
    'Looks in a row after STRICT that could not be made and are forgiven; one more is a failure. Unless given only the deadline is.',
  ),
  dryRun: z.boolean().default(false).describe('Looks and shows what it sees, and never decides anything.'),
};
