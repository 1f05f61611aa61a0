/** Reads everything that a decision about one rollout needs into one value. */
import type { MtlsRollout } from '../api/resource.ts';
import type { KubeClient } from '../cluster/client.ts';
import type { Clock } from '../cluster/clock.ts';
import { KubeError } from '../cluster/errors.ts';
import { readWorkloads } from '../cluster/workloads.ts';
import type { Workload } from '../istio/objects.ts';
import { byAge } from '../istio/policies.ts';
import { refusal } from '../rollout/refusal.ts';
import type { Input, Obstacle, World } from '../rollout/world.ts';
import { type Caches, policiesIn } from './caches.ts';
import { isLasting } from './carryOut.ts';

export interface Sources {
  caches: Caches;
  client: KubeClient;
  clock: Clock;
  rootNamespace: string;
  /** Whether Prometheus is configured. */
  metrics: boolean;
}

/**
 * The input of a decision, without a round of probes, or what keeps it from being seen until somebody acts. `trouble`
 * is what the last decision ran into.
 */
export async function gather(
  { caches, client, clock, rootNamespace, metrics }: Sources,
  rollout: MtlsRollout,
  epoch: number,
  trouble: Obstacle | undefined,
  signal: AbortSignal,
): Promise<Input | { unseen: Obstacle }> {
  const inRoot = rollout.metadata.namespace === rootNamespace;
  const own = caches.namespaces.cache.get({ namespace: '', name: rollout.metadata.namespace });
  const world: World = {
    rootNamespace,
    namespaces: inRoot ? caches.namespaces.cache.list() : own ? [own] : [],
    policies: policiesIn(caches.policies.cache),
    workloads: [],
  };
  const obstacle = refusal(rollout, rivals(caches, rollout, rootNamespace), world);
  // a rollback goes on whatever stands in the way, and has to know the scopes of its wave
  const isNeeded = !obstacle || rollout.status?.step?.stage === 'RollingBack';
  const workloads = isNeeded ? await workloadsFor(client, rollout, world, signal) : [];
  if ('unseen' in workloads) return workloads;
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

async function workloadsFor(...about: Parameters<typeof readWorkloads>): Promise<Workload[] | { unseen: Obstacle }> {
  try {
    return await readWorkloads(...about);
  } catch (error) {
    if (!(error instanceof KubeError && isLasting(error))) throw error;
    return { unseen: { reason: 'WorkloadsNotSeen', message: `cannot ${error.message}`, lasting: true } };
  }
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
