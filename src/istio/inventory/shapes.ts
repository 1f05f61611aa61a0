/** What an inventory keeps of each object: the fields that a rule looks at, and no others. */

/** Number of a port, or the name under which a container declares it. */
export type PortRef = number | string;

/** Pods of one workload that are alike: seen running, or foretold from the template of a workload without pods. */
export interface SeenPod {
  namespace: string;
  /** Name of one of them; empty where it is foretold. */
  name: string;
  /** What runs them: a Deployment, StatefulSet, DaemonSet, Job, CronJob, Rollout, or the Pod itself. */
  owner: { kind: string; name: string };
  /** How many are alike. */
  replicas: number;
  foretold: boolean;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** Milliseconds since the epoch; 0 where it is foretold. */
  created: number;
  /** Has a sidecar that clients know of, or its traffic is taken by ztunnel. */
  mesh: 'Sidecar' | 'Ambient' | 'None';
  /** Has a proxy, whether clients know of it or not. */
  proxied: boolean;
  /** Its proxy is a gateway or waypoint: no PeerAuthentication governs its listeners. */
  gateway: boolean;
  hostNetwork: boolean;
  /** Its proxy starts before the init containers of the application, as an init container that stays. */
  nativeSidecar: boolean;
  /** Image of its proxy; empty where it has none or that is foretold. */
  proxyImage: string;
  containers: SeenContainer[];
}

/** A container of the application; the proxy is none of these. */
export interface SeenContainer {
  name: string;
  /** Runs to its end before the others start. */
  init: boolean;
  ports: { name: string; number: number; protocol: string }[];
  probes: SeenProbe[];
  /** `httpGet` hooks. */
  hooks: { when: 'postStart' | 'preStop'; port: PortRef; host: string }[];
  runAsUser: number | undefined;
  /** Values of the environment, command and arguments: they may name what it calls. */
  texts: string[];
}

export interface SeenProbe {
  when: 'liveness' | 'readiness' | 'startup';
  action: 'httpGet' | 'tcpSocket' | 'grpc';
  port: PortRef;
  /** Empty: the pod itself. */
  host: string;
}

export interface SeenService {
  namespace: string;
  name: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  type: string;
  headless: boolean;
  /** Empty where it has none. */
  clusterIp: string;
  /** The name that it stands for, where its type is ExternalName. */
  externalName: string;
  externalIps: string[];
  /** Empty: its endpoints are somebody's own doing. */
  selector: Record<string, string>;
  ports: SeenServicePort[];
}

export interface SeenServicePort {
  name: string;
  port: number;
  /** The same as `port` unless given. */
  targetPort: PortRef;
  protocol: string;
  appProtocol: string;
  nodePort: number;
}

/** A Service that the API server calls, for an admission webhook, the conversion of a resource, or a whole API. */
export interface Callback {
  kind: 'ValidatingWebhookConfiguration' | 'MutatingWebhookConfiguration' | 'CustomResourceDefinition' | 'APIService';
  /** Name of the object. */
  name: string;
  /** Name of the webhook within the object; empty elsewhere. */
  webhook: string;
  service: { namespace: string; name: string; port: number };
  /** Whether the API server refuses what it cannot ask about. */
  fails: boolean;
}

/** A way into the cluster: an Ingress or an OpenShift Route. Its backends are Services of its own namespace. */
export interface SeenIngress {
  kind: 'Ingress' | 'Route';
  namespace: string;
  name: string;
  /** Of `spec.ingressClassName` or the older annotation; empty: the default class. */
  className: string;
  annotations: Record<string, string>;
  backends: { service: string; port: PortRef }[];
}

export interface SeenIngressClass {
  name: string;
  controller: string;
  isDefault: boolean;
}

/** A ServiceMonitor or PodMonitor. */
export interface SeenMonitor {
  kind: 'ServiceMonitor' | 'PodMonitor';
  namespace: string;
  name: string;
  /** `matchLabels` of what it selects; undefined: it has expressions, which are not evaluated. */
  selector: Record<string, string> | undefined;
  /** Namespaces that it looks in; `*`: all. */
  namespaces: string[];
  endpoints: { port: PortRef; scheme: string; usesClientCertificate: boolean }[];
}

/** Istio's Sidecar resource: what proxies of a namespace, or of chosen pods, know of the mesh. */
export interface SeenSidecar {
  namespace: string;
  name: string;
  /** Undefined: every pod of the namespace. */
  selector: Record<string, string> | undefined;
  /** `namespace/dnsName` of every egress listener; undefined: none given, so everything is known. */
  hosts: string[] | undefined;
  outboundMode: string;
  ingressPorts: number[];
}

export interface SeenServiceEntry {
  namespace: string;
  name: string;
  hosts: string[];
  location: string;
  resolution: string;
  addresses: string[];
  /** Static endpoints. */
  endpoints: { address: string; labels: Record<string, string>; serviceAccount: string }[];
  workloadSelector: Record<string, string> | undefined;
  ports: { name: string; number: number; protocol: string }[];
}

export interface SeenWorkloadEntry {
  namespace: string;
  name: string;
  address: string;
  labels: Record<string, string>;
  serviceAccount: string;
}

export interface SeenAuthorizationPolicy {
  namespace: string;
  name: string;
  selector: Record<string, string> | undefined;
  action: string;
  /** Names a principal, namespace or service account somewhere: without mutual TLS there is none to compare with. */
  asksWhoCalls: boolean;
}

export interface SeenNetworkPolicy {
  namespace: string;
  name: string;
  /** Undefined: it has expressions, which are not evaluated. */
  selector: Record<string, string> | undefined;
  /** TCP ports that may be reached from somewhere; undefined: some rule names none, so all may. */
  ingressPorts: { from: PortRef; to: PortRef }[] | undefined;
  governsIngress: boolean;
}

/** What somebody else's controller leads straight to pods: an AWS TargetGroupBinding, or a SecurityGroupPolicy. */
export interface SeenBinding {
  kind: 'TargetGroupBinding' | 'SecurityGroupPolicy';
  namespace: string;
  name: string;
  /** For a TargetGroupBinding. */
  service: string;
  /** Of the Service; 0 where none is given. */
  port: PortRef;
  targetType: string;
}

/** What the control plane is set to; every member has the value that counts, defaults filled in. */
export interface MeshSettings {
  enableAutoMtls: boolean;
  enablePrometheusMerge: boolean;
  trustDomain: string;
  outboundMode: string;
  holdApplicationUntilProxyStarts: boolean;
  /** How long connections from before a change of their port go on, in milliseconds. */
  drainMs: number;
  /** Of the sidecar injector. */
  rewriteAppHttpProbe: boolean;
  /** Namespaces that the control plane sees at all; empty: every one. */
  discoverySelectors: { matchLabels?: Record<string, string>; matchExpressions?: unknown[] }[];
  /** Root namespaces by revision, from each ConfigMap `istio` and `istio-<revision>`; the default revision is ''. */
  roots: ReadonlyMap<string, string>;
}

/** A Deployment of the control plane: revision, tag of its image, environment. */
export interface ControlPlane {
  namespace: string;
  name: string;
  revision: string;
  version: string;
  environment: Record<string, string>;
}
