/** In which order and how fast scopes move. */
import { z } from 'zod';
import { dnsLabel, duration } from './field.ts';
import { ruled, uniqueNames } from './rule.ts';
import { labelSelector } from './selector.ts';

/** Most waves that an author can name; status has one more, for the rest. */
export const MAX_WAVES = 64;
/** Name of the wave that takes the scopes that match no other. */
export const REST = 'rest';
/** Name of the wave of the mesh-wide policy, after everything else. */
export const MESH = 'mesh';
/** Name of the wave of the policies that replace those of workloads. */
export const CONSOLIDATE = 'consolidate';
const KEPT: readonly string[] = [REST, MESH, CONSOLIDATE];
const CONCURRENCY = 'must be a whole number from 1 to 500 or a percentage from "1%" to "100%"';
const PERCENT = /^([1-9][0-9]?|100)%$/;

const maxConcurrent = z
  .union(
    [z.int32(CONCURRENCY).min(1, CONCURRENCY).max(500, CONCURRENCY), z.string().max(16).regex(PERCENT, CONCURRENCY)],
    CONCURRENCY,
  )
  .default(1)
  .meta({
    // A union is not structural; this is Kubernetes' own way to say it. The bound keeps the rule cheap.
    'x-kubernetes-int-or-string': true,
    maxLength: 16,
    'x-kubernetes-validations': [
      {
        rule: `type(self) == int ? self >= 1 && self <= 500 : self.matches('${PERCENT.source}')`,
        message: CONCURRENCY,
      },
    ],
  })
  .describe('Scopes that move together in one step: a number, or a percentage of the wave rounded up (500 at most).');

const wave = ruled(
  z.strictObject({
    name: dnsLabel.describe('Name of the wave. Once the wave has begun, its name and place stay.'),
    names: z
      .array(dnsLabel)
      .min(1)
      .max(1000)
      .optional()
      .describe('Scopes by name, in this order: namespaces, or workloads where those are the unit.'),
    selector: labelSelector.optional().describe('Scopes by the labels of the namespace (or of the workload).'),
    maxConcurrent,
    soak: duration('10m', ['0s', '720h'], 'How long a step must stay healthy in STRICT before the next begins.'),
    approval: z
      .enum(['NotRequired', 'Required'])
      .default('NotRequired')
      .describe('Whether somebody must approve the wave first.'),
  }),
  {
    cel: 'has(self.names) || has(self.selector)',
    holds: ({ names, selector }) => names !== undefined || selector !== undefined,
    message: 'give names, a selector or both',
  },
  {
    cel: `!(self.name in ['${KEPT.join("', '")}'])`,
    holds: ({ name }) => !KEPT.includes(name),
    message: `the names "${REST}", "${MESH}" and "${CONSOLIDATE}" are kept for waves of the operator's own: choose another`,
  },
);

const waves = ruled(z.array(wave).max(MAX_WAVES), uniqueNames('waves'), {
  // 64 lists of 1,000 names are too much for CEL.
  holds: list => {
    const names = list.flatMap(item => [...new Set(item.names)]);
    return new Set(names).size === names.length;
  },
  message: 'a scope must be named in one wave only: remove it from the others',
});

export const strategy = z
  .strictObject({
    unit: z.enum(['Namespace', 'Workload']).default('Namespace').describe('Size of the scopes of a step.'),
    waves: waves
      .default([])
      .describe('Groups of scopes, in order. Scopes that match none form a last wave "rest": nothing is left out.'),
    consolidate: z
      .boolean()
      .default(false)
      .describe(
        'Whether at the end one policy, of the mesh or of each namespace, replaces those that the operator made for what is in it.',
      ),
  })
  .prefault({})
  .describe('In which order and how fast.');
