/** An inventory together with the mesh configuration: all that hazards of some namespaces are found in. */
import { DEFAULT_MESH, type Inventory, type Unseen } from '../istio/inventory/inventory.ts';
import type { World } from '../rollout/world.ts';
import type { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';
import { readInventory } from './inventory.ts';
import { readMeshConfiguration } from './meshConfiguration.ts';

/** Rejects with a KubeError when the API server cannot answer. What it forbids is in `unseen`. */
export async function surveyOf(
  client: KubeClient,
  namespaces: readonly string[],
  istioNamespace: string,
  world: World,
  signal?: AbortSignal,
): Promise<Inventory> {
  const { rootNamespace, policies, rules } = world;
  const configuration = await meshOf(client, istioNamespace, signal);
  const unseen = [...('unseen' in configuration ? [configuration.unseen] : []), ...(rules ? [] : [unseenRules()])];
  const mesh = 'mesh' in configuration ? configuration.mesh : DEFAULT_MESH;
  const ground = { rootNamespace, mesh, policies, rules: rules ?? [], namespaces: world.namespaces, unseen };
  return await readInventory(client, namespaces, ground, signal);
}

async function meshOf(client: KubeClient, istioNamespace: string, signal: AbortSignal | undefined) {
  try {
    return await readMeshConfiguration(client, istioNamespace, signal);
  } catch (error) {
    if (!(error instanceof KubeError) || error.kind !== 'Forbidden') throw error;
    const permission = `list configmaps in namespace ${istioNamespace}`;
    return { unseen: { kind: 'ConfigMap', problem: error.message, permission } satisfies Unseen };
  }
}

function unseenRules(): Unseen {
  return {
    kind: 'DestinationRule',
    problem: 'the DestinationRules of the cluster cannot be seen',
    permission: 'list and watch destinationrules.networking.istio.io in all namespaces',
  };
}
