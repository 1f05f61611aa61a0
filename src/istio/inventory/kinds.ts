/** The kinds of objects that an inventory is made of. Anything else is counted, and says nothing about hazards. */

export interface InventoryKind<Kind extends string = string> {
  kind: Kind;
  group: string;
  plural: string;
  /** Best first; the first one that the cluster serves is read. */
  versions: readonly string[];
  namespaced: boolean;
  /** Whether a cluster may be without it: then nobody can have made one, and nothing is unknown. */
  optional: boolean;
}

const core = <Kind extends string>(kind: Kind, plural: string, namespaced = true): InventoryKind<Kind> => ({
  kind,
  group: '',
  plural,
  versions: ['v1'],
  namespaced,
  optional: false,
});

const builtin = <Kind extends string>(
  group: string,
  kind: Kind,
  plural: string,
  namespaced = true,
): InventoryKind<Kind> => ({
  ...core(kind, plural, namespaced),
  group,
});

const added = <Kind extends string>(
  group: string,
  kind: Kind,
  plural: string,
  versions: readonly string[],
): InventoryKind<Kind> => ({
  kind,
  group,
  plural,
  versions,
  namespaced: true,
  optional: true,
});

export const INVENTORY_KINDS = [
  core('Namespace', 'namespaces', false),
  core('Pod', 'pods'),
  core('Service', 'services'),
  core('ConfigMap', 'configmaps'),
  builtin('apps', 'Deployment', 'deployments'),
  builtin('apps', 'StatefulSet', 'statefulsets'),
  builtin('apps', 'DaemonSet', 'daemonsets'),
  builtin('batch', 'Job', 'jobs'),
  builtin('batch', 'CronJob', 'cronjobs'),
  added('argoproj.io', 'Rollout', 'rollouts', ['v1alpha1']),
  builtin('networking.k8s.io', 'Ingress', 'ingresses'),
  builtin('networking.k8s.io', 'IngressClass', 'ingressclasses', false),
  builtin('networking.k8s.io', 'NetworkPolicy', 'networkpolicies'),
  builtin('admissionregistration.k8s.io', 'ValidatingWebhookConfiguration', 'validatingwebhookconfigurations', false),
  builtin('admissionregistration.k8s.io', 'MutatingWebhookConfiguration', 'mutatingwebhookconfigurations', false),
  builtin('apiextensions.k8s.io', 'CustomResourceDefinition', 'customresourcedefinitions', false),
  builtin('apiregistration.k8s.io', 'APIService', 'apiservices', false),
  added('monitoring.coreos.com', 'ServiceMonitor', 'servicemonitors', ['v1']),
  added('monitoring.coreos.com', 'PodMonitor', 'podmonitors', ['v1']),
  added('security.istio.io', 'PeerAuthentication', 'peerauthentications', ['v1', 'v1beta1']),
  added('security.istio.io', 'AuthorizationPolicy', 'authorizationpolicies', ['v1', 'v1beta1']),
  added('networking.istio.io', 'DestinationRule', 'destinationrules', ['v1', 'v1beta1', 'v1alpha3']),
  added('networking.istio.io', 'Sidecar', 'sidecars', ['v1', 'v1beta1', 'v1alpha3']),
  added('networking.istio.io', 'ServiceEntry', 'serviceentries', ['v1', 'v1beta1', 'v1alpha3']),
  added('networking.istio.io', 'WorkloadEntry', 'workloadentries', ['v1', 'v1beta1', 'v1alpha3']),
  added('vpcresources.k8s.aws', 'SecurityGroupPolicy', 'securitygrouppolicies', ['v1beta1']),
  added('elbv2.k8s.aws', 'TargetGroupBinding', 'targetgroupbindings', ['v1beta1']),
  added('route.openshift.io', 'Route', 'routes', ['v1']),
] as const satisfies readonly InventoryKind[];

export type KindName = (typeof INVENTORY_KINDS)[number]['kind'];

/** By `group/kind`, with an empty group for Kubernetes' own first kinds. */
const BY_NAME: ReadonlyMap<string, KindName> = new Map(
  INVENTORY_KINDS.map(({ group, kind }) => [`${group}/${kind}`, kind]),
);

/** The kind behind an apiVersion and kind; undefined for one that no hazard looks at. */
export function kindOf(apiVersion: string, kind: string): KindName | undefined {
  const slash = apiVersion.lastIndexOf('/');
  return BY_NAME.get(`${slash < 0 ? '' : apiVersion.slice(0, slash)}/${kind}`);
}
