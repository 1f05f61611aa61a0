/** The Online Boutique demo shop, split into eleven namespaces, with two neighbours that call into it: what runs where. */
import type { Call } from '../mesh/call.ts';

export interface App {
  namespace: string;
  /** Name of Deployment, Service, ServiceAccount and label `app`. */
  name: string;
  replicas: number;
  /** Ports of the Service; `target` is the container's. */
  ports: { name: string; port: number; target: number }[];
  kind: 'app' | 'gateway';
}

export const SHOP_NAMESPACES = [
  'ad',
  'cart',
  'checkout',
  'currency',
  'email',
  'frontend',
  'loadgenerator',
  'payment',
  'product-catalog',
  'recommendation',
  'shipping',
] as const;

export const GATEWAY_NAMESPACE = 'gateway';
/** Not injected: whatever runs here speaks plaintext. */
export const LEGACY_NAMESPACE = 'legacy';
/** Injected, not part of the shop. */
export const PARTNER_NAMESPACE = 'partner';

const app = (namespace: string, name: string, replicas: number, ...ports: App['ports']): App => ({
  namespace,
  name,
  replicas,
  ports,
  kind: 'app',
});
const grpc = (port: number, target = port) => ({ name: 'grpc', port, target });

/** Calls the cart service in plaintext now and then, and nobody remembers it. */
export const FORGOTTEN = app(LEGACY_NAMESPACE, 'stock-report', 1);
/** In the mesh until somebody redeploys it without a sidecar. */
export const LATE = app(PARTNER_NAMESPACE, 'order-sync', 1);

const GATEWAY: App = {
  namespace: GATEWAY_NAMESPACE,
  name: 'istio-ingressgateway',
  replicas: 1,
  ports: [{ name: 'http2', port: 80, target: 8080 }],
  kind: 'gateway',
};

export const APPS: readonly App[] = [
  app('ad', 'adservice', 1, grpc(9555)),
  app('cart', 'cartservice', 2, grpc(7070)),
  app('cart', 'redis-cart', 1, { name: 'tcp-redis', port: 6379, target: 6379 }),
  app('checkout', 'checkoutservice', 1, grpc(5050)),
  app('currency', 'currencyservice', 2, grpc(7000)),
  app('email', 'emailservice', 1, grpc(5000, 8080)),
  app('frontend', 'frontend', 2, { name: 'http', port: 80, target: 8080 }),
  app('loadgenerator', 'loadgenerator', 1),
  app('payment', 'paymentservice', 1, grpc(50051)),
  app('product-catalog', 'productcatalogservice', 2, grpc(3550)),
  app('recommendation', 'recommendationservice', 1, grpc(8080)),
  app('shipping', 'shippingservice', 1, grpc(50051)),
  GATEWAY,
  FORGOTTEN,
  LATE,
];

/** Requests a second between the parts of the shop. */
const TRAFFIC: [from: string, to: string, perSecond: number][] = [
  ['loadgenerator', 'istio-ingressgateway', 20],
  ['istio-ingressgateway', 'frontend', 20],
  ['frontend', 'productcatalogservice', 60],
  ['frontend', 'currencyservice', 80],
  ['frontend', 'cartservice', 20],
  ['frontend', 'recommendationservice', 10],
  ['frontend', 'shippingservice', 4],
  ['frontend', 'checkoutservice', 2],
  ['frontend', 'adservice', 12],
  ['recommendationservice', 'productcatalogservice', 10],
  ['checkoutservice', 'productcatalogservice', 4],
  ['checkoutservice', 'shippingservice', 4],
  ['checkoutservice', 'paymentservice', 2],
  ['checkoutservice', 'emailservice', 2],
  ['checkoutservice', 'currencyservice', 6],
  ['checkoutservice', 'cartservice', 4],
  ['cartservice', 'redis-cart', 0.5],
  // the late client is most of what reaches the shipping service, so that its silence is heard
  ['order-sync', 'shippingservice', 30],
  ['stock-report', 'cartservice', 0.05],
];

/** Connections that every cart pod keeps to its database. */
const HELD_TO_REDIS = 4;

/** @param since when the traffic began, milliseconds since the epoch */
export function shopCalls(since: number): Call[] {
  return TRAFFIC.map(([from, to, perSecond]) => {
    const [client, server] = [find(from), find(to)];
    const [port] = server.ports;
    if (port === undefined) throw new Error(`${to} has no port to call`);
    const kind = port.name.startsWith('tcp') ? 'tcp' : port.name.startsWith('http') ? 'http' : 'grpc';
    return {
      name: `${from} → ${to}`,
      from: { namespace: client.namespace, workload: client.name },
      to: { namespace: server.namespace, service: server.name, port: port.port },
      kind,
      perSecond,
      ...(kind === 'tcp' && { held: HELD_TO_REDIS }),
      since,
    };
  });
}

function find(name: string): App {
  const found = APPS.find(each => each.name === name);
  if (found === undefined) throw new Error(`the shop has no ${name}`);
  return found;
}
