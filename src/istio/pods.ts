/**
 * Pods, namespaces and Services as the API serves them, cut down to what rules and probes need. Input from a cluster
 * is never trusted to be whole: a missing or damaged field reads as empty, and nothing throws.
 */
import { countOf, type Fields, fieldsOf, labelsOf, listOf, textOf, timeOf } from './fields.ts';
import type { Namespace, Pod, Service } from './objects.ts';

/** Namespaces of Kubernetes itself; a target of the whole mesh does not mean them. */
export const IGNORED_NAMESPACES: ReadonlySet<string> = new Set([
  'kube-system',
  'kube-public',
  'kube-node-lease',
  'local-path-storage',
]);

const PROXY = 'istio-proxy';

export function projectPod(raw: unknown): Pod {
  const { metadata, spec, status } = partsOf(raw);
  const created = timeOf(metadata['creationTimestamp']) ?? 0;
  const labels = labelsOf(metadata['labels']);
  const annotations = labelsOf(metadata['annotations']);
  const containers = lasting(spec);
  const ready = listOf(status['conditions']).find(({ type }) => type === 'Ready');
  const statuses = statusesOf(status, containers);
  const phase = textOf(status['phase']);
  const declared = applicationPorts(containers);
  return {
    namespace: textOf(metadata['namespace']),
    name: textOf(metadata['name']),
    uid: textOf(metadata['uid']),
    ip: textOf(status['podIP']) || undefined,
    labels,
    created,
    mesh: membership(containers, labels, annotations),
    gateway: isRouter(containers),
    ready: ready?.['status'] === 'True',
    readySince: timeOf(ready?.['lastTransitionTime']) ?? created,
    restarts: statuses.reduce((sum, { restartCount }) => sum + countOf(restartCount), 0),
    restartedAt: newest(statuses.map(restartOf)),
    ports: numbersOf(declared).filter(port => isTaken(port, annotations)),
    namedPorts: Object.fromEntries(declared.filter(({ name }) => name !== '').map(({ name, port }) => [name, port])),
    finished: phase === 'Succeeded' || phase === 'Failed' || textOf(metadata['deletionTimestamp']) !== '',
  };
}

export function projectNamespace(raw: unknown): Namespace {
  const { metadata, status } = partsOf(raw);
  return {
    name: textOf(metadata['name']),
    uid: textOf(metadata['uid']),
    created: Math.floor((timeOf(metadata['creationTimestamp']) ?? 0) / 1000),
    labels: labelsOf(metadata['labels']),
    terminating: textOf(metadata['deletionTimestamp']) !== '' || status['phase'] === 'Terminating',
  };
}

export function projectService(raw: unknown): Service {
  const { metadata, spec } = partsOf(raw);
  return {
    namespace: textOf(metadata['namespace']),
    name: textOf(metadata['name']),
    selector: labelsOf(spec['selector']),
    ports: listOf(spec['ports']).map(({ port }) => countOf(port)),
  };
}

function partsOf(raw: unknown): { metadata: Fields; spec: Fields; status: Fields } {
  const { metadata, spec, status } = fieldsOf(raw);
  return { metadata: fieldsOf(metadata), spec: fieldsOf(spec), status: fieldsOf(status) };
}

/** Containers that run as long as the pod does: the ordinary ones and native sidecars. */
function lasting(spec: Fields): Fields[] {
  const initial = listOf(spec['initContainers']);
  const sidecars = initial.filter(({ name, restartPolicy }) => name === PROXY || restartPolicy === 'Always');
  return [...listOf(spec['containers']), ...sidecars];
}

/** Statuses of the lasting containers; an init container that ran twice says nothing about the running pod. */
function statusesOf(status: Fields, containers: Fields[]): Fields[] {
  const names = new Set(containers.map(({ name }) => name));
  const initial = listOf(status['initContainerStatuses']).filter(({ name }) => names.has(name));
  return [...listOf(status['containerStatuses']), ...initial];
}

/** Clients of the mesh go by the label: a proxy without it is spoken to in plaintext. */
function membership(containers: Fields[], labels: Record<string, string>, annotations: Record<string, string>) {
  const proxied = containers.some(({ name }) => name === PROXY);
  if (proxied && labels['security.istio.io/tlsMode'] === 'istio') return 'Sidecar';
  return annotations['ambient.istio.io/redirection'] === 'enabled' ? 'Ambient' : 'None';
}

/** The injector and the gateway controllers start every proxy as `proxy sidecar`, `proxy router` or `proxy waypoint`. */
function isRouter(containers: Fields[]): boolean {
  const args = containers.find(({ name }) => name === PROXY)?.['args'];
  return Array.isArray(args) && args[0] === 'proxy' && (args[1] === 'router' || args[1] === 'waypoint');
}

/** Whether the port leads into the sidecar; past it, no policy has a say. */
function isTaken(port: number, annotations: Record<string, string>): boolean {
  const listed = (key: string) => annotations[`traffic.sidecar.istio.io/${key}`]?.split(',').map(text => text.trim());
  const included = listed('includeInboundPorts');
  const isIncluded = !included || included.includes('*') || included.includes(String(port));
  return isIncluded && !listed('excludeInboundPorts')?.includes(String(port));
}

function applicationPorts(containers: Fields[]): { name: string; port: number }[] {
  return containers
    .filter(({ name }) => name !== PROXY)
    .flatMap(container => listOf(container['ports']))
    .filter(({ protocol }) => protocol === undefined || protocol === 'TCP')
    .map(({ name, containerPort }) => ({ name: textOf(name), port: countOf(containerPort) }))
    .filter(({ port }) => port >= 1 && port <= 65535);
}

function numbersOf(declared: readonly { port: number }[]): number[] {
  return [...new Set(declared.map(({ port }) => port))].toSorted((a, b) => a - b);
}

/** Start of the newest run of a container that had run before; in a crash loop that run is already over. */
function restartOf(status: Fields): number | undefined {
  if (countOf(status['restartCount']) === 0) return undefined;
  const [state, lastState] = [fieldsOf(status['state']), fieldsOf(status['lastState'])];
  const runs = [state['running'], state['terminated'], lastState['terminated']];
  return newest(runs.map(run => timeOf(fieldsOf(run)['startedAt'])));
}

function newest(times: (number | undefined)[]): number | undefined {
  const known = times.filter(time => time !== undefined);
  return known.length > 0 ? Math.max(...known) : undefined;
}
