/** The queries that the configuration of the operator names for `prometheus` probes. */
import { z } from 'zod';
import { MOST_QUERY } from '../api/queryText.ts';
import { PARAMETER_TYPES, problemsOf } from '../probes/namedQuery.ts';
import { label, named } from './settingValues.ts';

const parameter = z.strictObject({
  name: z.string('must be a name').regex(/^[A-Za-z][A-Za-z0-9]{0,62}$/, 'must be letters and digits, a letter first'),
  type: z.enum(PARAMETER_TYPES, `must be one of ${PARAMETER_TYPES.join(', ')}`),
});

const query = z
  .strictObject({
    name: label,
    expr: z
      .string('must be PromQL text')
      .min(1, 'must be PromQL text')
      .max(MOST_QUERY, `must be at most ${MOST_QUERY} characters long`),
    parameters: z.array(parameter, 'must be a list of parameters').max(16, 'must be at most 16').default([]),
    /** Absent: rollouts of every namespace may use it. */
    namespaces: z.array(label, 'must be a list of namespaces').max(1000, 'must be at most 1000').optional(),
  })
  .superRefine((value, context) => {
    for (const message of problemsOf(value)) context.addIssue({ code: 'custom', message });
  });

export const queries = named(query, 256, 'queries');
