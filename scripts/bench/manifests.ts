/** What the measured clusters hold. */
import type { SpecInput } from '../../src/api/schema.ts';

export const ROOT = 'istio-system';
export const SYSTEM = 'mtls-rollout-system';

export function namespaceName(index: number): string {
  return `team-${String(index).padStart(4, '0')}`;
}

export function namespace(name: string): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { 'istio-injection': 'enabled' } } };
}

export function rollout(namespaceOf: string, name: string, spec: SpecInput): object {
  return {
    apiVersion: 'mtlsrollout.io/v1alpha1',
    kind: 'MtlsRollout',
    metadata: { name, namespace: namespaceOf },
    spec,
  };
}

/** A pod as it is after injection: about as many bytes as real ones have. */
export function pod(namespaceOf: string, index: number, at: string): object {
  const podName = `web-6b7f9c5d8-${index.toString(36).padStart(5, '0')}`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: podName,
      namespace: namespaceOf,
      creationTimestamp: at,
      labels: { app: 'web', 'pod-template-hash': '6b7f9c5d8', 'security.istio.io/tlsMode': 'istio' },
      annotations: {
        'sidecar.istio.io/status':
          '{"initContainers":["istio-init"],"containers":["istio-proxy"],"revision":"default"}',
        'kubectl.kubernetes.io/default-container': 'web',
      },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-6b7f9c5d8', uid: 'rs', controller: true },
      ],
    },
    spec: {
      serviceAccountName: 'web',
      nodeName: `node-${index % 40}`,
      initContainers: [container('istio-init', 15000, 8)],
      containers: [container('web', 8080, 20), container('istio-proxy', 15090, 30)],
      volumes: Array.from({ length: 8 }, (_, i) => ({ name: `volume-${i}`, emptyDir: {} })),
      tolerations: [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' }],
    },
    status: {
      phase: 'Running',
      podIP: `10.${index % 200}.0.1`,
      startTime: at,
      conditions: ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map(type => ({
        type,
        status: 'True',
        lastTransitionTime: at,
      })),
      containerStatuses: ['web', 'istio-proxy'].map(name => ({
        name,
        ready: true,
        restartCount: 0,
        image: `registry.example/${name}:1.0`,
        state: { running: { startedAt: at } },
      })),
    },
  };
}

function container(name: string, port: number, variables: number): object {
  return {
    name,
    image: `registry.example/${name}:1.0`,
    ports: [{ name: 'http', containerPort: port, protocol: 'TCP' }],
    env: Array.from({ length: variables }, (_, i) => ({ name: `SETTING_NUMBER_${i}`, value: `value of setting ${i}` })),
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '2', memory: '1Gi' } },
    volumeMounts: Array.from({ length: 6 }, (_, i) => ({ name: `volume-${i}`, mountPath: `/var/run/volume-${i}` })),
  };
}
