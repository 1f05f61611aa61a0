/** Where the metrics of the operator read what they say. */
import type { Status } from '../api/status.ts';
import { parseStatus } from '../api/validate.ts';
import type { KubeClient } from '../cluster/client.ts';
import type { Clock } from '../cluster/clock.ts';
import { KubeError } from '../cluster/errors.ts';
import type { EventRecorder } from '../cluster/events.ts';
import type { Reflector } from '../cluster/reflector.ts';
import type { WorkQueue } from '../cluster/workQueue.ts';
import type { Metrics, MetricsSources } from '../report/metrics.ts';
import type { Notifier } from '../report/notifier.ts';
import type { Caches, RolloutEntry } from './caches.ts';

interface Measured {
  caches: Caches;
  client: KubeClient;
  queue: WorkQueue;
  events: EventRecorder;
  /** Whether this process looks after the rollouts now. */
  leads: () => boolean;
  notifier: Notifier | undefined;
}

export function sourcesOf({ caches, client, queue, events, leads, notifier }: Measured): MetricsSources {
  return {
    // of two replicas that both told, every sum would be twice what it is
    rollouts: () => (leads() ? caches.rollouts.cache.list().flatMap(standingOf) : []),
    leads,
    queue: () => ({ waiting: queue.waiting, running: queue.running }),
    requests: () => client.requests.answered,
    blindMs: () =>
      (Object.values(caches) as Reflector<unknown>[]).map(
        ({ resource, blindMs }) => [resource.plural, blindMs] as const,
      ),
    lostEvents: () => events.dropped,
    notifications: () => notifier?.outcomes ?? new Map(),
  };
}

/** One look at one rollout, with how long it takes and how it ends. */
export async function measured<T>(metrics: Metrics, clock: Clock, look: () => Promise<T>): Promise<T> {
  const begin = clock.monotonic();
  let failure: string | undefined;
  try {
    return await look();
  } catch (error) {
    failure = error instanceof KubeError ? error.kind : 'Internal';
    throw error;
  } finally {
    metrics.looked(clock.monotonic() - begin, clock.now(), failure);
  }
}

function standingOf({ parsed, rawStatus }: RolloutEntry): { namespace: string; name: string; status: Status }[] {
  const metadata = 'rollout' in parsed ? parsed.rollout.metadata : parsed.metadata;
  if (!metadata) return [];
  const { namespace, name } = metadata;
  return [{ namespace, name, status: ('rollout' in parsed ? parsed.rollout.status : parseStatus(rawStatus)) ?? {} }];
}
