/** The columns `kubectl get` shows for Kubernetes' own resources. */
import { humanAge } from './age.ts';
import type { Column } from './resource.ts';
import { isObject, type JsonObject, type KubeObject, textOf, valueAt } from './value.ts';

const text = (name: string, value: Column['value']): Column => ({ name, type: 'string', priority: 0, value });
const wide = (name: string, value: Column['value']): Column => ({ name, type: 'string', priority: 1, value });
const count = (name: string, ...path: string[]): Column => ({
  name,
  type: 'integer',
  priority: 0,
  value: object => numberAt(object, ...path),
});
const age = text('Age', (object, now) => humanAge(object.metadata.creationTimestamp, now));

const ready = text(
  'Ready',
  object => `${numberAt(object, 'status', 'readyReplicas')}/${numberAt(object, 'spec', 'replicas')}`,
);

const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  Namespace: [text('Status', '.status.phase'), age],
  Pod: [
    text('Ready', readyContainers),
    text('Status', podStatus),
    text('Restarts', restarts),
    age,
    wide('IP', object => valueAt(object, ['status', 'podIP']) ?? '<none>'),
    wide('Node', object => valueAt(object, ['spec', 'nodeName']) ?? '<none>'),
  ],
  Service: [
    text('Type', object => valueAt(object, ['spec', 'type']) ?? 'ClusterIP'),
    text('Cluster-IP', object => valueAt(object, ['spec', 'clusterIP']) ?? '<none>'),
    text('External-IP', () => '<none>'),
    text('Port(s)', ports),
    age,
    wide('Selector', selector),
  ],
  ConfigMap: [text('Data', entries), age],
  Secret: [text('Type', '.type'), text('Data', entries), age],
  ServiceAccount: [text('Secrets', object => listAt(object, 'secrets').length), age],
  Node: [text('Status', nodeStatus), text('Version', '.status.nodeInfo.kubeletVersion'), age],
  Event: [
    text('Last Seen', (event, now) => humanAge(lastSeen(event), now)),
    text('Type', '.type'),
    text('Reason', '.reason'),
    text('Object', eventObject),
    text('Message', event => textOf(event.message ?? event.note).trim()),
  ],
  Lease: [text('Holder', '.spec.holderIdentity'), age],
  Deployment: [
    ready,
    count('Up-to-date', 'status', 'updatedReplicas'),
    count('Available', 'status', 'availableReplicas'),
    age,
  ],
  StatefulSet: [ready, age],
  DaemonSet: [
    count('Desired', 'status', 'desiredNumberScheduled'),
    count('Current', 'status', 'currentNumberScheduled'),
    count('Ready', 'status', 'numberReady'),
    age,
  ],
  CustomResourceDefinition: [text('Created At', '.metadata.creationTimestamp')],
};

/** By kind; the two faces of Event show the same. */
export function builtinColumns(kind: string): readonly Column[] {
  return COLUMNS[kind] ?? [age];
}

function numberAt(object: KubeObject, ...path: string[]): number {
  const value = valueAt(object, path);
  return typeof value === 'number' ? value : 0;
}

function listAt(object: KubeObject, ...path: string[]): JsonObject[] {
  const value = valueAt(object, path);
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function readyContainers(pod: KubeObject): string {
  const statuses = listAt(pod, 'status', 'containerStatuses');
  return `${statuses.filter(status => status.ready === true).length}/${listAt(pod, 'spec', 'containers').length}`;
}

function podStatus(pod: KubeObject): string {
  if (pod.metadata.deletionTimestamp) return 'Terminating';
  for (const { state } of listAt(pod, 'status', 'containerStatuses')) {
    const reason = valueAt(state, ['waiting', 'reason']) ?? valueAt(state, ['terminated', 'reason']);
    if (typeof reason === 'string') return reason;
  }
  return textOf(valueAt(pod, ['status', 'reason']) ?? valueAt(pod, ['status', 'phase']) ?? 'Unknown');
}

function restarts(pod: KubeObject, now: number): string {
  const statuses = listAt(pod, 'status', 'containerStatuses');
  const total = statuses.reduce((sum, status) => sum + Number(status.restartCount ?? 0), 0);
  const ends = statuses.map(status => valueAt(status, ['lastState', 'terminated', 'finishedAt']));
  const last = ends
    .filter(end => typeof end === 'string')
    .sort()
    .at(-1);
  return total > 0 && last ? `${total} (${humanAge(last, now)} ago)` : String(total);
}

function ports(service: KubeObject): string {
  const list = listAt(service, 'spec', 'ports').map(({ port, nodePort, protocol = 'TCP' }) =>
    nodePort === undefined
      ? `${textOf(port)}/${textOf(protocol)}`
      : `${textOf(port)}:${textOf(nodePort)}/${textOf(protocol)}`,
  );
  return list.length > 0 ? list.join(',') : '<none>';
}

function selector(service: KubeObject): string {
  const labels = valueAt(service, ['spec', 'selector']);
  const pairs = isObject(labels) ? Object.entries(labels).map(([key, value]) => `${key}=${textOf(value)}`) : [];
  return pairs.length > 0 ? pairs.sort().join(',') : '<none>';
}

function entries(object: KubeObject): number {
  return [object.data, object.binaryData].reduce<number>(
    (sum, map) => sum + (isObject(map) ? Object.keys(map).length : 0),
    0,
  );
}

function nodeStatus(node: KubeObject): string {
  const condition = listAt(node, 'status', 'conditions').find(({ type }) => type === 'Ready');
  const status = condition?.status === 'True' ? 'Ready' : condition ? 'NotReady' : 'Unknown';
  return valueAt(node, ['spec', 'unschedulable']) === true ? `${status},SchedulingDisabled` : status;
}

function lastSeen(event: KubeObject): unknown {
  const series = valueAt(event, ['series', 'lastObservedTime']);
  return (
    series ??
    event.lastTimestamp ??
    event.deprecatedLastTimestamp ??
    event.eventTime ??
    event.metadata.creationTimestamp
  );
}

function eventObject(event: KubeObject): string {
  const about = isObject(event.involvedObject)
    ? event.involvedObject
    : isObject(event.regarding)
      ? event.regarding
      : {};
  return `${textOf(about.kind).toLowerCase()}/${textOf(about.name)}`;
}
