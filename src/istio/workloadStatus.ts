/** Every workload with its ports: the mode that counts there, who decides it, and who seems to call. */
import { type DestinationRuleIndex, destinationRuleIndex } from './destinationRuleLookup.ts';
import { type Effective, effectiveModes } from './effectiveMode.ts';
import { containerPort } from './hazards/backends.ts';
import { mentionsOf } from './hazards/mentions.ts';
import { declaredPorts, isTcp, leftOutBy, podsBehind } from './hazards/reach.ts';
import { type Inventory, inNamespace } from './inventory/inventory.ts';
import type { SeenPod, SeenService, SeenServicePort } from './inventory/shapes.ts';
import type { ClientTlsMode, Mode } from './objects.ts';
import { weaker } from './slots.ts';

export interface PortStatus {
  namespace: string;
  /** `Deployment/cart`. */
  workload: string;
  /** Of a container; `*`: none is declared, and the mode is that of any port. */
  port: number | '*';
  /** What the proxy does there; None: no proxy has a say, see `why`. */
  mode: Mode | 'None';
  why?: 'no proxy' | 'gateway' | 'past the proxy';
  /** The policy that says so, as namespace/name; absent: Istio's default, or nobody. */
  decidedBy?: string;
  dataPlane: 'Sidecar' | 'Ambient' | 'None' | 'Mixed';
  /** Pods of the workload. */
  pods: number;
  /** Not running: what its template says. */
  foretold: boolean;
  /** Services that lead to the port. */
  services: { name: string; port: number }[];
  /** What DestinationRules make clients of the own namespace do, where a Service leads here. */
  clientRule?: { tls: ClientTlsMode | 'AUTO'; decidedBy?: string };
  /** What names one of these Services in its environment, command or arguments. Whether it calls is not known. */
  clients: NamingWorkload[];
}

interface NamingWorkload {
  namespace: string;
  workload: string;
  /** False where one of its pods has no proxy: that one speaks plaintext for sure. */
  proxied: boolean;
}

interface Member {
  namespace: string;
  workload: string;
  pods: SeenPod[];
}

/** By namespace, workload and port. @param namespaces those to list; clients may be elsewhere */
export function workloadStatus(inventory: Inventory, namespaces: ReadonlySet<string>): PortStatus[] {
  const rules = destinationRuleIndex(inventory.rules);
  return [...namespaces].toSorted().flatMap(namespace =>
    workloadsIn(inventory, namespace).flatMap(member =>
      portsOf(member.pods).map(port => {
        const leading = leadingTo(inventory, member, port);
        const clientRule = ruleFor(rules, inventory.rootNamespace, leading[0]);
        return {
          ...statusOf(inventory, member, port),
          services: leading.map(({ service, servicePort }) => ({ name: service.name, port: servicePort.port })),
          ...(clientRule ? { clientRule } : {}),
          clients: clientsOf(inventory, member, leading),
        };
      }),
    ),
  );
}

function workloadsIn(inventory: Inventory, namespace: string): Member[] {
  const found = new Map<string, Member>();
  for (const pod of inNamespace(inventory.pods, namespace)) {
    const workload = `${pod.owner.kind}/${pod.owner.name}`;
    const member = found.get(workload) ?? { namespace, workload, pods: [] };
    member.pods.push(pod);
    found.set(workload, member);
  }
  return [...found.values()].toSorted((a, b) => (a.workload < b.workload ? -1 : 1));
}

