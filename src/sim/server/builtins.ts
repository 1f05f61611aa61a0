/** The resources of Kubernetes itself that the server knows, as far as the operator and kubectl need them. */
import { completeEvent, eventFromStored, eventProblems, eventToStored } from './events.ts';
import { builtinColumns } from './builtinColumns.ts';
import { definitionShape } from './definitionShape.ts';
import { definitionProblems, established } from './customResources.ts';
import { defineResource, type Resource, type ResourceSketch } from './resource.ts';
import { type KubeObject, valueAt } from './value.ts';

const core = { group: '', version: 'v1' };
const apps = { group: 'apps', version: 'v1', hasStatus: true, hasGeneration: true, categories: ['all'] };
const batch = { ...apps, group: 'batch' };

const EVENT_FIELDS = [
  'involvedObject.apiVersion',
  'involvedObject.fieldPath',
  'involvedObject.kind',
  'involvedObject.name',
  'involvedObject.namespace',
  'involvedObject.resourceVersion',
  'involvedObject.uid',
  'reason',
  'reportingComponent',
  'source',
  'type',
];
const POD_FIELDS = [
  'spec.nodeName',
  'spec.restartPolicy',
  'spec.schedulerName',
  'spec.serviceAccountName',
  'status.phase',
  'status.podIP',
];

function newNamespace(object: KubeObject, old?: KubeObject): KubeObject {
  const labels = { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name };
  const spec = old ? old.spec : { finalizers: ['kubernetes'] };
  const status = object.status ?? { phase: 'Active' };
  return { ...object, metadata: { ...object.metadata, labels }, spec, status };
}

function newPod(object: KubeObject): KubeObject {
  const spec = object.spec as KubeObject | undefined;
  const defaults = { restartPolicy: 'Always', serviceAccountName: 'default' };
  return { ...object, spec: { ...defaults, ...spec }, status: object.status ?? { phase: 'Pending' } };
}

const SKETCHES: ResourceSketch[] = [
  {
    ...core,
    kind: 'Namespace',
    plural: 'namespaces',
    shortNames: ['ns'],
    namespaced: false,
    hasStatus: true,
    nameRule: 'label',
    returnsDeleted: true,
    selectableFields: ['status.phase'],
    prepare: newNamespace,
  },
  {
    ...core,
    kind: 'Pod',
    plural: 'pods',
    shortNames: ['po'],
    categories: ['all'],
    hasStatus: true,
    hasGeneration: true,
    returnsDeleted: true,
    selectableFields: POD_FIELDS,
    prepare: newPod,
  },
  {
    ...core,
    kind: 'Service',
    plural: 'services',
    shortNames: ['svc'],
    categories: ['all'],
    hasStatus: true,
    nameRule: 'label1035',
    returnsDeleted: true,
    selectableFields: ['spec.clusterIP', 'spec.type'],
  },
  { ...core, kind: 'ConfigMap', plural: 'configmaps', shortNames: ['cm'] },
  { ...core, kind: 'Secret', plural: 'secrets', selectableFields: ['type'] },
  {
    ...core,
    kind: 'ServiceAccount',
    plural: 'serviceaccounts',
    shortNames: ['sa'],
    unconditionalUpdate: false,
    returnsDeleted: true,
  },
  {
    ...core,
    kind: 'Node',
    plural: 'nodes',
    shortNames: ['no'],
    namespaced: false,
    hasStatus: true,
    selectableFields: ['spec.unschedulable'],
  },
  {
    ...core,
    kind: 'Event',
    plural: 'events',
    shortNames: ['ev'],
    createOnUpdate: true,
    selectableFields: EVENT_FIELDS,
    prepare: completeEvent,
    validate: eventProblems,
  },
  {
    group: 'events.k8s.io',
    version: 'v1',
    kind: 'Event',
    plural: 'events',
    shortNames: ['ev'],
    createOnUpdate: true,
    table: 'events',
    selectableFields: ['reason', 'type', 'regarding.kind', 'regarding.name', 'regarding.namespace', 'regarding.uid'],
    validate: eventProblems,
    read: eventFromStored,
    stored: eventToStored,
  },
  { ...apps, kind: 'Deployment', plural: 'deployments', shortNames: ['deploy'] },
  { ...apps, kind: 'StatefulSet', plural: 'statefulsets', shortNames: ['sts'] },
  { ...apps, kind: 'DaemonSet', plural: 'daemonsets', shortNames: ['ds'] },
  { ...batch, kind: 'Job', plural: 'jobs' },
  { ...batch, kind: 'CronJob', plural: 'cronjobs', shortNames: ['cj'] },
  {
    group: 'coordination.k8s.io',
    version: 'v1',
    kind: 'Lease',
    plural: 'leases',
    unconditionalUpdate: false,
    createOnUpdate: true,
  },
  {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    namespaced: false,
    hasStatus: true,
    hasGeneration: true,
    unconditionalUpdate: false,
    shape: definitionShape(),
    prepare: established,
    validate: definitionProblems,
  },
];

/** In the order of discovery. */
export function builtinResources(): Resource[] {
  return SKETCHES.map(sketch => defineResource({ ...sketch, columns: builtinColumns(sketch.kind) }));
}

/** Whether the namespace is on its way out. */
export function isTerminating(namespace: KubeObject): boolean {
  return (
    namespace.metadata.deletionTimestamp !== undefined || valueAt(namespace, ['status', 'phase']) === 'Terminating'
  );
}
