/** The rollouts that this one waits for, and how each of them stands. */
import type { MtlsRollout } from '../api/resource.ts';

interface Dependency {
  /** `namespace/name`. */
  key: string;
  /** What it says of itself; undefined: it is not there, or cannot be read. */
  phase: string | undefined;
  isCompleted: boolean;
}

export interface Dependencies {
  all: readonly Dependency[];
  /** Keys of the way from this rollout back to itself; absent: there is none. */
  cycle?: readonly string[];
}

/** @param others every rollout that `spec.dependsOn` may name, directly or by others; this one may be among them */
export function dependenciesOf(rollout: MtlsRollout, others: Iterable<MtlsRollout>): Dependencies {
  const known = new Map([...others].map(each => [keyOf(each), each]));
  known.set(keyOf(rollout), rollout);
  const all = wantedBy(rollout).map((key): Dependency => {
    const found = known.get(key);
    return {
      key,
      phase: found && (found.status?.phase ?? 'Pending'),
      isCompleted: found !== undefined && isCompleted(found),
    };
  });
  const cycle = wayBack(keyOf(rollout), known);
  return { all, ...(cycle ? { cycle } : {}) };
}

/** Whether everything is done that its spec asks for now. */
function isCompleted({ metadata, status }: MtlsRollout): boolean {
  return (
    status?.phase === 'Completed' &&
    status.observedGeneration === metadata.generation &&
    metadata.deletionTimestamp === undefined
  );
}

/** Keys of the rollouts that it names. */
export function wantedBy({ metadata, spec }: MtlsRollout): string[] {
  return [...new Set(spec.dependsOn.map(({ namespace, name }) => `${namespace ?? metadata.namespace}/${name}`))];
}

function keyOf({ metadata }: MtlsRollout): string {
  return `${metadata.namespace}/${metadata.name}`;
}

/** The shortest way from a rollout to itself. */
function wayBack(start: string, known: ReadonlyMap<string, MtlsRollout>): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (const key of queue) {
    const rollout = known.get(key);
    for (const next of rollout ? wantedBy(rollout) : []) {
      if (next === start) return wayTo(key, start, cameFrom);
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, key);
      queue.push(next);
    }
  }
  return undefined;
}

function wayTo(last: string, start: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const way = [start];
  for (let key = last; key !== start; key = cameFrom.get(key) ?? start) way.unshift(key);
  return [start, ...way];
}