function statusOf(
  { policies, rootNamespace }: Inventory,
  { namespace, workload, pods }: Member,
  port: number | '*',
): Omit<PortStatus, 'services' | 'clientRule' | 'clients'> {
  const base = {
    namespace,
    workload,
    port,
    dataPlane: dataPlaneOf(pods),
    pods: pods.reduce((sum, { replicas }) => sum + replicas, 0),
    foretold: pods.every(({ foretold }) => foretold),
  };
  const governed = pods.filter(pod => excuse(pod, port) === undefined);
  const modes = governed.map((pod): Effective => {
    const { workload: own, ports } = effectiveModes(policies, rootNamespace, pod.namespace, pod.labels);
    return (port === '*' ? undefined : ports.get(port)) ?? own;
  });
  const [first] = pods;
  const why = first && excuse(first, port);
  if (modes.length === 0) return { ...base, mode: 'None', ...(why ? { why } : {}) };
  // pods of one workload may have different labels while it is rolled out
  const { mode, decidedBy } = modes.reduce((a, b) => (weaker(b.mode, a.mode) ? b : a));
  const by = decidedBy && `${decidedBy.metadata.namespace}/${decidedBy.metadata.name}`;
  return { ...base, mode, ...(by === undefined ? {} : { decidedBy: by }) };
}

/** Why no PeerAuthentication has a say on this port of the pod; undefined where one has. */
function excuse(pod: SeenPod, port: number | '*'): PortStatus['why'] {
  if (pod.gateway) return 'gateway';
  if (!hasProxy(pod)) return 'no proxy';
  return port !== '*' && leftOutBy(pod, port) !== undefined ? 'past the proxy' : undefined;
}

function hasProxy({ mesh, proxied }: SeenPod): boolean {
  return proxied || mesh !== 'None';
}

function dataPlaneOf(pods: readonly SeenPod[]): PortStatus['dataPlane'] {
  const planes = new Set(pods.map(pod => (pod.mesh === 'None' && pod.proxied ? 'Sidecar' : pod.mesh)));
  const [first = 'None'] = planes;
  return planes.size > 1 ? 'Mixed' : first;
}

function portsOf(pods: readonly SeenPod[]): (number | '*')[] {
  const declared = new Set(pods.flatMap(pod => declaredPorts(pod, isTcp)));
  return declared.size > 0 ? [...declared].toSorted((a, b) => a - b) : ['*'];
}

/** A port of a Service behind which the port of the workload is. */
interface Leading {
  service: SeenService;
  servicePort: SeenServicePort;
}

function leadingTo(inventory: Inventory, { namespace, pods }: Member, port: number | '*'): Leading[] {
  return inNamespace(inventory.services, namespace).flatMap(service => {
    const behind = podsBehind(service, pods);
    return service.ports
      .filter(({ targetPort, protocol }) => {
        const isMeant = (pod: SeenPod) => port === '*' || containerPort(pod, targetPort) === port;
        return isTcp(protocol) && behind.some(isMeant);
      })
      .map(servicePort => ({ service, servicePort }));
  });
}

function ruleFor(
  rules: DestinationRuleIndex,
  rootNamespace: string,
  leading: Leading | undefined,
): PortStatus['clientRule'] {
  if (!leading) return undefined;
  const { service, servicePort } = leading;
  const { mode, decidedBy } = rules.clientTls({
    rootNamespace,
    clientNamespace: service.namespace,
    clientLabels: {},
    service,
    port: servicePort.port,
  });
  const by = decidedBy && `${decidedBy.metadata.namespace}/${decidedBy.metadata.name}`;
  return { tls: mode, ...(by === undefined ? {} : { decidedBy: by }) };
}

/** By name; a name with a port counts only for that port. */
function clientsOf(inventory: Inventory, self: Member, leading: readonly Leading[]): NamingWorkload[] {
  const found = new Map<string, NamingWorkload>();
  for (const { service, servicePort } of leading)
    for (const { pod, port } of mentionsOf(inventory, service)) {
      const { namespace, owner } = pod;
      const workload = `${owner.kind}/${owner.name}`;
      const isSelf = namespace === self.namespace && workload === self.workload;
      if (isSelf || (port !== undefined && port !== servicePort.port)) continue;
      const key = `${namespace}/${workload}`;
      found.set(key, { namespace, workload, proxied: hasProxy(pod) && (found.get(key)?.proxied ?? true) });
    }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, client]) => client);
}
