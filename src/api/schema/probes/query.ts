/** A number that Prometheus knows: a query that the operator's configuration names, or text in the root namespace. */
import { z } from 'zod';
import { MOST_QUERY, OPERATORS_OWN, placeholdersOf, wrongQuery } from '../../queryText.ts';
import { dnsLabel, duration } from '../field.ts';
import { exactlyOne, ruled } from '../rule.ts';

const MOST_PARAMETERS = 16;

/** What only this program judges: the API server knows no PromQL. */
const expr = ruled(z.string().min(1).max(MOST_QUERY), {
  holds: text => placeholdersOf(text).every(name => OPERATORS_OWN.some(own => own === name)),
  message: `placeholders are ${OPERATORS_OWN.map(name => `\${${name}}`).join(', ')}`,
}).superRefine((text, context) => {
  const message = wrongQuery(text);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

const parameters = ruled(z.record(z.string(), z.string().max(253)), {
  // the API server knows this one as maxProperties
  holds: given => Object.keys(given).length <= MOST_PARAMETERS,
  message: `must have at most ${MOST_PARAMETERS} items`,
}).meta({ maxProperties: MOST_PARAMETERS });

export const prometheus = ruled(
  z.strictObject({
    query: dnsLabel.optional().describe('Name of a query in the configuration of the operator.'),
    expr: expr
      .optional()
      .describe(
        'Query text, only in the mesh root namespace; its placeholders are ${namespace}, ${workload}, ${window}.',
      ),
    parameters: parameters.default({}).describe('Values for the parameters of the named query.'),
    window: duration('2m', ['1s', '720h'], 'What ${window} is, never beyond the change.'),
    min: z.number().optional().describe('The smallest number that is healthy.'),
    max: z.number().optional().describe('The largest number that is healthy.'),
  }),
  exactlyOne(['query', 'expr'], 'say what to ask'),
  {
    cel: 'has(self.min) || has(self.max)',
    holds: ({ min, max }) => min !== undefined || max !== undefined,
    message: 'say what is healthy: min, max or both',
  },
  {
    cel: '!has(self.min) || !has(self.max) || self.min <= self.max',
    holds: ({ min, max }) => min === undefined || max === undefined || min <= max,
    message: 'min must not be above max',
  },
);
