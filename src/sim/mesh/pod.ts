/** Pods and Services as the simulated mesh sees them: projected from the objects that the API serves. */
import type { ObjectMeta } from '../../api/resource.ts';

/** The fields of a Pod that matter here, as served. */
export interface PodObject {
  metadata: ObjectMeta & { namespace: string };
  spec?: {
    serviceAccountName?: string;
    containers?: ContainerObject[];
    initContainers?: ContainerObject[];
  };
  status?: { phase?: string; podIP?: string; conditions?: { type: string; status: string }[] };
}

interface ContainerObject {
  name: string;
  ports?: { name?: string; containerPort: number; protocol?: string }[];
}

/** The fields of a Service that matter here, as served. */
export interface ServiceObject {
  metadata: ObjectMeta & { namespace: string };
  spec?: {
    selector?: Record<string, string>;
    ports?: { name?: string; port: number; targetPort?: number | string; protocol?: string; appProtocol?: string }[];
  };
}

export interface MeshPod {
  key: string;
  namespace: string;
  name: string;
  ip: string | undefined;
  labels: Record<string, string>;
  serviceAccount: string;
  /** Name of the workload as Istio's metrics give it. */
  workload: string;
  sidecar: boolean;
  /** A gateway is a client of the mesh; PeerAuthentication does not govern its listeners. */
  gateway: boolean;
  running: boolean;
  ready: boolean;
  /** Container ports of the application by name (its number where it has none). */
  ports: ReadonlyMap<string, number>;
  /** Ports that bypass the sidecar on the way in. */
  excludedPorts: ReadonlySet<number>;
}

/** How a proxy treats a port: as HTTP, as bytes, or as either after looking at the first of them. */
export type PortProtocol = 'http' | 'tcp' | 'auto';

export interface MeshService {
  namespace: string;
  name: string;
  selector: Record<string, string>;
  ports: { name: string; port: number; targetPort: number | string; protocol: PortProtocol; ownTls: boolean }[];
}

/** Ports of the proxy itself, never intercepted. */
const PROXY_PORTS = [15020, 15021, 15090];

export function meshPod(object: PodObject): MeshPod {
  const { metadata, spec, status } = object;
  const labels = metadata.labels ?? {};
  const containers = spec?.containers ?? [];
  const hasProxy = [...containers, ...(spec?.initContainers ?? [])].some(container => container.name === 'istio-proxy');
  const gateway = containers.length === 1 && containers[0]!.name === 'istio-proxy';
  const ports = containers
    .filter(container => gateway || container.name !== 'istio-proxy')
    .flatMap(container => container.ports ?? [])
    .filter(port => (port.protocol ?? 'TCP') === 'TCP');
  const running = status?.phase === 'Running';
  return {
    key: `${metadata.namespace}/${metadata.name}`,
    namespace: metadata.namespace,
    name: metadata.name,
    ip: status?.podIP,
    labels,
    serviceAccount: spec?.serviceAccountName ?? 'default',
    workload: workloadName(metadata),
    sidecar: hasProxy,
    gateway,
    running,
    ready: running && (status?.conditions ?? []).some(({ type, status: is }) => type === 'Ready' && is === 'True'),
    ports: new Map(ports.map(port => [port.name ?? String(port.containerPort), port.containerPort])),
    excludedPorts: new Set([...PROXY_PORTS, ...excludedPorts(metadata)]),
  };
}

export function meshService({ metadata, spec }: ServiceObject): MeshService {
  return {
    namespace: metadata.namespace,
    name: metadata.name,
    selector: spec?.selector ?? {},
    ports: (spec?.ports ?? [])
      .filter(port => (port.protocol ?? 'TCP') === 'TCP')
      .map(port => {
        const hint = port.appProtocol ?? (port.name ?? '').split('-')[0]!;
        return {
          name: port.name ?? '',
          port: port.port,
          targetPort: port.targetPort ?? port.port,
          protocol: protocolOf(hint),
          ownTls: hint === 'https' || hint === 'tls',
        };
      }),
  };
}

/** Container port behind a Service port on this pod; undefined when a name is not declared there. */
export function containerPort(pod: MeshPod, targetPort: number | string): number | undefined {
  return typeof targetPort === 'number' ? targetPort : pod.ports.get(targetPort);
}

/** Istio's protocol selection: the prefix of the port's name, or `appProtocol`. */
function protocolOf(hint: string): PortProtocol {
  if (['http', 'http2', 'grpc', 'grpc-web'].includes(hint)) return 'http';
  return ['tcp', 'tls', 'https', 'mysql', 'mongo', 'redis'].includes(hint) ? 'tcp' : 'auto';
}

/** Istio cuts the template hash from the name of a ReplicaSet and takes any other owner's name as it is. */
function workloadName({ name, labels, ownerReferences }: ObjectMeta): string {
  const owner = ownerReferences?.find(reference => reference.controller) ?? ownerReferences?.[0];
  if (owner === undefined) return name;
  const hash = labels?.['pod-template-hash'];
  return hash !== undefined && owner.kind === 'ReplicaSet' && owner.name.endsWith(`-${hash}`)
    ? owner.name.slice(0, -hash.length - 1)
    : owner.name;
}

function excludedPorts({ annotations }: ObjectMeta): number[] {
  return (annotations?.['traffic.sidecar.istio.io/excludeInboundPorts'] ?? '')
    .split(',')
    .filter(text => text.trim() !== '')
    .map(Number);
}
