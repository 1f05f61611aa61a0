/** From a target to its scopes, with the labels by which waves choose among them. */
import type { MtlsRollout } from '../api/resource.ts';
import type { Namespace, Workload } from '../istio/objects.ts';
import { IGNORED_NAMESPACES } from '../istio/pods.ts';
import { type Labels, selects } from './labels.ts';
import type { Scope } from './scope.ts';
import type { World } from './world.ts';

export interface Candidate {
  scope: Scope;
  labels: Labels;
}

/** Scopes of the target that exist now, sorted by namespace and name; the mesh scope is not among them. */
export function candidates(rollout: MtlsRollout, world: World): Candidate[] {
  const { target, strategy } = rollout.spec;
  const here = rollout.metadata.namespace;
  if (target.workloads)
    return target.workloads.map(({ name, selector, ports }) => ({
      scope: {
        kind: 'Workload' as const,
        namespace: here,
        name,
        selector: selector.matchLabels,
        ...(ports ? { ports: ports.toSorted((a, b) => a - b) } : {}),
      },
      labels: selector.matchLabels,
    }));
  const namespaces = targetNamespaces(rollout, world);
  if (strategy.unit === 'Namespace')
    return namespaces.map(({ name, labels }) => ({ scope: { kind: 'Namespace' as const, namespace: name }, labels }));
  const names = new Set(namespaces.map(({ name }) => name));
  return world.workloads
    .filter(({ namespace }) => names.has(namespace))
    .toSorted((a, b) => compare(a.namespace, b.namespace) || compare(a.name, b.name))
    .map(workload => ({ scope: workloadScope(workload), labels: workload.labels }));
}

/** Namespaces that the target names and that are there, sorted by name. The root namespace never is one of them. */
export function targetNamespaces(rollout: MtlsRollout, world: World): Namespace[] {
  const { target } = rollout.spec;
  const here = rollout.metadata.namespace;
  const names = target.namespaces?.names ? new Set(target.namespaces.names) : undefined;
  const wanted = ({ name, labels }: Namespace): boolean => {
    if (target.mesh) return !IGNORED_NAMESPACES.has(name);
    if (!target.namespaces) return name === here;
    const { selector } = target.namespaces;
    return names?.has(name) || (selector !== undefined && selects(selector, labels));
  };
  return world.namespaces
    .filter(namespace => namespace.name !== world.rootNamespace && !namespace.terminating && wanted(namespace))
    .toSorted((a, b) => compare(a.name, b.name));
}

function workloadScope({ namespace, name, selector }: Workload): Scope {
  return { kind: 'Workload', namespace, name, selector };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
