/** The pods of a round's scopes, and which workloads in the mesh's metrics belong to each scope. */
import type { Pod } from '../istio/objects.ts';
import { scopeKey, type Scope } from '../rollout/scope.ts';
import { eachOf } from './eachOf.ts';
import type { Look } from './probe.ts';
import { isGateway, workloadOf } from './workloadNames.ts';

const LISTS_AT_ONCE = 16;

export interface ScopePods {
  scope: Scope;
  /** Name of the scope in sentences: `cart`, `cart/redis`, `mesh`. */
  key: string;
  /** All pods that still run or will run. */
  pods: Pod[];
  /** Those of them that the policy of the scope governs, with the ports that it governs: in the mesh, no gateway. */
  governed: Pod[];
  /** Names of the workloads, for a workload scope: its name is the author's and need not be that of a Deployment. */
  workloads: Set<string>;
  /** Names of workloads among them that it does not govern: gateways, and exceptions that the author accepted. */
  aside: Set<string>;
  /** Names of workloads of which some ports stay open. Metrics do not tell ports apart. */
  partly: Set<string>;
}

/** Reads the pods of every scope of the round. Rejects when a list cannot be read. */
export async function podsOfScopes(look: Look): Promise<ScopePods[]> {
  const found = new Map<Scope, ScopePods>();
  await eachOf(look.scopes, LISTS_AT_ONCE, async scope => {
    found.set(scope, describe(scope, await look.pods(scope), look));
  });
  return look.scopes.map(scope => found.get(scope)!);
}

/** Those of them in which the policy governs at least one pod. */
export async function governedScopes(look: Look): Promise<ScopePods[]> {
  return (await podsOfScopes(look)).filter(({ governed }) => governed.length > 0);
}

function describe(scope: Scope, all: readonly Pod[], look: Look): ScopePods {
  const pods = all.filter(pod => !pod.finished);
  const inMesh = pods.filter(pod => pod.mesh !== 'None');
  const governed: Pod[] = [];
  const aside = new Set<string>();
  const partly = new Set<string>();
  for (const pod of inMesh) {
    const exempt = isGateway(pod) ? 'All' : look.exempt(scope, pod);
    const workload = `${pod.namespace}/${workloadOf(pod)}`;
    if (exempt === 'All') aside.add(workload);
    else {
      governed.push({ ...pod, ports: pod.ports.filter(port => !exempt.includes(port)) });
      if (exempt.length > 0) partly.add(workload);
    }
  }
  return {
    scope,
    key: scopeKey(scope),
    pods,
    governed,
    workloads: workloadNames(scope, governed),
    aside,
    partly,
  };
}

function workloadNames(scope: Scope, governed: readonly Pod[]): Set<string> {
  if (scope.kind !== 'Workload') return new Set();
  const named = governed.filter(pod => pod.name === scope.name || pod.name.startsWith(`${scope.name}-`));
  return new Set([...governed.map(workloadOf), ...(named.length > 0 || governed.length === 0 ? [scope.name] : [])]);
}

/** Whether traffic that reached this workload concerns the scope. */
export function covers(scope: ScopePods, namespace: string, workload: string): boolean {
  if (scope.aside.has(`${namespace}/${workload}`)) return false;
  if (scope.scope.kind === 'Mesh') return true;
  if (scope.scope.namespace !== namespace) return false;
  return scope.scope.kind === 'Namespace' || scope.workloads.has(workload);
}
