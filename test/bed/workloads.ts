/**
 * Workloads on a control plane without nodes: Deployment, ReplicaSet and Service as their controllers would leave them,
 * and Pods as the sidecar injector and a kubelet would.
 */
import type { Transport } from '../../src/cluster/transport.ts';
import { apply, type Created, markRunning, NODE } from './boutiqueObjects.ts';

const HASH = '7d9c5b8f6';

export interface PortSpec {
  /** Name of the Service port, from whose prefix Istio takes the protocol: `http-web`. */
  name: string;
  /** Container port. */
  port: number;
  /** Port of the Service where it is another one; null: the Service does not have it. */
  servicePort?: number | null;
}

export interface WorkloadSpec {
  namespace: string;
  name: string;
  ports: PortSpec[];
  /** Labels of the pods beside `app`. */
  labels?: Record<string, string>;
  /** Environment of the container. */
  environment?: Record<string, string>;
  /** Whether ztunnel serves the pods in place of a sidecar. */
  ambient?: boolean;
  /** Whether the pods have a sidecar; yes unless said otherwise. */
  meshed?: boolean;
  replicas?: number;
  /** Creates a Service unless false. */
  service?: boolean;
}

export interface PodPlace {
  namespace: string;
  workload: string;
  name: string;
  ip: string;
  ports: number[];
  labels: Record<string, string>;
}

/** Creates everything. `addressOf` gives each pod its address. */
export async function createWorkload(
  api: Transport,
  spec: WorkloadSpec,
  addressOf: (podName: string) => string | Promise<string>,
): Promise<PodPlace[]> {
  const { namespace, name, replicas = 1, ports } = spec;
  const template = podTemplate(spec);
  const selector = { matchLabels: { app: name } };
  await apply(api, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name } });
  const deployment = await apply(api, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name, labels: { app: name } },
    spec: { replicas, selector, template },
  });
  const hashed = { 'pod-template-hash': HASH };
  const labels = { ...template.metadata.labels, ...hashed };
  const replicaSet = await apply(api, {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { namespace, name: `${name}-${HASH}`, labels, ownerReferences: [owner(deployment)] },
    spec: {
      replicas,
      selector: { matchLabels: { ...selector.matchLabels, ...hashed } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  });
  if (spec.service !== false) await apply(api, serviceOf(spec));
  const pods: PodPlace[] = [];
  for (let i = 0; i < replicas; i++) {
    const podName = `${name}-${HASH}-${'bcdfghjklm'.charAt(i)}x2kq`;
    const ip = await addressOf(podName);
    const metadata = { ...template.metadata, labels, namespace, name: podName, ownerReferences: [owner(replicaSet)] };
    await apply(api, { apiVersion: 'v1', kind: 'Pod', metadata, spec: template.spec });
    await markRunning(api, { namespace, name: podName, ip });
    const own = ports.map(({ port }) => port);
    pods.push({ namespace, workload: name, name: podName, ip, ports: own, labels });
  }
  return pods;
}

/** Labels, annotations and containers of an injected pod (or, without mesh, of a plain one). */
function podTemplate({ name, ports, labels = {}, meshed = true, ambient = false, environment = {} }: WorkloadSpec) {
  const named = ports.map(({ name: portName, port }) => ({ name: portName, containerPort: port }));
  const env = Object.entries(environment).map(([variable, value]) => ({ name: variable, value }));
  const app = { name: 'server', image: `shop/${name}:1`, ports: named, env };
  const proxy = {
    name: 'istio-proxy',
    image: 'istio/proxyv2:1.31.1',
    ports: [{ name: 'http-envoy-prom', containerPort: 15090 }],
  };
  const mesh = { 'security.istio.io/tlsMode': 'istio', 'service.istio.io/canonical-name': name };
  return {
    metadata: {
      labels: { app: name, ...labels, 'pod-template-hash': HASH, ...(meshed ? mesh : {}) },
      annotations: {
        ...(meshed ? { 'sidecar.istio.io/status': '{}' } : {}),
        ...(ambient ? { 'ambient.istio.io/redirection': 'enabled' } : {}),
      },
    },
    spec: { nodeName: NODE, serviceAccountName: name, containers: meshed ? [app, proxy] : [app] },
  };
}

function serviceOf({ namespace, name, ports }: WorkloadSpec) {
  const open = ports.filter(({ servicePort }) => servicePort !== null);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name, labels: { app: name } },
    spec: {
      selector: { app: name },
      ports: open.map(({ name: portName, port, servicePort }) => ({
        name: portName,
        port: servicePort ?? port,
        targetPort: port,
      })),
    },
  };
}

function owner({ apiVersion, kind, metadata }: Created) {
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true };
}
