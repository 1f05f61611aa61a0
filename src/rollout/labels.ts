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
    const holds: Record<typeof operator, boolean> = {
      In: value !== undefined && values.includes(value),
      NotIn: value === undefined || !values.includes(value),
      Exists: value !== undefined,
      DoesNotExist: value === undefined,
    };
    return holds[operator];
  });
}
