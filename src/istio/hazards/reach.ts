/** What Services of a scope lead to and which ports of its pods go STRICT, worked out once for all families. */
import { type Inventory, inNamespace } from '../inventory/inventory.ts';
import type { SeenPod, SeenService } from '../inventory/shapes.ts';
import { selects } from '../policies.ts';
import { containerPort, ownerName, type Struck } from './backends.ts';
import type { Move } from './family.ts';

/** A Service of a namespace of the scope, and what of the scope is behind it. */
export interface Reached {
  service: SeenService;
  /** Pods of the scope that it selects, with and without proxy. */
  pods: readonly SeenPod[];
  struck: readonly Struck[];
}

const REACHED = new WeakMap<Move, readonly Reached[]>();
const INDEXES = new WeakMap<readonly SeenPod[], ReadonlyMap<string, readonly SeenPod[]>>();

export function reachedServices(inventory: Inventory, move: Move): readonly Reached[] {
  const known = REACHED.get(move);
  if (known) return known;
  const found = move.namespaces
    .flatMap(namespace => inNamespace(inventory.services, namespace))
    .map(service => reached(move, service));
  REACHED.set(move, found);
  return found;
}

function reached(move: Move, service: SeenService): Reached {
  const pods = podsBehind(service, move.pods);
  const struck = pods.flatMap(pod =>
    service.ports.flatMap(servicePort => {
      const port = servicePort.protocol === 'TCP' ? containerPort(pod, servicePort.targetPort) : undefined;
      return port !== undefined && goesStrict(move, pod, port) ? [{ pod, port, service, servicePort }] : [];
    }),
  );
  return { service, pods, struck };
}

/** Pods of the list that the Service selects; none for a Service without selector. */
export function podsBehind({ namespace, selector }: SeenService, pods: readonly SeenPod[]): readonly SeenPod[] {
  return Object.keys(selector).length === 0 ? [] : selectedPods(pods, namespace, selector);
}

/** Pods of the list that carry the labels; all those of the namespace where none is asked for. */
export function selectedPods(
  pods: readonly SeenPod[],
  namespace: string,
  selector: Record<string, string> | undefined,
): readonly SeenPod[] {
  const index = INDEXES.get(pods) ?? indexed(pods);
  const keys = [namespace, ...Object.entries(selector ?? {}).map(label => labelKey(namespace, label))];
  const lists = keys.map(key => index.get(key) ?? []);
  const fewest = lists.reduce((least, list) => (list.length < least.length ? list : least));
  return fewest.filter(({ labels }) => selects(selector ?? {}, labels));
}

function indexed(pods: readonly SeenPod[]): ReadonlyMap<string, readonly SeenPod[]> {
  const index = new Map<string, SeenPod[]>();
  const file = (key: string, pod: SeenPod) => {
    const list = index.get(key);
    if (list) list.push(pod);
    else index.set(key, [pod]);
  };
  for (const pod of pods) {
    file(pod.namespace, pod);
    for (const label of Object.entries(pod.labels)) file(labelKey(pod.namespace, label), pod);
  }
  INDEXES.set(pods, index);
  return index;
}

/** No namespace, and no key of a label, has a character that stands between them here. */
function labelKey(namespace: string, [key, value]: [string, string]): string {
  return `${namespace} ${key}=${value}`;
}

/** Whether plaintext to the port is refused after the step: past its proxy, no policy has a say. */
export function goesStrict(move: Move, pod: SeenPod, port: number): boolean {
  return pod.mesh !== 'None' && leftOutBy(pod, port) === undefined && move.hardens(pod, port);
}

const ANNOTATIONS = [
  { key: 'traffic.sidecar.istio.io/excludeInboundPorts', takes: false },
  { key: 'traffic.sidecar.istio.io/includeInboundPorts', takes: true },
];

/** The annotation by which the port leads past the sidecar. */
export function leftOutBy({ mesh, annotations }: SeenPod, port: number): string | undefined {
  if (mesh !== 'Sidecar') return undefined;
  return ANNOTATIONS.find(({ key, takes }) => {
    const listed = annotations[key]?.split(',').map(text => text.trim());
    return listed !== undefined && (listed.includes('*') || listed.includes(String(port))) !== takes;
  })?.key;
}

/** Ports of one transport that the lasting containers of the application declare. */
export function declaredPorts({ containers }: SeenPod, isMeant: (protocol: string) => boolean): number[] {
  const ports = containers.filter(({ init }) => !init).flatMap(container => container.ports);
  return [...new Set(ports.filter(({ protocol }) => isMeant(protocol)).map(({ number }) => number))];
}

export function isTcp(protocol: string): boolean {
  return protocol === 'TCP';
}

/** Things said about pods, by the name of the workload that runs them; workloads about which nothing is said are left out. */
export function byWorkload<T>(pods: readonly SeenPod[], told: (pod: SeenPod) => readonly T[]): Map<string, Set<T>> {
  const all = new Map<string, Set<T>>();
  for (const pod of pods) {
    const things = told(pod);
    if (things.length === 0) continue;
    const name = ownerName(pod);
    const known = all.get(name);
    if (known) for (const thing of things) known.add(thing);
    else all.set(name, new Set(things));
  }
  return all;
}
