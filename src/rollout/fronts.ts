/** The Services that lead to the pods of a scope, as an inventory shows them: what rules for clients are about. */
import { effectiveModes, namespaceMode } from '../istio/effectiveMode.ts';
import { containerPort, ownerName } from '../istio/hazards/backends.ts';
import { podsBehind, type Reached, reachedServices } from '../istio/hazards/reach.ts';
import { type Inventory, inNamespace } from '../istio/inventory/inventory.ts';
import type { SeenPod, SeenService } from '../istio/inventory/shapes.ts';
import { type Policies, selects } from '../istio/policies.ts';
import type { ForetoldMove } from './moves.ts';
import type { Scope } from './scope.ts';
import type { ScopeState } from './scopeState.ts';
import type { Situation } from './situation.ts';
import type { World } from './world.ts';

/** What runs the mesh: Istio, or Google's managed Cloud Service Mesh. */
export const PLATFORMS = ['istio', 'managed-csm'] as const;
export type Platform = (typeof PLATFORMS)[number];

/** By it clients know what takes mutual TLS. */
const TLS_MODE = 'security.istio.io/tlsMode';

/** A Service in front of a scope. */
export interface Front {
  namespace: string;
  name: string;
  /** Ports of the Service whose clients have to speak mutual TLS: those that go STRICT, or all where none does. */
  ports: number[];
  /** Always: its clients need to be told. WhereCountered: only where rules tell them otherwise. */
  need: 'Always' | 'WhereCountered';
  /** Whether clients that no rule tells anything speak mutual TLS of their own accord. */
  automatic: boolean;
  /** A workload behind it that does not take mutual TLS, and why; a rule would cut it off. */
  bare?: { workload: string; why: string };
}

/** By scope key; every one of the scopes has an entry. */
export type Fronts = ReadonlyMap<string, readonly Front[]>;

export function frontsOf(
  { input }: Situation,
  { scope }: ScopeState,
  move: ForetoldMove,
  inventory: Inventory,
  platform: Platform,
): Front[] {
  const { destinationRules } = input.rollout.spec;
  if (destinationRules === 'Never') return [];
  const automatic = inventory.mesh.enableAutoMtls && !goesUnheard(scope, input.world, platform);
  const need = destinationRules === 'Always' || !automatic ? 'Always' : 'WhereCountered';
  return reachedServices(inventory, move).flatMap(
    reached => frontOf(inventory, move.after, reached, { need, automatic }) ?? [],
  );
}

/**
 * Whether clients are not told of the mode of a workload. Istio builds the clusters of a Service by the mode of its
 * namespace: where that is DISABLE clients send plaintext, whatever policies of workloads say.
 * Source: BestEffortInferServiceMTLSMode in pilot/pkg/model/push_context.go.
 */
function goesUnheard(scope: Scope, { policies, rootNamespace }: World, platform: Platform): boolean {
  if (scope.kind !== 'Workload') return false;
  return platform === 'managed-csm' || namespaceMode(policies, rootNamespace, scope.namespace).mode === 'DISABLE';
}

function frontOf(
  inventory: Inventory,
  after: Policies,
  { service, pods, struck: all }: Reached,
  ofMesh: Pick<Front, 'need' | 'automatic'>,
): Front | undefined {
  if (service.type === 'ExternalName') return undefined;
  // where nothing has a sidecar nothing goes STRICT, and there is nothing to tell clients
  if (!pods.some(({ mesh }) => mesh === 'Sidecar')) return undefined;
  const struck = new Set(all.map(({ servicePort }) => servicePort.port));
  if (struck.size === 0 && ofMesh.need !== 'Always') return undefined;
  const tcp = service.ports.filter(({ protocol }) => protocol === 'TCP').map(({ port }) => port);
  const bare = bareBehind(inventory, after, service);
  return {
    namespace: service.namespace,
    name: service.name,
    ports: struck.size > 0 ? [...struck] : tcp,
    ...ofMesh,
    ...(bare ? { bare } : {}),
  };
}

/** What a rule would cut off, whether the scope governs it or not. */
function bareBehind(inventory: Inventory, after: Policies, service: SeenService): Front['bare'] {
  const entry = inNamespace(inventory.workloadEntries, service.namespace).find(
    ({ labels, serviceAccount }) => selects(service.selector, labels) && !serviceAccount && !labels[TLS_MODE],
  );
  if (entry) return { workload: `WorkloadEntry ${entry.namespace}/${entry.name}`, why: 'has no service account' };
  for (const pod of podsBehind(service, inNamespace(inventory.pods, service.namespace))) {
    const why = whyBare(inventory.rootNamespace, after, service, pod);
    if (why) return { workload: ownerName(pod), why };
  }
  return undefined;
}

function whyBare(rootNamespace: string, after: Policies, service: SeenService, pod: SeenPod): string | undefined {
  if (pod.gateway) return 'is a gateway';
  if (pod.mesh !== 'Sidecar') return pod.mesh === 'Ambient' ? 'is behind ztunnel' : 'has no sidecar';
  const { workload, ports } = effectiveModes(after, rootNamespace, pod.namespace, pod.labels);
  for (const { targetPort, protocol } of service.ports) {
    const port = containerPort(pod, targetPort);
    if (port === undefined || protocol !== 'TCP') continue;
    if ((ports.get(port) ?? workload).mode === 'DISABLE') return `is DISABLE on port ${port}`;
  }
  return undefined;
}
