/** The requests that create objects, and the status of a pod as a kubelet would write it. */
import { createHash } from 'node:crypto';
import type { Transport } from '../../src/cluster/transport.ts';

/** The one Node; nothing is scheduled, but a controller drops pods of a Node that is not there. */
export const NODE = 'bed-node';

export interface Created {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; uid: string };
}

export interface NewObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; [field: string]: unknown };
  [field: string]: unknown;
}

const PLURALS: Record<string, string> = {
  APIService: 'apiservices',
  AuthorizationPolicy: 'authorizationpolicies',
  ConfigMap: 'configmaps',
  CustomResourceDefinition: 'customresourcedefinitions',
  CronJob: 'cronjobs',
  Deployment: 'deployments',
  DestinationRule: 'destinationrules',
  EnvoyFilter: 'envoyfilters',
  Ingress: 'ingresses',
  IngressClass: 'ingressclasses',
  MtlsRollout: 'mtlsrollouts',
  Namespace: 'namespaces',
  NetworkPolicy: 'networkpolicies',
  Node: 'nodes',
  PeerAuthentication: 'peerauthentications',
  Pod: 'pods',
  ReplicaSet: 'replicasets',
  RoleBinding: 'rolebindings',
  Service: 'services',
  ServiceAccount: 'serviceaccounts',
  Sidecar: 'sidecars',
  ValidatingWebhookConfiguration: 'validatingwebhookconfigurations',
};

/** Creates an object; one that is there already is returned as it is. Any other refusal is an error. */
export async function apply(api: Transport, object: NewObject): Promise<Created> {
  const collection = collectionOf(object);
  const made = await api.call({ method: 'POST', path: collection, body: object });
  if (made.status === 201) return made.body as Created;
  const { reason, message } = made.body as { reason?: string; message?: string };
  if (reason !== 'AlreadyExists') throw new Error(`${object.kind} ${object.metadata.name}: ${message ?? made.status}`);
  return (await api.call({ method: 'GET', path: `${collection}/${object.metadata.name}` })).body as Created;
}

function collectionOf({ apiVersion, kind, metadata }: NewObject): string {
  const plural = PLURALS[kind];
  if (plural === undefined) throw new RangeError(`no plural is known for ${kind}`);
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return metadata.namespace === undefined ? `${root}/${plural}` : `${root}/namespaces/${metadata.namespace}/${plural}`;
}

/** The same address for the same pod, somewhere in 127.64.0.0/10; another one in every process, so that beds can run side by side. */
export function addressOf(namespace: string, name: string): string {
  const [a, b, c] = createHash('sha256').update(`${process.pid}/${namespace}/${name}`).digest();
  return `127.${64 + (a! % 64)}.${b}.${1 + (c! % 254)}`;
}

/** Writes the status of a pod that runs, ready unless said otherwise. */
export async function markRunning(
  api: Transport,
  pod: { namespace: string; name: string; ip: string },
  { ready = true, restarts = 0 } = {},
): Promise<void> {
  const path = `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}`;
  const now = `${new Date().toISOString().slice(0, 19)}Z`;
  const { spec } = (await api.call({ method: 'GET', path })).body as {
    spec: { containers: { name: string; image: string }[] };
  };
  const condition = (type: string, is: boolean) => ({ type, status: is ? 'True' : 'False', lastTransitionTime: now });
  const status = {
    phase: 'Running',
    hostIP: '127.0.0.1',
    hostIPs: [{ ip: '127.0.0.1' }],
    podIP: pod.ip,
    podIPs: [{ ip: pod.ip }],
    startTime: now,
    conditions: [
      condition('PodScheduled', true),
      condition('Initialized', true),
      condition('ContainersReady', ready),
      condition('Ready', ready),
    ],
    containerStatuses: spec.containers.map(({ name, image }) => ({
      name,
      image,
      imageID: '',
      ready,
      started: true,
      restartCount: restarts,
      state: { running: { startedAt: now } },
    })),
  };
  const request = { method: 'PATCH' as const, path: `${path}/status`, contentType: 'application/merge-patch+json' };
  const answer = await api.call({ ...request, body: { status } });
  if (answer.status !== 200) throw new Error(`status of ${pod.name}: ${JSON.stringify(answer.body)}`);
}
