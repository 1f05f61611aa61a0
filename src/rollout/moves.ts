/** A scope of the plan as hazards look at it: its pods, and which of their ports the step turns STRICT. */
import type { MtlsRollout } from '../api/resource.ts';
import { type EffectiveModes, effectiveModes } from '../istio/effectiveMode.ts';
import type { Move } from '../istio/hazards/family.ts';
import { type Inventory, inNamespace } from '../istio/inventory/inventory.ts';
import type { SeenPod } from '../istio/inventory/shapes.ts';
import type { PeerAuthentication } from '../istio/objects.ts';
import { type Policies, policiesOf, selects } from '../istio/policies.ts';
import { IGNORED_NAMESPACES } from '../istio/pods.ts';
import { raise } from './intended.ts';
import { mergePatch } from './mergePatch.ts';
import type { Scope } from './scope.ts';
import type { ScopeState } from './scopeState.ts';
import type { World } from './world.ts';
import type { Write } from './writes.ts';

export function moveOf(rollout: MtlsRollout, state: ScopeState, world: World, inventory: Inventory): Move {
  const { scope, key } = state;
  const namespaces = reachOf(scope, world);
  const { policies, rootNamespace } = world;
  const after = policiesAfter(policies, [raise(rollout, state, 'STRICT', policies)]);
  const modes = (of: Policies) => remembered(pod => effectiveModes(of, rootNamespace, pod.namespace, pod.labels));
  const [now, then] = [modes(policies), modes(after)];
  const strict = ({ workload, ports }: EffectiveModes, port: number) => (ports.get(port) ?? workload).mode === 'STRICT';
  const pods = namespaces
    .flatMap(namespace => inNamespace(inventory.pods, namespace))
    .filter(pod => !pod.gateway && (scope.kind !== 'Workload' || selects(scope.selector, pod.labels)));
  return { key, namespaces, pods, hardens: (pod, port) => strict(then(pod), port) && !strict(now(pod), port) };
}

/**
 * Namespaces that a scope reaches. Of the mesh: what its policy still changes when every namespace has its own, the namespaces that are
 * no scopes.
 */
export function reachOf(scope: Scope, { namespaces, rootNamespace }: World): string[] {
  if (scope.kind !== 'Mesh') return [scope.namespace];
  return namespaces.map(({ name }) => name).filter(name => name === rootNamespace || IGNORED_NAMESPACES.has(name));
}

function remembered<T>(ask: (pod: SeenPod) => T): (pod: SeenPod) => T {
  const known = new Map<SeenPod, T>();
  return pod => {
    const answer = known.get(pod) ?? ask(pod);
    known.set(pod, answer);
    return answer;
  };
}

/** The policies as they are once the writes were made. Only the namespaces of the writes are sorted anew. */
export function policiesAfter(policies: Policies, writes: readonly (Write | undefined)[]): Policies {
  const changed = new Map<string, readonly PeerAuthentication[]>();
  const listOf = (namespace: string) => changed.get(namespace) ?? policies.in(namespace);
  for (const write of writes) {
    if (!write) continue;
    const { namespace, name } = write.verb === 'create' ? write.object.metadata : write.target;
    const list = listOf(namespace).filter(({ metadata }) => metadata.name !== name);
    const before = listOf(namespace).find(({ metadata }) => metadata.name === name);
    if (write.verb === 'create' && write.object.kind === 'PeerAuthentication') list.push(write.object);
    if (write.verb === 'patch' && before) list.push(mergePatch(before, write.patch) as PeerAuthentication);
    changed.set(namespace, policiesOf(list).in(namespace));
  }
  return { in: listOf };
}
