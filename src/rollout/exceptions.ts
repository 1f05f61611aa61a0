/** What stays below STRICT inside a scope although the scope moves: narrower policies, or ports in its own policy. */
import { effectiveModes } from '../istio/effectiveMode.ts';
import type { PeerAuthentication, Pod } from '../istio/objects.ts';
import { type Policies, selectorOf } from '../istio/policies.ts';
import { slotKey, slotOf } from '../istio/slots.ts';
import { type Scope, scopeSlot } from './scope.ts';

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

/** Whether the policy governs only a part of the scope, and so is not the one that the step raises. */
function isNarrower(scope: Scope, policy: PeerAuthentication | undefined): boolean {
  if (!policy || scope.kind === 'Workload') return false;
  return scope.kind === 'Mesh' ? policy.metadata.namespace !== scope.namespace : selectorOf(policy) !== undefined;
}

function holds(scope: Scope, policy: PeerAuthentication | undefined): boolean {
  return policy !== undefined && slotKey(slotOf(policy)) === slotKey(scopeSlot(scope));
}
