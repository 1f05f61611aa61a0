/** What probes ask of the API server, with the rights of the operator. */
import type { KubeClient } from '../cluster/client.ts';
import type { Clock } from '../cluster/clock.ts';
import { KubeError } from '../cluster/errors.ts';
import { readCallbacks } from '../cluster/inventory.ts';
import { JobRunner } from '../cluster/jobs.ts';
import { API_SERVICES, SERVICES } from '../cluster/resources.ts';
import { type AggregatedApi, aggregatedApi } from '../istio/inventory/aggregatedApi.ts';
import type { Inventory } from '../istio/inventory/inventory.ts';
import { seenService } from '../istio/inventory/projections.ts';
import { readJob } from '../probes/jobObject.ts';
import type { ClusterSight } from '../probes/probe.ts';

/** Whom the API server calls changes seldom, and the list of definitions is among the largest of a cluster. */
const KEEP_CALLBACKS_MS = 300_000;

/** @param allowed asked right before each write: whether this process still leads */
export function clusterSight(client: KubeClient, clock: Clock, allowed: () => boolean): ClusterSight {
  const callbacks = kept(signal => readCallbacks(client, signal), KEEP_CALLBACKS_MS, clock);
  const runner = new JobRunner(client, allowed);
  return {
    jobs: {
      find: async (namespace, name, author, signal) => {
        const raw = await runner.find(namespace, name, signal);
        return raw && readJob(raw, author);
      },
      template: (...asked) => runner.template(...asked),
      start: (...asked) => runner.start(...asked),
      remove: asked => runner.remove(asked),
      wait: (ms, signal) => clock.wait(ms, signal),
    },
    service: async (namespace, name, signal) => {
      const raw = await orNothing(client.get({ resource: SERVICES, namespace, name }, signal));
      return raw && seenService(raw);
    },
    called: async signal => {
      const known = await callbacks(signal);
      const missing = known.unseen.map(({ permission }) => permission);
      // what may not be listed is among the missing already
      const apis = known.unseen.some(({ kind }) => kind === 'APIService') ? [] : await readApis(client, signal);
      return { callbacks: known.callbacks, apis, missing };
    },
  };
}

async function readApis(client: KubeClient, signal: AbortSignal): Promise<AggregatedApi[]> {
  const found: AggregatedApi[] = [];
  const reading = (async () => {
    for await (const raw of client.list(API_SERVICES, { signal })) {
      const api = aggregatedApi(raw);
      if (api) found.push(api);
    }
    return found;
  })();
  return (await orNothing(reading)) ?? [];
}

type Callbacks = Pick<Inventory, 'callbacks' | 'unseen'>;

/** The last answer, until it is too old; one that lacks something is not kept, since the right may come any moment. */
function kept(
  read: (signal: AbortSignal) => Promise<Callbacks>,
  keepMs: number,
  clock: Clock,
): (signal: AbortSignal) => Promise<Callbacks> {
  let last: { answer: Callbacks; at: number } | undefined;
  return async signal => {
    if (last && clock.monotonic() - last.at < keepMs) return last.answer;
    const { callbacks, unseen } = await read(signal);
    const answer = { callbacks, unseen };
    last = unseen.length > 0 ? undefined : { answer, at: clock.monotonic() };
    return answer;
  };
}

/** Undefined for what is not there. */
async function orNothing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof KubeError && error.kind === 'NotFound') return undefined;
    throw error;
  }
}
