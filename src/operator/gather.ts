/** Reads everything that a decision about one rollout needs into one value. */
import type { MtlsRollout } from '../api/resource.ts';
import type { KubeClient } from '../cluster/client.ts';
import type { Clock } from '../cluster/clock.ts';
import { readWorkloads } from '../cluster/workloads.ts';
import { byAge } from '../istio/policies.ts';
import { refusal } from '../rollout/refusal.ts';
import type { Input, Obstacle, World } from '../rollout/world.ts';
import { type Caches, policiesIn } from './caches.ts';

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
  const workloads = obstacle ? [] : await readWorkloads(client, rollout, world, signal);
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

/**
 * The rollouts that may want the same scopes, oldest first: those of the same namespace, and those of the root
 * namespace with all.
 */
function rivals(
  { rollouts }: Caches,
  { metadata }: Pick<MtlsRollout, 'metadata'>,
  rootNamespace: string,
): MtlsRollout[] {
  const { namespace } = metadata;
  const entries =
    namespace === rootNamespace
      ? rollouts.cache.list()
      : [...rollouts.cache.in(namespace), ...rollouts.cache.in(rootNamespace)];
  return entries.flatMap(({ parsed }) => ('rollout' in parsed ? [parsed.rollout] : [])).sort(byAge);
}
