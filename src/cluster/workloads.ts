/** Reads the workloads that a rollout may move one by one. They are not watched: only few rollouts need them. */
import type { MtlsRollout } from '../api/resource.ts';
import type { Workload } from '../istio/objects.ts';
import { projectWorkload } from '../istio/pods.ts';
import { targetNamespaces } from '../rollout/targets.ts';
import type { World } from '../rollout/world.ts';
import type { KubeClient } from './client.ts';
import type { Resource } from './resource.ts';

/** Controllers whose pods make a workload, where the unit of a rollout is Workload. */
const CONTROLLERS: readonly Resource[] = [
  { group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment', namespaced: true },
  { group: 'apps', version: 'v1', plural: 'statefulsets', kind: 'StatefulSet', namespaced: true },
  { group: 'apps', version: 'v1', plural: 'daemonsets', kind: 'DaemonSet', namespaced: true },
];

/** The workloads of the target's namespaces; none where they are not the unit, or where the author names them. */
export async function readWorkloads(
  client: KubeClient,
  rollout: MtlsRollout,
  world: World,
  signal?: AbortSignal,
): Promise<Workload[]> {
  const { target, strategy } = rollout.spec;
  if (strategy.unit !== 'Workload' || target.workloads) return [];
  const found: Workload[] = [];
  for (const { name } of targetNamespaces(rollout, world))
    for (const resource of CONTROLLERS)
      for await (const raw of client.list(resource, { namespace: name, signal })) {
        const workload = projectWorkload(raw, resource.kind);
        if (workload) found.push(workload);
      }
  return found;
}
