/**
 * Reads an inventory from a cluster: of the namespaces at hand everything that hazards look at, of the others only what
 * may call them. Lists are paged, and cut down while they are read; what may not be read is noted.
 */
import {
  DEFAULT_MESH,
  type Ground,
  type Inventory,
  InventoryBuilder,
  type Unseen,
} from '../istio/inventory/inventory.ts';
import { INVENTORY_KINDS, type InventoryKind, type KindName } from '../istio/inventory/kinds.ts';
import type { KubeClient } from './client.ts';
import { KubeError } from './errors.ts';
import { type Resource, resourceName } from './resource.ts';

/** What says whom the API server calls. */
const CALLED: readonly KindName[] = [
  'ValidatingWebhookConfiguration',
  'MutatingWebhookConfiguration',
  'CustomResourceDefinition',
  'APIService',
];
/** What is read once, wherever it is: it has no namespace, or leads from one to others. Templates may be clients. */
const EVERYWHERE: readonly KindName[] = [
  'IngressClass',
  ...CALLED,
  'ServiceMonitor',
  'PodMonitor',
  'Sidecar',
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'CronJob',
  'Rollout',
];
/** What is read of each namespace at hand. */
const AT_HAND: readonly KindName[] = [
  'Pod',
  'Service',
  'Job',
  'Ingress',
  'NetworkPolicy',
  'AuthorizationPolicy',
  'ServiceEntry',
  'WorkloadEntry',
  'SecurityGroupPolicy',
  'TargetGroupBinding',
  'Route',
];
/** Definitions of resources are large, most of each its schema. */
const PAGE: Partial<Record<KindName, number>> = { CustomResourceDefinition: 25 };
/** Lists that are under way at the same time. */
const PARALLEL = 6;

interface Part {
  kind: InventoryKind<KindName>;
  namespace: string | undefined;
}

/**
 * Rejects with a KubeError when the API server cannot answer; a kind that it forbids is noted as unseen, and one that
 * it does not serve has no objects.
 */
export async function readInventory(
  client: KubeClient,
  namespaces: readonly string[],
  ground: Ground,
  signal?: AbortSignal,
): Promise<Inventory> {
  return await readParts(client, partsFor(namespaces), ground, signal);
}

/** What the API server calls in the cluster. Rejects as `readInventory` does. */
export async function readCallbacks(
  client: KubeClient,
  signal?: AbortSignal,
): Promise<Pick<Inventory, 'callbacks' | 'unseen'>> {
  const kinds = INVENTORY_KINDS.filter(({ kind }) => CALLED.includes(kind));
  const parts = kinds.map(kind => ({ kind, namespace: undefined }));
  return await readParts(client, parts, { rootNamespace: '', mesh: DEFAULT_MESH }, signal);
}

async function readParts(
  client: KubeClient,
  parts: readonly Part[],
  ground: Ground,
  signal: AbortSignal | undefined,
): Promise<Inventory> {
  const builder = new InventoryBuilder();
  const unseen = new Map((ground.unseen ?? []).map(each => [each.kind, each]));
  const queue = parts.values();
  const worker = async () => {
    for (const part of queue) {
      const problem = await readPart(client, builder, part, signal);
      // the first namespace stands for the others
      if (problem && !unseen.has(part.kind.kind)) unseen.set(part.kind.kind, problem);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return builder.build({ ...ground, unseen: [...unseen.values()] });
}

function partsFor(namespaces: readonly string[]): Part[] {
  const everywhere = INVENTORY_KINDS.filter(({ kind }) => EVERYWHERE.includes(kind));
  const atHand = INVENTORY_KINDS.filter(({ kind }) => AT_HAND.includes(kind));
  return [
    ...everywhere.map(kind => ({ kind, namespace: undefined })),
    ...namespaces.flatMap(namespace => atHand.map(kind => ({ kind, namespace }))),
  ];
}

async function readPart(
  client: KubeClient,
  builder: InventoryBuilder,
  { kind, namespace }: Part,
  signal: AbortSignal | undefined,
): Promise<Unseen | undefined> {
  const resource = resourceOf(kind);
  try {
    for await (const raw of client.list(resource, { namespace, limit: PAGE[kind.kind], signal }))
      builder.add(kind.kind, raw);
    return undefined;
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    // nobody can have made what is not served
    if (error.kind === 'NotFound') return undefined;
    if (error.kind !== 'Forbidden') throw error;
    const where = namespace === undefined ? 'in all namespaces' : `in namespace ${namespace}`;
    const permission = `list ${resourceName(resource)}${kind.namespaced ? ` ${where}` : ''}`;
    return { kind: kind.kind, problem: error.message, permission };
  }
}

function resourceOf({ kind, group, plural, versions, namespaced }: InventoryKind): Resource {
  return {
    kind,
    group,
    plural,
    namespaced,
    version: versions[0] ?? 'v1',
    ...(versions.length > 1 ? { versions } : {}),
  };
}
