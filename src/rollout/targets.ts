/** From a target to its scopes, with the labels by which waves choose among them. */
import type { MtlsRollout } from '../api/resource.ts';
import { namespaceMode } from '../istio/effectiveMode.ts';
import type { Namespace, PeerAuthentication, Workload } from '../istio/objects.ts';
import { IGNORED_NAMESPACES } from '../istio/pods.ts';
import { modeOf, portModesOf } from '../istio/policies.ts';
import { slotKey } from '../istio/slots.ts';
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
  const inTarget = world.workloads.filter(
    ({ namespace, selector }) => names.has(namespace) && Object.keys(selector).length > 0,
  );
  return oneOfEachSlot(inTarget).map(workload => ({ scope: workloadScope(workload), labels: workload.labels }));
}

/**
 * Istio obeys one policy of a selector, so workloads with the same one move as one, under the name of what stays
 * longest: a step whose scope is called otherwise on the way would be another one.
 */
function oneOfEachSlot(workloads: readonly Workload[]): Workload[] {
  const found = new Map<string, Workload>();
  for (const workload of workloads.toSorted((a, b) => passing(a) - passing(b) || byName(a, b))) {
    const slot = slotKey(workload);
    if (!found.has(slot)) found.set(slot, workload);
  }
  return [...found.values()].toSorted(byName);
}

/** How soon what is of this kind may be gone. */
function passing({ kind }: Workload): number {
  if (kind === 'Job' || kind === 'Pod') return 2;
  return kind === 'Deployment' || kind === 'StatefulSet' || kind === 'DaemonSet' || kind === 'Rollout' ? 0 : 1;
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

/** Namespaces with something DISABLE in the step that is about to begin, or has just begun. */
export function disabledNamespaces(
  { spec, status }: MtlsRollout,
  world: Pick<World, 'namespaces' | 'policies' | 'rootNamespace'>,
): string[] {
  const { stage, scopes = [] } = status?.step ?? {};
  const begins = stage === 'Pending' || stage === 'Preparing';
  if (!begins || spec.destinationRules === 'Never') return [];
  const there = new Set(world.namespaces.map(({ name }) => name));
  const names = new Set(scopes.map(key => key.split('/')[0] ?? '').filter(name => there.has(name)));
  return [...names].filter(name => saysDisable(world, name));
}

function saysDisable(
  { policies, rootNamespace }: Pick<World, 'policies' | 'rootNamespace'>,
  namespace: string,
): boolean {
  if (namespaceMode(policies, rootNamespace, namespace).mode === 'DISABLE') return true;
  return policies.in(namespace).some(policy => modeOf(policy) === 'DISABLE' || portsSay(policy));
}

function portsSay(policy: PeerAuthentication): boolean {
  return [...portModesOf(policy).values()].includes('DISABLE');
}

/** Kinds of workloads as kubectl abbreviates them, or nearly so; a Deployment is called by its name alone. */
const SHORT_KINDS: Readonly<Record<string, string>> = {
  Deployment: '',
  StatefulSet: 'sts',
  DaemonSet: 'ds',
  Job: 'job',
  CronJob: 'cj',
  Rollout: 'ro',
  ReplicaSet: 'rs',
  Pod: 'po',
};

export function workloadScope({ namespace, name, kind, selector }: Workload): Scope {
  const controller = Object.hasOwn(SHORT_KINDS, kind) ? SHORT_KINDS[kind] : kind.toLowerCase();
  return { kind: 'Workload', namespace, name, ...(controller ? { controller } : {}), selector };
}

function byName(a: Workload, b: Workload): number {
  return compare(a.namespace, b.namespace) || compare(a.name, b.name) || compare(a.kind, b.kind);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
