/** What probes ask of the API server, with the rights of the operator. */
import type { KubeClient } from '../cluster/client.ts';
import { KubeError } from '../cluster/errors.ts';
import { SERVICES } from '../cluster/resources.ts';
import { seenService } from '../istio/inventory/projections.ts';
import type { ClusterSight } from '../probes/probe.ts';

export function clusterSight(client: KubeClient): ClusterSight {
  return {
    service: async (namespace, name, signal) => {
      const raw = await orNothing(client.get({ resource: SERVICES, namespace, name }, signal));
      return raw && seenService(raw);
    },
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
