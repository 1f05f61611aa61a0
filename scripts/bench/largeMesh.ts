/** A large mesh as an API server would serve it, object by object: namespaces of ten workloads, each of five pods. */
import type { KindName } from '../../src/istio/inventory/kinds.ts';

const WORKLOADS = 10;
const REPLICAS = 5;
const CREATED = '2026-11-01T08:00:00Z';

export function* largeMesh(namespaces: number): Generator<{ kind: KindName; raw: object }> {
  for (let index = 0; index < namespaces; index++) yield* namespaceOf(`team-${String(index).padStart(4, '0')}`, index);
}

function* namespaceOf(namespace: string, index: number): Generator<{ kind: KindName; raw: object }> {
  const injected = { 'istio-injection': 'enabled' };
  yield { kind: 'Namespace', raw: { metadata: { name: namespace, labels: injected, creationTimestamp: CREATED } } };
  const policy = { metadata: { name: 'default', namespace, creationTimestamp: CREATED } };
  yield { kind: 'PeerAuthentication', raw: { ...policy, spec: { mtls: { mode: 'PERMISSIVE' } } } };
  if (index % 2 === 0) yield { kind: 'DestinationRule', raw: ruleOf(namespace, index) };
  if (index % 20 === 0) yield { kind: 'ValidatingWebhookConfiguration', raw: webhookOf(namespace) };
  for (let number = 0; number < WORKLOADS; number++) yield* workloadOf(namespace, number, index);
}

function* workloadOf(namespace: string, number: number, index: number): Generator<{ kind: KindName; raw: object }> {
  const name = `app-${number}`;
  const ports = [{ name: 'http', port: 80, targetPort: 8080 }];
  yield { kind: 'Service', raw: { metadata: { name, namespace }, spec: { selector: { app: name }, ports } } };
  for (let replica = 0; replica < REPLICAS; replica++)
    yield { kind: 'Pod', raw: podOf(namespace, number, replica, index) };
}

function podOf(namespace: string, number: number, replica: number, index: number): object {
  const name = `app-${number}`;
  const hash = '7d9c5b6f48';
  const owner = { kind: 'ReplicaSet', name: `${name}-${hash}`, uid: `${namespace}-${name}`, controller: true };
  // each calls its neighbour; one in fifty runs without sidecar
  const env = [
    { name: 'UPSTREAM', value: `http://app-${(number + 1) % WORKLOADS}.${namespace}` },
    { name: 'LEVEL', value: 'info' },
  ];
  const isMeshed = (index * WORKLOADS + number) % 50 !== 0;
  return {
    metadata: {
      name: `${name}-${hash}-${replica}`,
      namespace,
      creationTimestamp: CREATED,
      labels: { app: name, 'pod-template-hash': hash, ...(isMeshed ? { 'security.istio.io/tlsMode': 'istio' } : {}) },
      ownerReferences: [owner],
    },
    spec: {
      containers: [
        { name: 'app', image: `registry.example/${name}:1`, env, ports: [{ name: 'http', containerPort: 8080 }] },
        ...(isMeshed ? [{ name: 'istio-proxy', image: 'istio/proxyv2:1.27.1' }] : []),
      ],
    },
    status: { phase: 'Running', podIP: '10.0.0.1' },
  };
}

function ruleOf(namespace: string, index: number): object {
  const trafficPolicy =
    index % 100 === 0 ? { tls: { mode: 'DISABLE' } } : { loadBalancer: { simple: 'LEAST_REQUEST' } };
  const metadata = { name: 'app-0', namespace, creationTimestamp: CREATED };
  return { kind: 'DestinationRule', metadata, spec: { host: `app-0.${namespace}.svc.cluster.local`, trafficPolicy } };
}

function webhookOf(namespace: string): object {
  const service = { name: 'app-1', namespace, port: 80 };
  return { metadata: { name: namespace }, webhooks: [{ name: `${namespace}.example.com`, clientConfig: { service } }] };
}
