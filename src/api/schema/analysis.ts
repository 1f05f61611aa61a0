/** How verdicts become decisions, and what a failure leads to. */
import { z } from 'zod';
import { duration, YEAR } from './field.ts';

export const analysis = z
  .strictObject({
    interval: duration('30s', ['1s', '24h'], 'Time between two rounds of probes.'),
    successes: z.int32().min(1).max(1000).default(3).describe('Healthy rounds in a row that a step needs.'),
    failureLimit: z
      .int32()
      .min(0)
      .max(1000)
      .default(0)
      .describe('Unhealthy rounds after STRICT that are still forgiven.'),
    progressDeadline: duration(
      '6h',
      ['1s', YEAR],
      'How long a step may take. Before STRICT it then stalls and keeps looking; after STRICT it rolls back.',
    ),
  })
  .prefault({})
  .describe('How probe verdicts become decisions.');

export const rollback = z
  .strictObject({
    onFailure: z.enum(['Rollback', 'Pause']).default('Rollback').describe('What a failure after STRICT leads to.'),
    extent: z.enum(['Step', 'Wave', 'All']).default('Wave').describe('How much is restored.'),
    retries: z.int32().min(0).max(100).default(0).describe('How often a rolled back rollout tries again by itself.'),
    retryAfter: duration('1h', ['1s', YEAR], 'Rest before such a try.'),
  })
  .prefault({})
  .describe('What happens when a step fails.');
