/** Objects of a running application as a cluster with its controllers and Istio's injector would hold them. */
import type { App } from './shop.ts';

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; [other: string]: unknown };
  [other: string]: unknown;
}

/** One revision of a Deployment: what the hash in its pods' names stands for. */
export interface Rollout {
  app: App;
  revision: number;
  sidecar: boolean;
  at: Date;
}

export interface PodState {
  ready: boolean;
  restarts: number;
  /** Since when the pod is ready, or not. */
  readySince: Date;
}

/** Kubernetes makes random name parts of these letters. */
const LETTERS = 'bcdfghjklmnpqrstvwxz2456789';
const PROXY_IMAGE = 'docker.io/istio/proxyv2:1.31.0';

export function namespaceManifest(name: string, labels: Record<string, string>): Manifest {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

export function serviceAccountManifest({ namespace, name }: App): Manifest {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } };
}

export function serviceManifest({ namespace, name, ports }: App, clusterIP: string): Manifest {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace, labels: { app: name } },
    spec: {
      type: 'ClusterIP',
      clusterIP,
      clusterIPs: [clusterIP],
      selector: { app: name },
      ports: ports.map(({ name: portName, port, target }) => ({
        name: portName,
        port,
        targetPort: target,
        protocol: 'TCP',
      })),
    },
  };
}

export function deploymentManifest(rollout: Rollout): Manifest {
  const { app, revision } = rollout;
  const { namespace, name, replicas } = app;
  const template = { metadata: { labels: templateLabels(rollout) }, spec: applicationSpec(app) };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name,
      namespace,
      labels: { app: name },
      annotations: { 'deployment.kubernetes.io/revision': String(revision) },
    },
    spec: { replicas, selector: { matchLabels: { app: name } }, template },
    status: {
      observedGeneration: 1,
      replicas,
      readyReplicas: replicas,
      availableReplicas: replicas,
      updatedReplicas: replicas,
    },
  };
}

/** Pod number `index` of a revision, as it is after injection. */
export function podManifest(rollout: Rollout, index: number, ip: string, state?: PodState): Manifest {
  const { app, sidecar } = rollout;
  const hash = templateHash(rollout);
  const owner = `${app.name}-${hash}`;
  const now = rollout.at.toISOString();
  const injected = sidecar && app.kind === 'app';
  const spec = applicationSpec(app);
  const containers = injected ? [...spec.containers, PROXY] : spec.containers;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName(rollout, index),
      namespace: app.namespace,
      creationTimestamp: now,
      labels: {
        ...templateLabels(rollout),
        'pod-template-hash': hash,
        ...(sidecar && { 'security.istio.io/tlsMode': 'istio', 'service.istio.io/canonical-name': app.name }),
      },
      annotations: injected ? { 'sidecar.istio.io/status': '{"containers":["istio-proxy"]}' } : {},
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: `replicaset-${owner}`, controller: true },
      ],
    },
    spec: { ...spec, containers, nodeName: 'node-1' },
    status: podStatus(containers, ip, state ?? { ready: true, restarts: 0, readySince: rollout.at }, now),
  };
}

export function podName(rollout: Rollout, index: number): string {
  return `${rollout.app.name}-${templateHash(rollout)}-${letters(`${rollout.app.name}/${rollout.revision}/${index}`, 5)}`;
}

function templateHash({ app, revision }: Rollout): string {
  return letters(`${app.namespace}/${app.name}/${revision}`, 9);
}

interface Container {
  name: string;
  image: string;
  ports: { name: string; containerPort: number; protocol: 'TCP' }[];
}

const PROXY: Container = {
  name: 'istio-proxy',
  image: PROXY_IMAGE,
  ports: [{ name: 'http-envoy-prom', containerPort: 15090, protocol: 'TCP' }],
};

function applicationSpec(app: App): { serviceAccountName: string; containers: Container[] } {
  const ports = app.ports.map(({ name, target }) => ({ name, containerPort: target, protocol: 'TCP' as const }));
  const container =
    app.kind === 'gateway'
      ? { ...PROXY, ports: [...ports, ...PROXY.ports] }
      : { name: 'server', image: `example.com/boutique/${app.name}:v1`, ports };
  return { serviceAccountName: app.name, containers: [container] };
}

function templateLabels({ app, sidecar, revision }: Rollout): Record<string, string> {
  const labels: Record<string, string> = { app: app.name, version: `v${revision}` };
  if (app.kind === 'gateway') return { ...labels, istio: 'ingressgateway' };
  return sidecar ? labels : { ...labels, 'sidecar.istio.io/inject': 'false' };
}

function podStatus(containers: Container[], ip: string, { ready, restarts, readySince }: PodState, started: string) {
  const since = readySince.toISOString();
  const condition = (type: string, holds: boolean, at: string) => ({
    type,
    status: holds ? 'True' : 'False',
    lastTransitionTime: at,
  });
  return {
    phase: 'Running',
    podIP: ip,
    podIPs: [{ ip }],
    hostIP: '10.0.0.1',
    hostIPs: [{ ip: '10.0.0.1' }],
    startTime: started,
    conditions: [
      condition('PodScheduled', true, started),
      condition('Initialized', true, started),
      condition('ContainersReady', ready, since),
      condition('Ready', ready, since),
    ],
    containerStatuses: containers.map(({ name, image }, index) => ({
      name,
      image,
      imageID: '',
      // the application is what fails, its proxy lives on
      ready: ready || index > 0,
      started: true,
      restartCount: index === 0 ? restarts : 0,
      state: { running: { startedAt: index === 0 && restarts > 0 ? since : started } },
    })),
  };
}

/** Letters that look random and are always the same for the same text. */
function letters(text: string, length: number): string {
  let state = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) state = Math.imul(state ^ text.charCodeAt(index), 0x01000193);
  let result = '';
  while (result.length < length) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x297a2d39;
    result += LETTERS[(state >>> 8) % LETTERS.length];
  }
  return result;
}
