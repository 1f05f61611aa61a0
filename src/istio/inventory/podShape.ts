/** Pods, and pods that a workload's template foretells, cut down to a `SeenPod`. Nothing throws: see `fields.ts`. */
import { countOf, type Fields, fieldsOf, labelsOf, listOf, textOf, timeOf } from '../fields.ts';
import { IGNORED_NAMESPACES } from '../pods.ts';
import { isOver } from '../workloads.ts';
import type { PortRef, SeenContainer, SeenPod, SeenProbe } from './shapes.ts';

const PROXY = 'istio-proxy';
/** Kinds whose templates are read. */
const TEMPLATES: ReadonlySet<string> = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob', 'Rollout']);
/** Longest text that may name a host; what is longer is a script or a file, and is cut. */
const LONGEST_TEXT = 2_000;

export function seenPod(raw: unknown): SeenPod | undefined {
  const { metadata, spec, status } = fieldsOf(raw);
  const { phase } = fieldsOf(status);
  const meta = fieldsOf(metadata);
  // what has ended, or is being deleted, calls nobody any more
  if (phase === 'Succeeded' || phase === 'Failed' || textOf(meta['deletionTimestamp'])) return undefined;
  const name = textOf(meta['name']);
  const shape = shapeOf(fieldsOf(spec), meta);
  const { mesh, proxied } = membership(fieldsOf(spec), shape.labels, shape.annotations);
  return {
    ...shape,
    name,
    owner: ownerOf(meta, shape.labels) ?? { kind: 'Pod', name },
    namespace: textOf(meta['namespace']),
    created: timeOf(meta['creationTimestamp']) ?? 0,
    replicas: 1,
    foretold: false,
    mesh,
    proxied,
  };
}

/**
 * What a workload will run, whether the injector is to give it a proxy left open: that takes the labels of its
 * namespace, see `foretellMesh`. Undefined for a workload that is scaled to nothing.
 */
export function seenTemplate(kind: string, raw: unknown): SeenPod | undefined {
  const { metadata, spec, status } = fieldsOf(raw);
  const { namespace, name, ownerReferences } = fieldsOf(metadata);
  const jobSpec = kind === 'CronJob' ? fieldsOf(fieldsOf(fieldsOf(spec)['jobTemplate'])['spec']) : fieldsOf(spec);
  const { metadata: labelled, spec: podSpec } = fieldsOf(jobSpec['template']);
  if (fieldsOf(spec)['replicas'] === 0 || fieldsOf(spec)['suspend'] === true) return undefined;
  if (kind === 'Job' && isOver(fieldsOf(status))) return undefined;
  // what another template here makes is foretold by that one; what a custom resource makes, by itself
  if (listOf(ownerReferences).some(({ controller, kind: by }) => controller === true && TEMPLATES.has(textOf(by))))
    return undefined;
  const shape = shapeOf(fieldsOf(podSpec), fieldsOf(labelled));
  return {
    ...shape,
    name: '',
    owner: { kind, name: textOf(name) },
    namespace: textOf(namespace),
    created: 0,
    replicas: countOf(fieldsOf(spec)['replicas']) || 1,
    foretold: true,
    // a proxy may be in the template already, put there by hand
    ...membership(fieldsOf(podSpec), shape.labels, shape.annotations),
  };
}

/** The pod as Istio's injector, or ztunnel, will have it in a namespace with these labels. */
export function foretellMesh(pod: SeenPod, namespaceLabels: Record<string, string>): SeenPod {
  if (!pod.foretold || pod.proxied) return pod;
  if (willBeInjected(pod, namespaceLabels)) return { ...pod, mesh: 'Sidecar', proxied: true };
  const dataPlane = pod.labels['istio.io/dataplane-mode'] ?? namespaceLabels['istio.io/dataplane-mode'];
  return dataPlane === 'ambient' && !pod.hostNetwork ? { ...pod, mesh: 'Ambient' } : pod;
}

/** The injector's own order: what it never touches, the pod's word, the namespace's word. Source: `inject.go`. */
function willBeInjected(
  { namespace, hostNetwork, labels, annotations }: SeenPod,
  namespaceLabels: Record<string, string>,
): boolean {
  if (hostNetwork || IGNORED_NAMESPACES.has(namespace)) return false;
  const asked = labels['sidecar.istio.io/inject'] ?? annotations['sidecar.istio.io/inject'];
  if (asked === 'false') return false;
  const injection = namespaceLabels['istio-injection'];
  if (injection === 'disabled') return false;
  if (injection === 'enabled' || namespaceLabels['istio.io/rev']) return true;
  return labels['sidecar.istio.io/inject'] === 'true' || Boolean(labels['istio.io/rev']);
}

/** One text for pods that are alike but for their names and ages. */
export function likenessOf(pod: SeenPod): string {
  return JSON.stringify({ ...pod, name: '', created: 0, replicas: 0 });
}

type Shape = Omit<SeenPod, 'name' | 'owner' | 'namespace' | 'created' | 'replicas' | 'foretold' | 'mesh' | 'proxied'>;

