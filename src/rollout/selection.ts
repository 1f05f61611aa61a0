/** Whether the policy of a workload would govern that workload and no other; a policy picks pods by labels alone. */
import type { MtlsRollout } from '../api/resource.ts';
import type { Hazard } from '../api/status.ts';
import { effectiveModes } from '../istio/effectiveMode.ts';
import type { Workload } from '../istio/objects.ts';
import { selects } from '../istio/policies.ts';
import { slotKey } from '../istio/slots.ts';
import type { Labels } from './labels.ts';
import { scopeKey, type Scope } from './scope.ts';
import { targetNamespaces, workloadScope } from './targets.ts';
import { counted, listed } from './text.ts';
import type { World } from './world.ts';

type WorkloadScope = Scope & { kind: 'Workload' };

/** What is wrong with the selectors of a target whose scopes are workloads. */
export interface Selection {
  /** By scope key. */
  shared: ReadonlyMap<string, Hazard>;
  /** Workloads that no policy can select, and that are no scopes. */
  unselectable: readonly Workload[];
}

export function selectionOf(rollout: MtlsRollout, world: World, scopes: Iterable<Scope>): Selection {
  const shared = new Map<string, Hazard>();
  if (rollout.spec.target.workloads || rollout.spec.strategy.unit !== 'Workload') return { shared, unselectable: [] };
  const byLabel = new ByLabel(world.workloads);
  for (const scope of scopes) {
    if (scope.kind !== 'Workload') continue;
    const own = slotKey(scope);
    const others = byLabel.selectedBy(scope).filter(workload => slotKey(workload) !== own);
    if (others.length > 0) shared.set(scopeKey(scope), sharedSelector(scope, others));
  }
  const names = new Set(targetNamespaces(rollout, world).map(({ name }) => name));
  const unselectable = world.workloads.filter(
    ({ namespace, selector }) => names.has(namespace) && Object.keys(selector).length === 0,
  );
  return { shared, unselectable };
}

/** Hazards of the target: what the plan leaves out. */
export function unselectableHazards({ unselectable }: Selection): Hazard[] {
  return unselectable.map(workload => {
    const key = keyOf(workload);
    return {
      code: 'NoSelector',
      severity: 'Block',
      object: nameOfWorkload(workload),
      message: `no policy can select ${key} alone: its pods have no label of their own, so it is no scope and stays as it is`,
      fix: 'give its pods a label, or move the namespace with spec.strategy.unit Namespace; or accept NoSelector to leave it out',
    };
  });
}

/** The end of the sentence that says what is STRICT: what was left out and is not. */
export function leftOutText({ unselectable }: Selection, { policies, rootNamespace }: World): string {
  const left = unselectable.filter(({ namespace, podLabels }) => {
    const { workload, ports } = effectiveModes(policies, rootNamespace, namespace, podLabels);
    return [workload, ...ports.values()].some(({ mode }) => mode !== 'STRICT');
  });
  if (left.length === 0) return '';
  return `; ${counted(left.length, 'workload')} left out that no policy can select: ${listed(left.map(keyOf))}`;
}

function sharedSelector(scope: WorkloadScope, others: readonly Workload[]): Hazard {
  const key = scopeKey(scope);
  const labels = Object.entries(scope.selector).map(([name, value]) => `${name}=${value}`);
  return {
    code: 'SharedSelector',
    severity: 'Block',
    scope: key,
    object: nameOfWorkload(others[0]!),
    message: `a policy for ${key}, with selector ${labels.join(',')}, would also govern ${listed(others.map(keyOf))}`,
    fix: `give the pods of ${key} a label of its own, or move the namespace with spec.strategy.unit Namespace; or accept SharedSelector to move them together`,
  };
}

function keyOf(workload: Workload): string {
  return scopeKey(workloadScope(workload));
}

function nameOfWorkload({ kind, namespace, name }: Workload): string {
  return `${kind} ${namespace}/${name}`;
}

/** Workloads by one of their labels, so that a selector need not be held against all of a namespace. */
class ByLabel {
  readonly #found = new Map<string, Workload[]>();

  constructor(workloads: readonly Workload[]) {
    for (const workload of workloads)
      for (const [name, value] of Object.entries(workload.podLabels)) {
        const key = keyOfLabel(workload.namespace, name, value);
        const list = this.#found.get(key);
        if (list) list.push(workload);
        else this.#found.set(key, [workload]);
      }
  }

  selectedBy({ namespace, selector }: { namespace: string; selector: Labels }): Workload[] {
    const lists = Object.entries(selector).map(
      ([name, value]) => this.#found.get(keyOfLabel(namespace, name, value)) ?? [],
    );
    const shortest = lists.reduce((a, b) => (b.length < a.length ? b : a), lists[0] ?? []);
    return shortest.filter(({ podLabels }) => selects(selector, podLabels));
  }
}

function keyOfLabel(namespace: string, name: string, value: string): string {
  return `${namespace} ${name}=${value}`;
}
