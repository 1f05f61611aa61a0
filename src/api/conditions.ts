/** Conditions as kstatus reads them: one a type, and a transition time that moves only with the status. */
import type { Condition } from './status.ts';

/** The conditions with `next` in place of the one of its type, or at the end. */
export function setCondition(
  conditions: readonly Condition[] | undefined,
  next: Omit<Condition, 'lastTransitionTime'>,
  nowIso: string,
): Condition[] {
  const all = conditions ?? [];
  const before = all.find(({ type }) => type === next.type);
  const lastTransitionTime = before?.status === next.status ? before.lastTransitionTime : nowIso;
  const condition: Condition = { ...next, lastTransitionTime };
  return before === undefined ? [...all, condition] : all.map(each => (each === before ? condition : each));
}
