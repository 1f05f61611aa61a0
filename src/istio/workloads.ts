/**
 * Workloads: the pods that one controller runs, and the labels by which a policy can pick them. Read from controllers
 * and from pods that none of those controls. A missing or damaged field reads as empty, and nothing throws.
 */
import { type Fields, fieldsOf, labelsOf, listOf, textOf } from './fields.ts';
import type { Workload } from './objects.ts';

type Labels = Record<string, string>;

/** Kinds whose objects are workloads, with the group that makes the kind what it is: others have a Job too. */
const GROUPS: Readonly<Record<string, string>> = {
  Deployment: 'apps',
  StatefulSet: 'apps',
  DaemonSet: 'apps',
  Job: 'batch',
  CronJob: 'batch',
  Rollout: 'argoproj.io',
};
/** Of these the selector is the author's own, and its pods carry what it asks for. */
const OWN_SELECTOR: ReadonlySet<string> = new Set(['Deployment', 'StatefulSet', 'DaemonSet', 'Rollout']);
/** Labels that Kubernetes, Argo Rollouts or Istio's injector give to a pod: they change, or all pods have them. */
const GENERATED: ReadonlySet<string> = new Set([
  'pod-template-hash',
  'pod-template-generation',
  'controller-revision-hash',
  'controller-uid',
  'job-name',
  'statefulset.kubernetes.io/pod-name',
  'apps.kubernetes.io/pod-index',
  'rollouts-pod-template-hash',
  'security.istio.io/tlsMode',
  'service.istio.io/canonical-name',
  'service.istio.io/canonical-revision',
]);
const GENERATED_PREFIX = 'batch.kubernetes.io/';
/** Kinds and names of controllers become parts of keys and names. */
const FIT_KIND = /^[A-Za-z][A-Za-z0-9]*$/;
const FIT_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/**
 * A workload from its controller; undefined for other kinds, for what has finished, and for what belongs to a workload
 * that is listed itself. Items of a list carry no kind: give it then.
 */
export function projectWorkload(raw: unknown, kind: string = textOf(fieldsOf(raw)['kind'])): Workload | undefined {
  const { metadata, spec, status } = fieldsOf(raw);
  const meta = fieldsOf(metadata);
  const [namespace, name] = [textOf(meta['namespace']), textOf(meta['name'])];
  if (!Object.hasOwn(GROUPS, kind) || !namespace || !name) return undefined;
  if (isListed(controllerOf(meta)) || (kind === 'Job' && isOver(fieldsOf(status)))) return undefined;
  // such a Rollout has no pods but those that its Deployment describes
  if (kind === 'Rollout' && fieldsOf(fieldsOf(spec)['workloadRef'])['kind'] === 'Deployment') return undefined;
  const podLabels = templateLabels(kind, fieldsOf(spec));
  const own = OWN_SELECTOR.has(kind) ? plainSelector(fieldsOf(spec)['selector']) : undefined;
  return {
    namespace,
    name,
    kind,
    selector: own ?? lastingLabels(podLabels),
    podLabels: own ? { ...podLabels, ...own } : podLabels,
    labels: labelsOf(meta['labels']),
  };
}

/**
 * The workload that a pod stands for when no controller that is listed runs it: itself, or the part that is seen of
 * what another controller runs. Undefined for pods of listed controllers, and for those that have ended.
 */
export function workloadOfPod(raw: unknown): Workload | undefined {
  const { metadata, status } = fieldsOf(raw);
  const meta = fieldsOf(metadata);
  const { phase } = fieldsOf(status);
  const [namespace, name] = [textOf(meta['namespace']), textOf(meta['name'])];
  if (!namespace || !name || phase === 'Succeeded' || phase === 'Failed' || textOf(meta['deletionTimestamp']))
    return undefined;
  const podLabels = labelsOf(meta['labels']);
  const controller = controllerOf(meta);
  // the kubelet's own pods, which the API server only shows
  if (controller?.['kind'] === 'Node' || isListed(controller) || isReplica(controller, podLabels)) return undefined;
  const [kind, owner] = [textOf(controller?.['kind']), textOf(controller?.['name'])];
  const named = FIT_KIND.test(kind) && FIT_NAME.test(owner) ? { kind, name: owner } : { kind: 'Pod', name };
  return { namespace, ...named, selector: lastingLabels(podLabels), podLabels, labels: podLabels };
}

/** Pods of one controller make one workload, which has the labels that all of them share. */
export function together(pods: readonly Workload[]): Workload[] {
  const found = new Map<string, Workload>();
  for (const pod of pods) {
    const key = JSON.stringify([pod.namespace, pod.kind, pod.name]);
    const known = found.get(key);
    const podLabels = known ? shared(known.podLabels, pod.podLabels) : pod.podLabels;
    found.set(key, { ...pod, selector: lastingLabels(podLabels), podLabels, labels: podLabels });
  }
  return [...found.values()];
}

/** Labels of a selector without expressions, which Istio's does not have; undefined where it is none. */
function plainSelector(raw: unknown): Labels | undefined {
  const { matchLabels, matchExpressions } = fieldsOf(raw);
  const labels = labelsOf(matchLabels);
  const size = Object.keys(labels).length;
  const damaged = size !== Object.keys(fieldsOf(matchLabels)).length;
  return damaged || size === 0 || listOf(matchExpressions).length > 0 ? undefined : labels;
}

function templateLabels(kind: string, spec: Fields): Labels {
  const holder = kind === 'CronJob' ? fieldsOf(fieldsOf(spec['jobTemplate'])['spec']) : spec;
  return labelsOf(fieldsOf(fieldsOf(holder['template'])['metadata'])['labels']);
}

function lastingLabels(labels: Labels): Labels {
  const lasts = (key: string) => !GENERATED.has(key) && !key.startsWith(GENERATED_PREFIX);
  return Object.fromEntries(Object.entries(labels).filter(([key]) => lasts(key)));
}

function shared(a: Labels, b: Labels): Labels {
  return Object.fromEntries(Object.entries(a).filter(([key, value]) => Object.hasOwn(b, key) && b[key] === value));
}

function controllerOf(metadata: Fields): Fields | undefined {
  return listOf(metadata['ownerReferences']).find(({ controller }) => controller === true);
}

/** Whether the controller is of a kind whose objects are listed as workloads. */
function isListed(controller: Fields | undefined): boolean {
  const kind = textOf(controller?.['kind']);
  return Object.hasOwn(GROUPS, kind) && textOf(controller?.['apiVersion']).split('/')[0] === GROUPS[kind];
}

/** Whether a Deployment or Rollout is behind the ReplicaSet of a pod: both tell their ReplicaSets apart by a hash. */
function isReplica(controller: Fields | undefined, labels: Labels): boolean {
  const hashed = labels['pod-template-hash'] ?? labels['rollouts-pod-template-hash'];
  return controller?.['kind'] === 'ReplicaSet' && hashed !== undefined;
}

/** Whether a Job with this status has ended, well or not. */
export function isOver({ conditions }: Fields): boolean {
  const ended = (type: unknown) => type === 'Complete' || type === 'Failed';
  return listOf(conditions).some(({ type, status }) => ended(type) && status === 'True');
}
