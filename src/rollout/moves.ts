/** A scope of the plan as hazards look at it: its pods, and which of their ports the step turns STRICT. */
import type { MtlsRollout } from '../api/resource.ts';
import { type EffectiveModes, effectiveModes } from '../istio/effectiveMode.ts';
import type { Move } from '../istio/hazards/family.ts';
import { type Inventory, inNamespace } from '../istio/inventory/inventory.ts';
import type { SeenPod } from '../istio/inventory/shapes.ts';
import { type Policies, selects } from '../istio/policies.ts';
import { IGNORED_NAMESPACES } from '../istio/pods.ts';
import type { Scope } from './scope.ts';
import type { ScopeState } from './scopeState.ts';
import { forecast } from './stepWrites.ts';
import type { World } from './world.ts';

/** A move, with the policies as they are when it is done. */
export interface ForetoldMove extends Move {
  after: Policies;
}

export function moveOf(rollout: MtlsRollout, state: ScopeState, world: World, inventory: Inventory): ForetoldMove {
  const { scope, key } = state;
  const namespaces = reachOf(scope, world);
  const { policies, rootNamespace } = world;
  const { after } = forecast(rollout, state, world);
  const modes = (of: Policies) => remembered(pod => effectiveModes(of, rootNamespace, pod.namespace, pod.labels));
  const [now, then] = [modes(policies), modes(after)];
  const strict = ({ workload, ports }: EffectiveModes, port: number) => (ports.get(port) ?? workload).mode === 'STRICT';
  const pods = namespaces
    .flatMap(namespace => inNamespace(inventory.pods, namespace))
    .filter(pod => !pod.gateway && (scope.kind !== 'Workload' || selects(scope.selector, pod.labels)));
  return { key, namespaces, pods, after, hardens: (pod, port) => strict(then(pod), port) && !strict(now(pod), port) };
}

/**
 * Namespaces that a scope reaches. Of the mesh: what its policy still changes when every namespace has its own, the
 * namespaces that are no scopes.
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
