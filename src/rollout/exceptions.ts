/** What stays below STRICT inside a scope although the scope moves: narrower policies, or ports in its own policy. */
import type { MtlsRollout } from '../api/resource.ts';
import { effectiveModes } from '../istio/effectiveMode.ts';
import type { PeerAuthentication, Pod } from '../istio/objects.ts';
import { type Policies, selectorOf } from '../istio/policies.ts';
import { slotKey, slotOf } from '../istio/slots.ts';
import { type Scope, scopeSlot } from './scope.ts';
import type { ScopeState } from './scopeState.ts';
import { forecast } from './stepWrites.ts';
import type { World } from './world.ts';

/** The whole pod, or some of its ports. */
export type Exempt = 'All' | readonly number[];

/**
 * What of a pod the step leaves as it is. A scope with such exceptions moves only where its author accepted them, so
 * that they answer as before is no failure of the step.
 */
export function exemptIn(
  scope: Scope,
  pod: Pick<Pod, 'namespace' | 'labels'>,
  policies: Policies,
  rootNamespace: string,
): Exempt {
  const { workload, ports } = effectiveModes(policies, rootNamespace, pod.namespace, pod.labels);
  if (workload.mode !== 'STRICT' && isNarrower(scope, workload.decidedBy)) return 'All';
  if (scope.kind === 'Workload' && scope.ports) return [];
  return [...ports]
    .filter(([, { mode, decidedBy }]) => mode !== 'STRICT' && (isNarrower(scope, decidedBy) || holds(scope, decidedBy)))
    .map(([port]) => port);
}

/**
 * After a way back: what of a pod is STRICT by Istio's rules all the same, since it was before, or because somebody else
 * wants it.
 */
export function strictAnyway({
  policies,
  rootNamespace,
}: Pick<World, 'policies' | 'rootNamespace'>): (
  scope: Scope,
  pod: Pick<Pod, 'namespace' | 'labels' | 'ports'>,
) => Exempt {
  return (scope, pod) => {
    const { workload, ports } = effectiveModes(policies, rootNamespace, pod.namespace, pod.labels);
    const ofScope = scope.kind === 'Workload' ? (scope.ports ?? []) : [];
    const known = [...new Set([...pod.ports, ...ports.keys(), ...ofScope])];
    const strict = known.filter(port => (ports.get(port) ?? workload).mode === 'STRICT');
    return workload.mode === 'STRICT' && strict.length === known.length ? 'All' : strict;
  };
}

/** While a step is prepared an exception is wider than it stays, so what counts are the policies as they will be. */
export function exemptOnceMoved(
  rollout: MtlsRollout,
  states: readonly ScopeState[],
  world: Pick<World, 'policies' | 'rootNamespace'>,
): (scope: Scope, pod: Pick<Pod, 'namespace' | 'labels'>) => Exempt {
  const excepting = states.filter(({ exceptions }) => exceptions.length > 0);
  const after = new Map(excepting.map(state => [state.scope, forecast(rollout, state, world).after]));
  return (scope, pod) => exemptIn(scope, pod, after.get(scope) ?? world.policies, world.rootNamespace);
}

/** Whether the policy governs only a part of the scope, and so is not the one that the step raises. */
function isNarrower(scope: Scope, policy: PeerAuthentication | undefined): boolean {
  if (!policy || scope.kind === 'Workload') return false;
  return scope.kind === 'Mesh' ? policy.metadata.namespace !== scope.namespace : selectorOf(policy) !== undefined;
}

function holds(scope: Scope, policy: PeerAuthentication | undefined): boolean {
  return policy !== undefined && slotKey(slotOf(policy)) === slotKey(scopeSlot(scope));
}
