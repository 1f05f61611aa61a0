/**
 * What hazards are found in: the objects of a cluster, or of files, that have to do with who calls whom and how,
 * cut down while they are read, so that no list of whole objects is ever held.
 */
import type { DestinationRule, Namespace, PeerAuthentication } from '../objects.ts';
import { projectNamespace } from '../pods.ts';
import { type Policies, policiesOf } from '../policies.ts';
import type { KindName } from './kinds.ts';
import { foretellMesh, likenessOf, seenPod, seenTemplate } from './podShape.ts';
import * as project from './projections.ts';
import type * as shapes from './shapes.ts';

/** Objects of one kind by namespace, in the order in which they were read. */
export type ByNamespace<T> = ReadonlyMap<string, readonly T[]>;

/** A kind that could not be read. */
export interface Unseen {
  kind: KindName;
  /** For example `list webhooks.admissionregistration.k8s.io: forbidden`. */
  problem: string;
  /** The permission that is missing, for example `list ingresses.networking.k8s.io in shop`. */
  permission: string;
}

export interface Inventory {
  rootNamespace: string;
  mesh: shapes.MeshSettings;
  controlPlanes: readonly shapes.ControlPlane[];
  namespaces: ReadonlyMap<string, Namespace>;
  policies: Policies;
  rules: readonly DestinationRule[];
  /** Pods that run, and those that templates foretell where none runs. Pods of gateways are among them. */
  pods: ByNamespace<shapes.SeenPod>;
  services: ByNamespace<shapes.SeenService>;
  ingresses: ByNamespace<shapes.SeenIngress>;
  ingressClasses: readonly shapes.SeenIngressClass[];
  callbacks: readonly shapes.Callback[];
  monitors: readonly shapes.SeenMonitor[];
  sidecars: ByNamespace<shapes.SeenSidecar>;
  serviceEntries: ByNamespace<shapes.SeenServiceEntry>;
  workloadEntries: ByNamespace<shapes.SeenWorkloadEntry>;
  authorizationPolicies: ByNamespace<shapes.SeenAuthorizationPolicy>;
  networkPolicies: ByNamespace<shapes.SeenNetworkPolicy>;
  bindings: ByNamespace<shapes.SeenBinding>;
  unseen: readonly Unseen[];
}

/** What is known besides the objects of an inventory. */
export interface Ground {
  rootNamespace: string;
  mesh: shapes.MeshSettings;
  /** In place of those that were added. */
  policies?: Policies;
  rules?: readonly DestinationRule[];
  namespaces?: readonly Namespace[];
  unseen?: readonly Unseen[];
}

/** What Istio takes for granted where its configuration says nothing. */
export const DEFAULT_MESH: shapes.MeshSettings = {
  enableAutoMtls: true,
  enablePrometheusMerge: true,
  trustDomain: 'cluster.local',
  outboundMode: 'ALLOW_ANY',
  holdApplicationUntilProxyStarts: false,
  drainMs: 45_000,
  rewriteAppHttpProbe: true,
  discoverySelectors: [],
  roots: new Map(),
};

const NONE: readonly never[] = [];

export function inNamespace<T>(objects: ByNamespace<T>, namespace: string): readonly T[] {
  return objects.get(namespace) ?? NONE;
}

export class InventoryBuilder {
  readonly #policies: PeerAuthentication[] = [];
  readonly #rules: DestinationRule[] = [];
  readonly #namespaces = new Map<string, Namespace>();
  /** By namespace, then by likeness. */
  readonly #pods = new Map<string, Map<string, shapes.SeenPod>>();
  readonly #templates: shapes.SeenPod[] = [];
  readonly #controlPlanes: shapes.ControlPlane[] = [];
  readonly #ingressClasses: shapes.SeenIngressClass[] = [];
  readonly #callbacks: shapes.Callback[] = [];
  readonly #monitors: shapes.SeenMonitor[] = [];
  readonly #services = new Map<string, shapes.SeenService[]>();
  readonly #ingresses = new Map<string, shapes.SeenIngress[]>();
  readonly #sidecars = new Map<string, shapes.SeenSidecar[]>();
  readonly #serviceEntries = new Map<string, shapes.SeenServiceEntry[]>();
  readonly #workloadEntries = new Map<string, shapes.SeenWorkloadEntry[]>();
  readonly #authorizationPolicies = new Map<string, shapes.SeenAuthorizationPolicy[]>();
  readonly #networkPolicies = new Map<string, shapes.SeenNetworkPolicy[]>();
  readonly #bindings = new Map<string, shapes.SeenBinding[]>();

  /** Takes an object in, as the API serves it. Items of a list carry no kind: say it. */
  add(kind: KindName, raw: unknown): void {
    this.#takers[kind](raw);
  }

