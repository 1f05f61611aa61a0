/** Which rollouts have to be looked at when something changed. */
import { type ResourceEvent, ResourceEventType } from '@dot-i/k8s-operator';
import { KIND } from '../api/resource.ts';
import type { Cache } from '../cluster/store.ts';
import { NAMESPACES, type RolloutEntry } from './caches.ts';

/**
 * Keys `namespace/name`. A rollout concerns itself, and when it comes or goes those that wait for what it claims; a
 * policy or namespace concerns the rollouts of that namespace and those of the root namespace, which may govern it.
 */
export function concerned(
  { meta, type }: ResourceEvent,
  rollouts: Cache<RolloutEntry>,
  rootNamespace: string,
): string[] {
  const { kind, name, namespace = '' } = meta;
  if (kind === KIND && type === ResourceEventType.Modified) return [`${namespace}/${name}`];
  const where = kind === NAMESPACES.kind ? name : namespace;
  const near = where === rootNamespace ? rollouts.list() : [...rollouts.in(where), ...rollouts.in(rootNamespace)];
  const keys = near.flatMap(keysOf);
  return kind === KIND ? [`${namespace}/${name}`, ...keys] : keys;
}

/** The key of an entry; none when the object cannot even be addressed. */
export function keysOf({ parsed }: RolloutEntry): string[] {
  const metadata = 'rollout' in parsed ? parsed.rollout.metadata : parsed.metadata;
  return metadata ? [`${metadata.namespace}/${metadata.name}`] : [];
}
