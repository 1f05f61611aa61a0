/** Which rollouts have to be looked at when something changed. */
import type { ResourceEvent } from '@dot-i/k8s-operator';
import { KIND } from '../api/resource.ts';
import { CONFIG_MAPS, DESTINATION_RULES, NAMESPACES } from '../cluster/resources.ts';
import type { Cache } from '../cluster/store.ts';
import { wantedBy } from '../rollout/dependencies.ts';
import type { RolloutEntry } from './caches.ts';

/**
 * Keys `namespace/name`. A rollout concerns itself and those that wait for what it claims, or claimed until now; a
 * policy or namespace concerns the rollouts of that namespace and those of the root namespace, which may govern it. A
 * DestinationRule may be for clients anywhere, but only steps that begin look at it. A freeze concerns all.
 */
export function concerned({ meta }: ResourceEvent, rollouts: Cache<RolloutEntry>, rootNamespace: string): string[] {
  const { kind, name, namespace = '' } = meta;
  if (kind === DESTINATION_RULES.kind) return rollouts.list().filter(begins).flatMap(keysOf);
  if (kind === CONFIG_MAPS.kind) return rollouts.list().flatMap(keysOf);
  const where = kind === NAMESPACES.kind ? name : namespace;
  const near = where === rootNamespace ? rollouts.list() : [...rollouts.in(where), ...rollouts.in(rootNamespace)];
  const keys = near.flatMap(keysOf);
  return kind === KIND ? [`${namespace}/${name}`, ...keys] : keys;
}

/** Keys of the rollouts that wait for this one. */
export function dependents(namespace: string, name: string, rollouts: Cache<RolloutEntry>): string[] {
  const key = `${namespace}/${name}`;
  return rollouts
    .list()
    .filter(({ parsed }) => 'rollout' in parsed && wantedBy(parsed.rollout).includes(key))
    .flatMap(keysOf);
}

function begins({ parsed }: RolloutEntry): boolean {
  const { step } = ('rollout' in parsed ? parsed.rollout.status : undefined) ?? {};
  return step?.stage === 'Pending' || step?.stage === 'Preparing' || step?.stage === 'Enforcing';
}

/** The key of an entry; none when the object cannot even be addressed. */
export function keysOf({ parsed }: RolloutEntry): string[] {
  const metadata = 'rollout' in parsed ? parsed.rollout.metadata : parsed.metadata;
  return metadata ? [`${metadata.namespace}/${metadata.name}`] : [];
}
