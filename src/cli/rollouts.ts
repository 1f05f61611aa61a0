/** Finds the rollouts that a command is about. */
import type { KubeClient } from '../cluster/client.ts';
import type { KubeObject } from '../cluster/resource.ts';
import { ROLLOUTS } from '../cluster/resources.ts';
import { listed } from '../rollout/text.ts';
import { collect } from './collect.ts';
import { Failure, isMissing } from './failure.ts';

/** The rollouts of a namespace, or of all where none is given, by namespace and name. */
export async function listRollouts(client: KubeClient, namespace: string | undefined): Promise<KubeObject[]> {
  try {
    const found = await collect(client.list(ROLLOUTS, { namespace }));
    return found.toSorted((a, b) => (fullName(a) < fullName(b) ? -1 : 1));
  } catch (error) {
    if (!isMissing(error)) throw error;
    const advice = 'install its definition with "kubectl apply -k config/crd", or choose another cluster';
    throw new Failure(`this cluster does not know MtlsRollout: ${advice}`, error);
  }
}

/** One rollout by name. Where it is not there, the failure names those that are. */
export async function findRollout(client: KubeClient, namespace: string, name: string): Promise<KubeObject> {
  try {
    return await client.get({ resource: ROLLOUTS, namespace, name });
  } catch (error) {
    if (!isMissing(error)) throw error;
    const others = await listRollouts(client, namespace);
    const there =
      others.length === 0
        ? 'there is none in this namespace; -n names another, "kubectl mtlsrollout describe -A" shows all'
        : `in this namespace there is ${listed(others.map(({ metadata }) => metadata.name))}`;
    throw new Failure(`no MtlsRollout ${namespace}/${name}: ${there}`, error);
  }
}

function fullName({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
