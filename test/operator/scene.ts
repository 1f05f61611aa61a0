/** The cluster in which the operator is tried: namespaces of a shop, a pod in each, and policies that users had before. */
import type { SpecInput } from '../../src/api/schema.ts';
import type { DestinationRule, PeerAuthentication } from '../../src/istio/objects.ts';

export const START = Date.parse('2026-11-22T09:00:00Z');
export const ROOT = 'istio-system';
export const ROLLOUT_API = 'mtlsrollout.io/v1alpha1';
export const POLICY_API = 'security.istio.io/v1beta1';
export const RULE_API = 'networking.istio.io/v1beta1';
/** The Online Boutique, one namespace an application. */
export const SHOP = [
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
];
/** Every kind of slot, and still so few that a whole rollout takes a few hundredths of a second. */
export const SMALL_SHOP = ['ad', 'cart', 'email', 'payment'];
/** Namespaces that are no target. */
const NEIGHBOURS = ['partner', 'legacy'];
export const PORT = 8080;

/** Entry evidence after 10 s, soak of 20 s: a step takes half a minute of virtual time. */
export const QUICK: Pick<SpecInput, 'probes' | 'analysis'> = {
  probes: [
    { name: 'no-plaintext', plaintextTraffic: { window: '5s', minRequests: 1 } },
    { name: 'enforced', enforcement: {} },
    { name: 'ready', workloadReadiness: {} },
  ],
  analysis: { interval: '10s', successes: 2 },
};

export function waves(namespaces: readonly string[]): SpecInput {
  return {
    target: { namespaces: { names: [...namespaces] } },
    strategy: {
      waves: [
        { name: 'leaf', names: ['ad', 'email'], maxConcurrent: 2, soak: '20s' },
        { name: 'core', names: namespaces.filter(name => name !== 'ad' && name !== 'email'), soak: '20s' },
      ],
    },
    ...QUICK,
  };
}

export function rollout(spec: SpecInput, name = 'shop', where = ROOT): object {
  return { apiVersion: ROLLOUT_API, kind: 'MtlsRollout', metadata: { name, namespace: where }, spec };
}

export function namespace(name: string): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { 'istio-injection': 'enabled' } } };
}

export function policy(
  where: string,
  name: string,
  spec: PeerAuthentication['spec'],
  metadata: Partial<PeerAuthentication['metadata']> = {},
): object {
  return {
    apiVersion: POLICY_API,
    kind: 'PeerAuthentication',
    metadata: { ...metadata, name, namespace: where },
    spec,
  };
}

/** A Service in front of the pod of a namespace. */
export function service(name: string): object {
  const spec = { selector: { app: name }, ports: [{ name: 'http', port: PORT, protocol: 'TCP' }] };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: name }, spec };
}

/** A DestinationRule of a user's. */
export function rule(where: string, host: string, trafficPolicy: DestinationRule['spec']['trafficPolicy']): object {
  const metadata = { name: 'theirs', namespace: where };
  return { apiVersion: RULE_API, kind: 'DestinationRule', metadata, spec: { host, trafficPolicy } };
}

/** A namespace that is DISABLE, with a Service. */
export function disabled(name: string): object[] {
  return [policy(name, 'off', { mtls: { mode: 'DISABLE' } }), service(name)];
}

/** A ready pod with a sidecar and one port. */
export function pod(where: string, ip: string): object {
  const labels = { app: where, 'security.istio.io/tlsMode': 'istio' };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${where}-5d9c7b6f48-x2x7k`, namespace: where, labels },
    spec: {
      containers: [
        { name: 'app', image: where, ports: [{ containerPort: PORT }] },
        { name: 'istio-proxy', image: 'proxyv2' },
      ],
    },
    status: {
      phase: 'Running',
      podIP: ip,
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: new Date(START).toISOString() }],
    },
  };
}

/** The controller of a pod with this label. */
export function deployment(where: string, name = where): object {
  const labels = { app: name };
  const spec = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [APP] } } };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: where }, spec };
}

const APP = { name: 'app', image: 'app' };

/** What users had set before: in a target namespace PERMISSIVE, UNSET, a workload that is STRICT; and elsewhere. */
function policiesOfUsers(): object[] {
  const team = { labels: { team: 'checkout' }, annotations: { 'example.com/ticket': 'SEC-1201' } };
  return [
    policy('cart', 'default', { mtls: { mode: 'PERMISSIVE' } }, team),
    policy('email', 'default', { mtls: { mode: 'UNSET' } }, { annotations: { 'example.com/owner': 'mail' } }),
    policy('payment', 'vault', { selector: { matchLabels: { app: 'vault' } }, mtls: { mode: 'STRICT' } }),
    policy('partner', 'gate', {
      selector: { matchLabels: { app: 'partner' } },
      mtls: { mode: 'PERMISSIVE' },
      portLevelMtls: { [PORT]: { mode: 'DISABLE' } },
    }),
    policy('legacy', 'default', { mtls: { mode: 'DISABLE' } }, team),
  ];
}

/** Everything but the rollout. */
export function scene(namespaces: readonly string[]): object[] {
  const all = [ROOT, 'mtls-rollout-system', ...namespaces, ...NEIGHBOURS];
  return [
    ...all.map(name => namespace(name)),
    ...[...namespaces, ...NEIGHBOURS].map((name, index) => pod(name, `10.0.0.${index + 1}`)),
    ...policiesOfUsers(),
  ];
}

/** Namespace of a rollout that goes its way while others are in trouble; it needs no metrics. */
export const CALM = 'calm-corner';

export function calm(): object[] {
  const probes = [{ name: 'ready', workloadReadiness: {} }];
  const spec: SpecInput = { target: { namespace: {} }, ...QUICK, probes, preflight: { accept: ['NoEntryEvidence'] } };
  return [namespace(CALM), rollout({ ...spec, strategy: { waves: CALM_WAVES } }, 'calm', CALM)];
}

const CALM_WAVES = [{ name: 'all', names: [CALM], soak: '20s' }];
