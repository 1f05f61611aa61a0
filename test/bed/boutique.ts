/**
 * The Online Boutique on a control plane without nodes: a namespace a service, Deployments and Services as in the
 * shop's own manifests, and Pods whose status says what a kubelet would say.
 */
import type { Transport } from '../../src/cluster/transport.ts';
import { addressOf, apply, NODE } from './boutiqueObjects.ts';
import { createWorkload, type PodPlace, type WorkloadSpec } from './workloads.ts';

/** A workload of the shop. `port` is the container port. */
export interface ShopWorkload {
  namespace: string;
  name: string;
  port: number;
  /** Port of the Service where it is another one; null: no Service. */
  servicePort?: number | null;
  /** Prefix of the Service port's name, from which Istio takes the protocol. */
  protocol: 'http' | 'grpc' | 'tcp';
  calls: string[];
}

export interface Boutique {
  /** The eleven namespaces of the shop, sorted. */
  namespaces: string[];
  workloads: ShopWorkload[];
  /** Pods of the shop and of the gateway. */
  pods: PodPlace[];
}

export const ROOT_NAMESPACE = 'istio-system';
export const GATEWAY_NAMESPACE = 'gateway';

const workload = (
  namespace: string,
  name: string,
  protocol: ShopWorkload['protocol'],
  port: number,
  calls: string[] = [],
): ShopWorkload => ({ namespace, name, protocol, port, calls });

export const SHOP: readonly ShopWorkload[] = [
  workload('ad', 'adservice', 'grpc', 9555),
  workload('cart', 'cartservice', 'grpc', 7070, ['redis-cart']),
  workload('cart', 'redis-cart', 'tcp', 6379),
  workload('checkout', 'checkoutservice', 'grpc', 5050, [
    'cartservice',
    'currencyservice',
    'emailservice',
    'paymentservice',
    'productcatalogservice',
    'shippingservice',
  ]),
  workload('currency', 'currencyservice', 'grpc', 7000),
  { ...workload('email', 'emailservice', 'grpc', 8080), servicePort: 5000 },
  {
    ...workload('frontend', 'frontend', 'http', 8080, [
      'adservice',
      'cartservice',
      'checkoutservice',
      'currencyservice',
      'productcatalogservice',
      'recommendationservice',
      'shippingservice',
    ]),
    servicePort: 80,
  },
  { ...workload('loadgenerator', 'loadgenerator', 'http', 8089, ['frontend']), servicePort: null },
  workload('payment', 'paymentservice', 'grpc', 50051),
  workload('product-catalog', 'productcatalogservice', 'grpc', 3550),
  workload('recommendation', 'recommendationservice', 'grpc', 8080, ['productcatalogservice']),
  workload('shipping', 'shippingservice', 'grpc', 50051),
];

export const GATEWAY: ShopWorkload = workload(GATEWAY_NAMESPACE, 'istio-ingressgateway', 'http', 8080, ['frontend']);

/** Creates the mesh configuration, a Node, the namespaces and everything in them; every pod is ready afterwards. */
export async function installBoutique(api: Transport): Promise<Boutique> {
  const namespaces = [...new Set(SHOP.map(({ namespace }) => namespace))].sort();
  await apply(api, { apiVersion: 'v1', kind: 'Node', metadata: { name: NODE } });
  await installMesh(api);
  await apply(api, namespaceObject(GATEWAY_NAMESPACE, {}));
  for (const name of namespaces)
    await apply(api, namespaceObject(name, { 'istio-injection': 'enabled', team: 'shop' }));
  const pods: PodPlace[] = [];
  for (const each of [...SHOP, GATEWAY]) pods.push(...(await installWorkload(api, each)));
  return { namespaces, workloads: [...SHOP], pods };
}

/** One more workload, in a namespace that is there. `meshed: false` makes a pod without sidecar. */
export function installWorkload(
  api: Transport,
  each: ShopWorkload,
  { meshed = true, replicas = 1 } = {},
): Promise<PodPlace[]> {
  const { namespace } = each;
  return createWorkload(api, { ...specOf(each), meshed, replicas }, pod => addressOf(namespace, pod));
}

/** What the cluster has of a workload of the shop. */
export function specOf({ namespace, name, port, servicePort, protocol }: ShopWorkload): WorkloadSpec {
  return {
    namespace,
    name,
    ports: [{ name: protocol, port, ...(servicePort ? { servicePort } : {}) }],
    labels: namespace === GATEWAY_NAMESPACE ? { istio: 'ingressgateway' } : {},
    service: servicePort !== null,
  };
}

async function installMesh(api: Transport): Promise<void> {
  await apply(api, namespaceObject(ROOT_NAMESPACE, {}));
  // sidecars here are stand-ins that drain at once
  const mesh = `enableAutoMtls: true\nrootNamespace: ${ROOT_NAMESPACE}\ntrustDomain: cluster.local\ndefaultConfig: {drainDuration: 0s}\n`;
  const metadata = { namespace: ROOT_NAMESPACE, name: 'istio' };
  await apply(api, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { mesh } });
}

export function namespaceObject(name: string, labels: Record<string, string>) {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}