function shapeOf(spec: Fields, metadata: Fields): Shape {
  const annotations = labelsOf(metadata['annotations']);
  const [main, initial] = [listOf(spec['containers']), listOf(spec['initContainers'])];
  const proxy = [...main, ...initial].find(({ name }) => name === PROXY);
  const args = Array.isArray(proxy?.['args']) ? proxy['args'] : [];
  const runAsUser = fieldsOf(spec['securityContext'])['runAsUser'];
  const lasting = initial.filter(({ restartPolicy }) => restartPolicy === 'Always');
  const first = initial.filter(container => !lasting.includes(container));
  return {
    labels: kept(labelsOf(metadata['labels'])),
    annotations: told(annotations),
    gateway: args[1] === 'router' || args[1] === 'waypoint' || annotations['inject.istio.io/templates'] === 'gateway',
    hostNetwork: spec['hostNetwork'] === true,
    nativeSidecar: initial.some(({ name }) => name === PROXY),
    proxyImage: textOf(proxy?.['image']),
    containers: [
      ...[...main, ...lasting].map(container => containerOf(container, false, runAsUser)),
      ...first.map(container => containerOf(container, true, runAsUser)),
    ].filter(({ name }) => name !== PROXY && name !== 'istio-init' && name !== 'istio-validation'),
  };
}

/** Labels that differ between replicas of one workload would keep them from being alike. */
function kept(labels: Record<string, string>): Record<string, string> {
  const own = [
    'statefulset.kubernetes.io/pod-name',
    'apps.kubernetes.io/pod-index',
    'batch.kubernetes.io/job-completion-index',
  ];
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !own.includes(key)));
}

/** Annotations by which somebody steers the mesh or the scraping; the rest are of no interest, and may be large. */
function told(annotations: Record<string, string>): Record<string, string> {
  const ours = (key: string) => /(^|\.)istio\.io\/|^prometheus\.io\//.test(key) && key !== 'sidecar.istio.io/status';
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => ours(key)));
}

function containerOf(raw: Fields, init: boolean, podUser: unknown): SeenContainer {
  const user = fieldsOf(raw['securityContext'])['runAsUser'] ?? podUser;
  const lifecycle = fieldsOf(raw['lifecycle']);
  return {
    name: textOf(raw['name']),
    init,
    ports: listOf(raw['ports']).map(({ name, containerPort, protocol }) => ({
      name: textOf(name),
      number: countOf(containerPort),
      protocol: textOf(protocol) || 'TCP',
    })),
    probes: (['liveness', 'readiness', 'startup'] as const).flatMap(when => probeOf(when, raw[`${when}Probe`])),
    hooks: (['postStart', 'preStop'] as const).flatMap(when => {
      const { httpGet } = fieldsOf(lifecycle[when]);
      const { port, host } = fieldsOf(httpGet);
      return httpGet === undefined ? [] : [{ when, port: portRef(port), host: textOf(host) }];
    }),
    runAsUser: typeof user === 'number' ? user : undefined,
    texts: textsOf(raw),
  };
}

function probeOf(when: SeenProbe['when'], raw: unknown): SeenProbe[] {
  for (const action of ['httpGet', 'tcpSocket', 'grpc'] as const) {
    const given = fieldsOf(raw)[action];
    if (given === undefined) continue;
    const { port, host } = fieldsOf(given);
    return [{ when, action, port: portRef(port), host: textOf(host) }];
  }
  return [];
}

/** A number in quotes is a number to Kubernetes only in some places; as the name of a port it cannot exist. */
export function portRef(value: unknown): PortRef {
  if (typeof value === 'string') return /^[0-9]+$/.test(value) ? Number(value) : value;
  return countOf(value);
}

function textsOf(raw: Fields): string[] {
  const values = listOf(raw['env']).map(({ value }) => value);
  const words = [raw['command'], raw['args']].flatMap(list => (Array.isArray(list) ? (list as unknown[]) : []));
  return [...values, ...words]
    .map(textOf)
    .filter(text => text.length > 2)
    .map(text => text.slice(0, LONGEST_TEXT));
}

/** Clients of the mesh go by the label: a proxy without it is spoken to in plaintext. */
function membership(spec: Fields, labels: Record<string, string>, annotations: Record<string, string>) {
  const proxied = [...listOf(spec['containers']), ...listOf(spec['initContainers'])].some(({ name }) => name === PROXY);
  if (proxied && labels['security.istio.io/tlsMode'] === 'istio') return { proxied, mesh: 'Sidecar' as const };
  const ambient = annotations['ambient.istio.io/redirection'] === 'enabled';
  return { proxied, mesh: ambient ? ('Ambient' as const) : ('None' as const) };
}

/** The workload behind a ReplicaSet has its name without the hash of the template. */
function ownerOf(metadata: Fields, labels: Record<string, string>): SeenPod['owner'] | undefined {
  const owner = listOf(metadata['ownerReferences']).find(({ controller }) => controller === true);
  if (!owner) return undefined;
  const [kind, name] = [textOf(owner['kind']), textOf(owner['name'])];
  if (kind !== 'ReplicaSet') return { kind, name };
  const argo = labels['rollouts-pod-template-hash'];
  const hash = argo ?? labels['pod-template-hash'];
  if (!hash || !name.endsWith(`-${hash}`)) return { kind, name };
  return { kind: argo === undefined ? 'Deployment' : 'Rollout', name: name.slice(0, -hash.length - 1) };
}
