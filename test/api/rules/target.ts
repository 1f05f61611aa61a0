/** What is moved and what is left out. */
import { selector, withTarget, workloads, exception, expression, labels, many, type RuleCase } from './rule-case.ts';

export const targetCases: RuleCase[] = [
  { rule: 'one target', good: withTarget({}), bad: { target: {} }, problem: 'spec.target: say what to move' },
  {
    rule: 'only one target',
    good: { target: { mesh: {} } },
    bad: { target: { mesh: {}, namespace: {} } },
    problem: 'spec.target: say what to move: exactly one of namespaces, mesh, namespace, workloads',
  },
  { rule: 'target is given', good: withTarget({}), bad: {}, problem: 'spec.target: must be given' },
  {
    rule: 'namespaces by name or label',
    good: { target: { namespaces: { selector: {} } } },
    bad: { target: { namespaces: {} } },
    problem: 'spec.target.namespaces: give names, a selector or both',
  },
  {
    rule: 'namespace is a DNS label',
    good: { target: { namespaces: { names: ['a-1'] } } },
    bad: { target: { namespaces: { names: ['a_1'] } } },
    problem: 'spec.target.namespaces.names[0]: must be a lower-case DNS label',
  },
  {
    rule: 'at most 2000 namespaces',
    good: { target: { namespaces: { names: many(2000) } } },
    bad: { target: { namespaces: { names: many(2001) } } },
    problem: 'spec.target.namespaces.names: must have at most 2000 items',
  },
  {
    rule: 'unique workloads',
    good: workloads({ name: 'a', selector }, { name: 'b', selector: { matchLabels: { app: 'b' } } }),
    bad: workloads({ name: 'a', selector }, { name: 'a', selector: { matchLabels: { app: 'b' } } }),
    problem: 'spec.target.workloads: names of workloads must be unique',
  },
  {
    rule: 'one workload a selector',
    good: workloads({ name: 'a', selector }, { name: 'b', selector: { matchLabels: { app: 'cart', v: '2' } } }),
    bad: workloads({ name: 'a', selector }, { name: 'b', selector }),
    problem: 'spec.target.workloads: two workloads must not have the same selector',
    operatorOnly: true,
  },
  {
    rule: 'workload selector picks something',
    good: workloads({ name: 'a', selector }),
    bad: workloads({ name: 'a', selector: { matchLabels: {} } }),
    problem: 'spec.target.workloads[0].selector: matchLabels must not be empty',
  },
  {
    rule: 'label value',
    good: workloads({ name: 'a', selector: { matchLabels: { app: 'Cart_1.0' } } }),
    bad: workloads({ name: 'a', selector: { matchLabels: { app: 'cart*' } } }),
    problem: 'spec.target.workloads[0].selector.matchLabels.app: must be a label value',
  },
  {
    rule: 'label key',
    good: workloads({ name: 'a', selector: { matchLabels: { 'app.kubernetes.io/name': 'x' } } }),
    bad: workloads({ name: 'a', selector: { matchLabels: { 'app*': 'x' } } }),
    problem: 'spec.target.workloads[0].selector.matchLabels: keys must be label keys such as app',
  },
  {
    rule: 'label key from the prototype',
    good: workloads({ name: 'a', selector: { matchLabels: { app: 'x', constructor: 'x' } } }),
    bad: workloads({ name: 'a', selector: { matchLabels: JSON.parse('{"app":"x","__proto__":"x"}') } }),
    problem: 'spec.target.workloads[0].selector.matchLabels: keys must be label keys: remove __proto__',
  },
  {
    rule: 'at most 64 labels',
    good: workloads({ name: 'a', selector: { matchLabels: labels(64) } }),
    bad: workloads({ name: 'a', selector: { matchLabels: labels(65) } }),
    problem: 'spec.target.workloads[0].selector.matchLabels: must have at most 64 items',
  },
  {
    rule: 'ports begin at 1',
    good: workloads({ name: 'a', selector, ports: [1] }),
    bad: workloads({ name: 'a', selector, ports: [0] }),
    problem: 'spec.target.workloads[0].ports[0]: must be at least 1',
  },
  {
    rule: 'ports end at 65535',
    good: workloads({ name: 'a', selector, ports: [65535] }),
    bad: workloads({ name: 'a', selector, ports: [65536] }),
    problem: 'spec.target.workloads[0].ports[0]: must be at most 65535',
  },
  {
    rule: 'In needs values',
    good: expression({ operator: 'In', values: ['shop'] }),
    bad: expression({ operator: 'In' }),
    problem: 'spec.target.namespaces.selector.matchExpressions[0]: In and NotIn need values',
  },
  {
    rule: 'Exists has no values',
    good: expression({ operator: 'Exists' }),
    bad: expression({ operator: 'Exists', values: ['shop'] }),
    problem: 'spec.target.namespaces.selector.matchExpressions[0]: In and NotIn need values',
  },
  {
    rule: 'unique exceptions',
    good: withTarget({
      exceptions: [exception, { ...exception, name: 'other', selector: { matchLabels: { app: 'b' } } }],
    }),
    bad: withTarget({ exceptions: [exception, { ...exception, namespace: 'elsewhere' }] }),
    problem: 'spec.exceptions: names of exceptions must be unique',
  },
  {
    rule: 'exceptions of different selectors',
    good: withTarget({ exceptions: [exception, { ...exception, name: 'other', namespace: 'elsewhere' }] }),
    bad: withTarget({ exceptions: [exception, { ...exception, name: 'other' }] }),
    problem: 'spec.exceptions: two exceptions must not have the same selector',
    operatorOnly: true,
  },
  {
    rule: 'an exception ends on a day that exists',
    good: withTarget({ exceptions: [{ ...exception, until: '2028-02-29' }] }),
    bad: withTarget({ exceptions: [{ ...exception, until: '2027-02-29' }] }),
    problem: 'spec.exceptions[0].until: must be a day such as 2027-03-31',
  },
  {
    rule: 'an exception has a reason',
    good: withTarget({ exceptions: [exception] }),
    bad: withTarget({ exceptions: [{ ...exception, reason: '' }] }),
    problem: 'spec.exceptions[0].reason: must have at least 1 character',
  },
];