  build(ground: Ground): Inventory {
    for (const namespace of ground.namespaces ?? []) this.#namespaces.set(namespace.name, namespace);
    return {
      rootNamespace: ground.rootNamespace,
      mesh: ground.mesh,
      controlPlanes: this.#controlPlanes,
      namespaces: this.#namespaces,
      policies: ground.policies ?? policiesOf(this.#policies),
      rules: ground.rules ?? this.#rules,
      pods: this.#allPods(),
      services: this.#services,
      ingresses: this.#ingresses,
      ingressClasses: this.#ingressClasses,
      callbacks: this.#callbacks,
      monitors: this.#monitors,
      sidecars: this.#sidecars,
      serviceEntries: this.#serviceEntries,
      workloadEntries: this.#workloadEntries,
      authorizationPolicies: this.#authorizationPolicies,
      networkPolicies: this.#networkPolicies,
      bindings: this.#bindings,
      unseen: ground.unseen ?? [],
    };
  }

  readonly #takers: Record<KindName, (raw: unknown) => void> = {
    Namespace: raw => {
      const namespace = projectNamespace(raw);
      this.#namespaces.set(namespace.name, namespace);
    },
    Pod: raw => this.#takePod(raw),
    Service: raw => file(this.#services, project.seenService(raw)),
    // the mesh configuration is read by whoever can parse it, and comes with the ground
    ConfigMap: () => undefined,
    Deployment: raw => {
      const controlPlane = project.controlPlaneOf(raw);
      if (controlPlane) this.#controlPlanes.push(controlPlane);
      this.#takeTemplate('Deployment', raw);
    },
    StatefulSet: raw => this.#takeTemplate('StatefulSet', raw),
    DaemonSet: raw => this.#takeTemplate('DaemonSet', raw),
    Job: raw => this.#takeTemplate('Job', raw),
    CronJob: raw => this.#takeTemplate('CronJob', raw),
    Rollout: raw => this.#takeTemplate('Rollout', raw),
    Ingress: raw => file(this.#ingresses, project.seenIngress(raw)),
    Route: raw => file(this.#ingresses, project.seenRoute(raw)),
    IngressClass: raw => void this.#ingressClasses.push(project.seenIngressClass(raw)),
    NetworkPolicy: raw => file(this.#networkPolicies, project.seenNetworkPolicy(raw)),
    ValidatingWebhookConfiguration: raw => this.#takeCallbacks('ValidatingWebhookConfiguration', raw),
    MutatingWebhookConfiguration: raw => this.#takeCallbacks('MutatingWebhookConfiguration', raw),
    CustomResourceDefinition: raw => this.#takeCallbacks('CustomResourceDefinition', raw),
    APIService: raw => this.#takeCallbacks('APIService', raw),
    ServiceMonitor: raw => void this.#monitors.push(project.seenMonitor('ServiceMonitor', raw)),
    PodMonitor: raw => void this.#monitors.push(project.seenMonitor('PodMonitor', raw)),
    PeerAuthentication: raw => void this.#policies.push(raw as PeerAuthentication),
    DestinationRule: raw => void this.#rules.push(raw as DestinationRule),
    AuthorizationPolicy: raw => file(this.#authorizationPolicies, project.seenAuthorizationPolicy(raw)),
    Sidecar: raw => file(this.#sidecars, project.seenSidecar(raw)),
    ServiceEntry: raw => file(this.#serviceEntries, project.seenServiceEntry(raw)),
    WorkloadEntry: raw => file(this.#workloadEntries, project.seenWorkloadEntry(raw)),
    SecurityGroupPolicy: raw => file(this.#bindings, project.seenBinding('SecurityGroupPolicy', raw)),
    TargetGroupBinding: raw => file(this.#bindings, project.seenBinding('TargetGroupBinding', raw)),
  };

  #takePod(raw: unknown): void {
    const pod = seenPod(raw);
    if (!pod) return;
    const alike = this.#pods.get(pod.namespace) ?? new Map<string, shapes.SeenPod>();
    this.#pods.set(pod.namespace, alike);
    const likeness = likenessOf(pod);
    const known = alike.get(likeness);
    if (!known) return void alike.set(likeness, pod);
    known.replicas++;
    known.created = Math.min(known.created, pod.created);
  }

  #takeTemplate(kind: string, raw: unknown): void {
    const pod = seenTemplate(kind, raw);
    if (pod) this.#templates.push(pod);
  }

  #takeCallbacks(kind: shapes.Callback['kind'], raw: unknown): void {
    this.#callbacks.push(...project.callbacksOf(kind, raw));
  }

  /** A template is of use only where none of its pods was seen. */
  #allPods(): Map<string, shapes.SeenPod[]> {
    const all = new Map([...this.#pods].map(([namespace, pods]) => [namespace, [...pods.values()]]));
    const running = new Set([...all.values()].flat().map(ownerKey));
    for (const template of this.#templates) {
      if (running.has(ownerKey(template))) continue;
      const labels = this.#namespaces.get(template.namespace)?.labels ?? {};
      file(all, foretellMesh(template, labels));
    }
    return all;
  }
}

function ownerKey({ namespace, owner }: shapes.SeenPod): string {
  return `${namespace}/${owner.kind}/${owner.name}`;
}

function file<T extends { namespace: string }>(objects: Map<string, T[]>, object: T): void {
  const group = objects.get(object.namespace);
  if (group) group.push(object);
  else objects.set(object.namespace, [object]);
}
