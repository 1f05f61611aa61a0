/**
 * The way back: which policies are restored next, and in which order. How far it is stands in the cluster itself, in the
 * marks that are left; after a crash it goes on with those.
 */
import type { RollbackStatus } from '../api/status.ts';
import { selectorOf } from '../istio/policies.ts';
import { isChanged, restore } from './intended.ts';
import type { Marked } from './marked.ts';
import { isWorkloadKey, scopeKey } from './scope.ts';
import type { Situation } from './situation.ts';
import { bounded, nameOf } from './text.ts';
import type { Write } from './writes.ts';

/** Policies restored by one decision. */
const BATCH = 100;
/** Names that status has room for. */
const MOST_KEPT = 10;
const MOST_ASKED = 16;

interface Restoring extends Marked {
  write: Write;
}

export interface Restorations {
  /** Side by side; at most `BATCH`. */
  next: readonly Restoring[];
  /** The first policy whose original is damaged. */
  damaged: string | undefined;
}

/**
 * What is restored next: the last step that is left. What cannot be restored just now holds nothing else up; it is tried
 * again when the rest is done.
 */
export function restorations(left: readonly Marked[], { input }: Situation): Restorations {
  const { failed } = input.trouble ?? {};
  const free = left.filter(one => !waits(one, left, input.world.rootNamespace));
  const possible = free.flatMap(one => {
    const write = restore(one.policy, one.mark);
    return write ? [{ ...one, write }] : [];
  });
  const untried = possible.filter(({ policy }) => !failed?.has(nameOf(policy)));
  const last = Math.max(...untried.map(({ step }) => step));
  const next = untried.length > 0 ? untried.filter(({ step }) => step === last) : possible;
  const [damaged] = free.filter(one => !possible.some(({ policy }) => policy === one.policy));
  return { next: next.slice(0, BATCH), damaged: damaged && nameOf(damaged.policy) };
}

/**
 * Writes of one decision are made side by side. So the policy of an exception waits until those around it are back:
 * sooner, it would leave its ports STRICT for a moment; where they cannot be restored, for ever. That of a workload which
 * moves by itself has its own key.
 */
function waits({ policy, mark }: Marked, left: readonly Marked[], rootNamespace: string): boolean {
  if (mark.applied?.exception === undefined) return false;
  const around = [rootNamespace, policy.metadata.namespace];
  return left.some(each => !selectorOf(each.policy) && around.includes(each.policy.metadata.namespace));
}

/** Tells whether what was written for a scope, or for one that nobody can tell any more, is to be taken back. */
export function within(
  { plan }: Situation,
  rollback: RollbackStatus | undefined,
  scopes: readonly string[],
): (scope: string | undefined) => boolean {
  const wave = plan.waves.find(({ name }) => name === rollback?.wave);
  return scope => {
    if (rollback?.extent === 'All') return true;
    if (scope === undefined || scopes.includes(scope)) return true;
    if (rollback?.extent !== 'Wave') return false;
    // a workload that is gone belongs to no wave any more: what it left behind must not stay STRICT unseen
    const gone = isWorkloadKey(scope) && !plan.scopes.has(scope);
    return gone || (wave?.scopes ?? []).some(each => scopeKey(each) === scope);
  };
}

/** The record, with how far it is when this is left and that is restored next. */
export function recorded(
  record: RollbackStatus,
  left: readonly Marked[],
  { next }: Pick<Restorations, 'next'>,
): RollbackStatus {
  // what carries marks again, as after a restore from a backup, is not restored any more
  const { restoredAt, looked, ...rest } = record;
  const seen = left.length > 0 ? {} : { ...(restoredAt ? { restoredAt } : {}), ...(looked ? { looked } : {}) };
  const asked = record.asked ?? switched(left);
  const total = Math.max(record.total ?? 0, left.length);
  const theirs = next.filter(({ policy, mark }) => isChanged(policy, mark)).map(({ policy }) => nameOf(policy));
  const kept = [...new Set([...(record.kept ?? []), ...theirs.map(name => bounded(name, 400))])].slice(0, MOST_KEPT);
  return { ...rest, ...seen, asked, total, restored: total - left.length, ...(kept.length > 0 ? { kept } : {}) };
}

/** Scopes that were set to STRICT, as many as are asked. */
function switched(left: readonly Marked[]): string[] {
  const strict = left.filter(({ mark: { applied } }) => applied?.mode === 'STRICT' && !applied.exception);
  return [...new Set(strict.flatMap(({ mark }) => mark.applied?.scope ?? []))].slice(0, MOST_ASKED);
}
