/** Label selectors: those that the operator evaluates, and the smaller kind that Istio evaluates. */
import { z } from 'zod';
import { ruled } from './rule.ts';

const MAX_LABELS = 64;
const KEY = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?[/])?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

const labelKey = z.string().min(1).max(317).regex(KEY, 'must be a label key such as app or example.com/team');
const labelValue = z
  .string()
  .max(63)
  .regex(
    /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/,
    'must be a label value: letters, digits, "-", "_" and ".", beginning and ending with a letter or digit',
  );

const matchLabels = ruled(
  z.record(z.string(), labelValue),
  {
    cel: `self.all(key, key.matches('${KEY.source}'))`,
    holds: labels => Object.keys(labels).every(key => KEY.test(key)),
    message: `keys must be label keys such as app or example.com/team`,
  },
  {
    // The API server knows this one as maxProperties.
    holds: labels => Object.keys(labels).length <= MAX_LABELS,
    message: `must have at most ${MAX_LABELS} items`,
  },
)
  .meta({ maxProperties: MAX_LABELS })
  .describe('Labels that must all be there with these values.');

const requirement = ruled(
  z.strictObject({
    key: labelKey.describe('Key of the label.'),
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).describe('How the label is compared.'),
    values: z.array(labelValue).max(64).optional().describe('For In and NotIn: the values.'),
  }),
  {
    cel: "self.operator in ['In', 'NotIn'] ? has(self.values) && size(self.values) > 0 : !has(self.values) || size(self.values) == 0",
    holds: ({ operator, values = [] }) => ['In', 'NotIn'].includes(operator) === values.length > 0,
    message: 'In and NotIn need values; Exists and DoesNotExist must have none',
  },
);

/** Namespaces and waves: the operator itself evaluates these, so set-based requirements are possible. */
export const labelSelector = z
  .strictObject({
    matchLabels: matchLabels.optional(),
    matchExpressions: z
      .array(requirement)
      .max(16)
      .optional()
      .describe('Set-based requirements, as in every Kubernetes label selector.'),
  })
  .describe('A label selector. An empty one matches everything.');

/** Workloads: Istio evaluates these, and Istio knows only `matchLabels`. */
export const workloadSelector = ruled(z.strictObject({ matchLabels }), {
  cel: 'size(self.matchLabels) > 0',
  holds: selector => Object.keys(selector.matchLabels).length > 0,
  message: 'matchLabels must not be empty: give labels of the pods, or move the whole namespace with target.namespace',
}).describe('Labels of the pods, as Istio matches them.');
