/** Reads everything that a decision about one rollout needs into one value. */
import type { MtlsRollout } from '../api/resource.ts';
import type { KubeClient } from '../cluster/client.ts';
import type { Clock } from '../cluster/clock.ts';
import type { KubeObject, Resource } from '../cluster/resource.ts';
import type { Workload } from '../istio/objects.ts';
import { projectWorkload } from '../istio/pods.ts';
import { refusal } from '../rollout/refusal.ts';
import { targetNamespaces } from '../rollout/targets.ts';
import type { Input, Obstacle, World } from '../rollout/world.ts';
import { type Caches, policiesIn } from './caches.ts';

/** Controllers whose pods make a workload, where the unit of a rollout is Workload. */
const CONTROLLERS: readonly Resource[] = [
  { group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment', namespaced: true },
  { group: 'apps', version: 'v1', plural: 'statefulsets', kind: 'StatefulSet', namespaced: true },
  { group: 'apps', version: 'v1', plural: 'daemonsets', kind: 'DaemonSet', namespaced: true },
];

export interface Sources {
  caches: Caches;
  client: KubeClient;
  clock: Clock;
  rootNamespace: string;
  /** Whether Prometheus is configured. */
  metrics: boolean;
}

/** The input of a decision, without a round of probes. `trouble` is what the last decision ran into. */
export async function gather(
  { caches, client, clock, rootNamespace, metrics }: Sources,
  rollout: MtlsRollout,
  epoch: number,
  trouble: Obstacle | undefined,
  signal: AbortSignal,
): Promise<Input> {
  const inRoot = rollout.metadata.namespace === rootNamespace;
  const own = caches.namespaces.cache.get({ namespace: '', name: rollout.metadata.namespace });
  const world: World = {
    rootNamespace,
    namespaces: inRoot ? caches.namespaces.cache.list() : own ? [own] : [],
    policies: policiesIn(caches.policies.cache),
    workloads: [],
  };
  const obstacle = refusal(rollout, rivals(caches, rollout, rootNamespace), world);
  const workloads = obstacle ? [] : await workloadsOf(client, rollout, world, signal);
  return {
    rollout,
    world: { ...world, workloads },
    now: clock.now(),
    epoch,
    metrics,
    ...(obstacle ? { obstacle } : {}),
    ...(trouble ? { trouble } : {}),
  };
}

/** The rollouts that may want the same scopes: those of the same namespace, and those of the root namespace with all. */
export function rivals(
  { rollouts }: Caches,
  { metadata }: Pick<MtlsRollout, 'metadata'>,
  rootNamespace: string,
): MtlsRollout[] {
  const { namespace } = metadata;
  const entries =
    namespace === rootNamespace
      ? rollouts.cache.list()
      : [...rollouts.cache.in(namespace), ...rollouts.cache.in(rootNamespace)];
  return entries.flatMap(({ parsed }) => ('rollout' in parsed ? [parsed.rollout] : []));
}

async function workloadsOf(
  client: KubeClient,
  rollout: MtlsRollout,
  world: World,
  signal: AbortSignal,
): Promise<Workload[]> {
  const { target, strategy } = rollout.spec;
  if (strategy.unit !== 'Workload' || target.workloads) return [];
  const found: Workload[] = [];
  for (const { name } of targetNamespaces(rollout, world))
    for (const resource of CONTROLLERS)
      for await (const raw of client.list<KubeObject>(resource, { namespace: name, signal })) {
        const workload = projectWorkload(raw, resource.kind);
        if (workload) found.push(workload);
      }
  return found;
}
