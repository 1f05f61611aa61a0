/** Reads the workloads that a rollout may move one by one. They are not watched: only few rollouts need them. */
import type { MtlsRollout } from '../api/resource.ts';
import type { Workload } from '../istio/objects.ts';
import { projectWorkload, together, workloadOfPod } from '../istio/workloads.ts';
import { targetNamespaces } from '../rollout/targets.ts';
import type { World } from '../rollout/world.ts';
import type { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';
import type { Resource } from './resource.ts';
import { PODS } from './resources.ts';

/** Controllers whose pods make a workload, where the unit of a rollout is Workload. */
const CONTROLLERS: readonly Resource[] = [
  { group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment', namespaced: true },
  { group: 'apps', version: 'v1', plural: 'statefulsets', kind: 'StatefulSet', namespaced: true },
  { group: 'apps', version: 'v1', plural: 'daemonsets', kind: 'DaemonSet', namespaced: true },
  { group: 'batch', version: 'v1', plural: 'jobs', kind: 'Job', namespaced: true },
  { group: 'batch', version: 'v1', plural: 'cronjobs', kind: 'CronJob', namespaced: true },
  { group: 'argoproj.io', version: 'v1alpha1', plural: 'rollouts', kind: 'Rollout', namespaced: true },
];
/** More namespaces than this are read with one list of each kind. */
const MOST_LISTS = 16;

/** The workloads of the target's namespaces; none where they are not the unit, or where the author names them. */
export async function readWorkloads(
  client: KubeClient,
  rollout: MtlsRollout,
  world: World,
  signal?: AbortSignal,
): Promise<Workload[]> {
  const { target, strategy } = rollout.spec;
  if (strategy.unit !== 'Workload' || target.workloads) return [];
  const names = new Set(targetNamespaces(rollout, world).map(({ name }) => name));
  const found: Workload[] = [];
  const pods: Workload[] = [];
  for (const namespace of names.size > MOST_LISTS ? [undefined] : names) {
    for (const resource of CONTROLLERS)
      await take(client, resource, namespace, raw => projectWorkload(raw, resource.kind), found, signal);
    await take(client, PODS, namespace, workloadOfPod, pods, signal);
  }
  return [...found, ...together(pods)].filter(({ namespace }) => names.has(namespace));
}

async function take(
  client: KubeClient,
  resource: Resource,
  namespace: string | undefined,
  project: (raw: unknown) => Workload | undefined,
  into: Workload[],
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    for await (const raw of client.list(resource, { namespace, signal })) {
      const workload = project(raw);
      if (workload) into.push(workload);
    }
  } catch (error) {
    // nobody can have made what is not served
    if (!(error instanceof KubeError) || error.kind !== 'NotFound') throw error;
  }
}
