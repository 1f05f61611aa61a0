/** Reads everything that a decision about one rollout needs into one value. */
import type { MtlsRollout } from '../api/resource.ts';
import type { KubeClient } from '../cluster/client.ts';
import type { Clock } from '../cluster/clock.ts';
import { KubeError } from '../cluster/errors.ts';
import { readServices } from '../cluster/services.ts';
import { readShadows } from '../cluster/shadows.ts';
import { readWorkloads } from '../cluster/workloads.ts';
import { byAge } from '../istio/policies.ts';
import { isDeparting } from '../rollout/finalizer.ts';
import { dependenciesOf } from '../rollout/dependencies.ts';
import { refusal } from '../rollout/refusal.ts';
import type { Input, Obstacle, Trouble, World } from '../rollout/world.ts';
import { isBlind } from './blindness.ts';
import { type Caches, policiesIn } from './caches.ts';
import { isLasting } from './carryOut.ts';
import type { HazardWatch } from './hazardWatch.ts';
import type { MeshFacts } from './meshFacts.ts';

export interface Sources extends MeshFacts {
  caches: Caches;
  client: KubeClient;
  clock: Clock;
  /** Whether Prometheus is configured. */
  metrics: boolean;
  hazards: HazardWatch;
}

/**
 * The input of a decision, without a round of probes, or what keeps it from being seen until somebody acts. `trouble`
 * is what the last decision ran into.
 */
export async function gather(
  { caches, client, clock, rootNamespace, drainMs, metrics, hazards }: Sources,
  rollout: MtlsRollout,
  epoch: number,
  trouble: Trouble | undefined,
  signal: AbortSignal,
): Promise<Input | { unseen: Obstacle }> {
  const others = nearby(caches, rollout, rootNamespace);
  const inRoot = rollout.metadata.namespace === rootNamespace;
  const own = caches.namespaces.cache.get({ namespace: '', name: rollout.metadata.namespace });
  const world: World = {
    rootNamespace,
    drainMs,
    namespaces: inRoot ? caches.namespaces.cache.list() : own ? [own] : [],
    policies: policiesIn(caches.policies.cache),
    workloads: [],
    rules: isBlind(caches.rules) ? undefined : caches.rules.cache.list(),
    services: new Map(),
    dependencies: dependenciesOf(rollout, others),
  };
  // what is deleted has nothing left to be refused
  const isLeaving = isDeparting({ rollout, world });
  const obstacle = isLeaving ? undefined : refusal(rollout, others, world);
  // a rollback goes on whatever stands in the way, and has to know the scopes of its wave
  const isNeeded = !obstacle || rollout.status?.step?.stage === 'RollingBack';
  const workloads = isNeeded
    ? await sought({ reason: 'WorkloadsNotSeen' }, readWorkloads(client, rollout, world, signal))
    : [];
  // without them everything can still be restored, only not in the order of the plan
  const isReverting = isLeaving || rollout.spec.mode === 'Revert';
  if ('unseen' in workloads && !isReverting) return workloads;
  const services =
    obstacle || isReverting
      ? world.services
      : await sought({ reason: 'ServicesNotSeen' }, readServices(client, rollout, world, signal));
  if ('unseen' in services) return services;
  const shadows = await readShadows(client, rollout, inRoot ? undefined : rollout.metadata.namespace, signal);
  const input: Input = {
    rollout,
    world: {
      ...world,
      workloads: 'unseen' in workloads ? [] : workloads,
      services,
      ...(shadows ? { shadows } : {}),
    },
    now: clock.now(),
    epoch,
    metrics,
    ...(obstacle ? { obstacle } : {}),
    ...(trouble ? { trouble } : {}),
  };
  if (obstacle || isLeaving) return input;
  const found = await hazards.look(`${rollout.metadata.namespace}/${rollout.metadata.name}`, input, signal);
  return { ...input, world: { ...input.world, findings: found.findings, fronts: found.fronts }, now: clock.now() };
}

/** What was read, or why it cannot be until somebody acts. */
async function sought<T extends object>(
  { reason }: Pick<Obstacle, 'reason'>,
  reading: Promise<T>,
): Promise<T | { unseen: Obstacle }> {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof KubeError && isLasting(error))) throw error;
    return { unseen: { reason, message: `cannot ${error.message}`, lasting: true } };
  }
}

/**
 * The rollouts that may want the same scopes, or be waited for, oldest first: those of the same namespace, and those of the root
 * namespace with all.
 */
function nearby(
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
