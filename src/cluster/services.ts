/** Reads the Services of the scopes that a step is about to lead out of DISABLE. They are not watched. */
import type { MtlsRollout } from '../api/resource.ts';
import type { Service } from '../istio/objects.ts';
import { projectService } from '../istio/pods.ts';
import { disabledNamespaces } from '../rollout/targets.ts';
import type { World } from '../rollout/world.ts';
import type { KubeClient } from './client.ts';
import { SERVICES } from './resources.ts';

/** By namespace; a namespace is there as soon as it was read. */
export async function readServices(
  client: KubeClient,
  rollout: MtlsRollout,
  world: World,
  signal?: AbortSignal,
): Promise<Map<string, Service[]>> {
  const found = new Map<string, Service[]>();
  for (const namespace of disabledNamespaces(rollout, world)) {
    const services: Service[] = [];
    for await (const raw of client.list(SERVICES, { namespace, signal })) services.push(projectService(raw));
    found.set(namespace, services);
  }
  return found;
}
