/** What a rollout moves, and what it leaves out. */
import { z } from 'zod';
import { containerPorts, dnsLabel, isDay } from './field.ts';
import { exactlyOne, keyedByName, ruled } from './rule.ts';
import { labelSelector, workloadSelector } from './selector.ts';

const namespaces = ruled(
  z.strictObject({
    names: z.array(dnsLabel).min(1).max(2000).optional().describe('Namespaces by name.'),
    selector: labelSelector.optional().describe('Namespaces by label; those that appear later join.'),
  }),
  {
    cel: 'has(self.names) || has(self.selector)',
    holds: ({ names, selector }) => names !== undefined || selector !== undefined,
    message: 'give names, a selector or both',
  },
);

const workload = z.strictObject({
  name: dnsLabel.describe('Name of the scope; the policy is named after it.'),
  selector: workloadSelector,
  ports: containerPorts.describe('Container ports to move. None: the whole workload.'),
});

const labelsOf = (item: { selector: z.output<typeof workloadSelector> }) =>
  JSON.stringify(Object.entries(item.selector.matchLabels).toSorted(([a], [b]) => (a < b ? -1 : 1)));

const workloads = ruled(keyedByName(z.array(workload).min(1).max(256), 'workloads'), {
  // Istio obeys one policy of a selector only; walking labels pairwise costs more than CEL is given.
  holds: list => new Set(list.map(labelsOf)).size === list.length,
  message: 'two workloads must not have the same selector: make them one, with the ports of both',
});

export const target = ruled(
  z.strictObject({
    namespaces: namespaces.optional().describe('Many namespaces. Only for a rollout in the mesh root namespace.'),
    mesh: z
      .strictObject({})
      .optional()
      .describe('Every namespace, and at the end the mesh-wide policy. Only for a rollout in the mesh root namespace.'),
    namespace: z.strictObject({}).optional().describe('The whole namespace of this object.'),
    workloads: workloads.optional().describe('Chosen workloads of the namespace of this object.'),
  }),
  exactlyOne(['namespaces', 'mesh', 'namespace', 'workloads'], 'say what to move'),
).describe('What to move to STRICT: exactly one of the members.');

const exception = z.strictObject({
  name: dnsLabel.describe('Name of the exception.'),
  namespace: dnsLabel
    .optional()
    .describe('Only in the mesh root namespace; elsewhere always the namespace of the object.'),
  selector: workloadSelector,
  ports: containerPorts.describe('Container ports. None: the whole workload.'),
  reason: z.string().min(1).max(1024).describe('Why the workload cannot move yet.'),
  until: z
    .string()
    .max(10)
    .refine(isDay, 'must be a day such as 2027-03-31')
    .meta({ format: 'date' })
    .describe('Last day of the exception, such as 2027-03-31.'),
});

export const exceptions = ruled(keyedByName(z.array(exception).max(256), 'exceptions'), {
  holds: list => new Set(list.map(item => `${item.namespace ?? ''} ${labelsOf(item)}`)).size === list.length,
  message: 'two exceptions must not have the same selector: make them one, with the ports of both',
})
  .default([])
  .describe('Ports or workloads that stay PERMISSIVE, with a reason and an end date.');
