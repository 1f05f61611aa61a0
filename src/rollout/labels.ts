/** Label selectors as Kubernetes evaluates them. */
import type { LabelSelector } from '../api/schema.ts';
import { selects as carries } from '../istio/policies.ts';

export type Labels = Record<string, string>;

/** Whether one set of labels could carry both: no key asks for two values. */
export function compatible(a: Labels, b: Labels): boolean {
  return Object.entries(a).every(([key, value]) => !Object.hasOwn(b, key) || b[key] === value);
}

/** Whether a selector picks these labels; an empty selector picks everything. */
export function selects(selector: LabelSelector, labels: Labels): boolean {
  if (selector.matchLabels && !carries(selector.matchLabels, labels)) return false;
  return (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    switch (operator) {
      case 'In':
        return value !== undefined && values.includes(value);
      case 'NotIn':
        return value === undefined || !values.includes(value);
      case 'Exists':
        return value !== undefined;
      case 'DoesNotExist':
        return value === undefined;
    }
  });
}
