/** From a Service to the pods behind it, and the container port that a port of it leads to. */
import { type Inventory, inNamespace } from '../inventory/inventory.ts';
import type { PortRef, SeenPod, SeenService, SeenServicePort } from '../inventory/shapes.ts';
import { selects } from '../policies.ts';
import type { Move } from './family.ts';

export function serviceNamed(inventory: Inventory, namespace: string, name: string): SeenService | undefined {
  return inNamespace(inventory.services, namespace).find(service => service.name === name);
}

/** Pods of the list that the Service selects; none for a Service without selector. */
export function podsBehind({ namespace, selector }: SeenService, pods: readonly SeenPod[]): SeenPod[] {
  if (Object.keys(selector).length === 0) return [];
  return pods.filter(pod => pod.namespace === namespace && selects(selector, pod.labels));
}

/** Number of the container port; undefined where the pod declares no port of this name. */
export function containerPort(pod: SeenPod, port: PortRef): number | undefined {
  if (typeof port === 'number') return port;
  return pod.containers.flatMap(({ ports }) => ports).find(({ name }) => name === port)?.number;
}

/** A port of a pod of the move that goes STRICT, and the port of a Service that leads to it. */
export interface Struck {
  pod: SeenPod;
  port: number;
  service: SeenService;
  servicePort: SeenServicePort;
}

/** What of a Service the move turns STRICT: all its ports, or the one of this number or name. */
export function struckBehind(move: Move, service: SeenService, wanted?: PortRef): Struck[] {
  const ports = service.ports.filter(
    ({ port, name, protocol }) => protocol === 'TCP' && (wanted === undefined || wanted === port || wanted === name),
  );
  return podsBehind(service, move.pods).flatMap(pod =>
    ports.flatMap(servicePort => {
      const port = containerPort(pod, servicePort.targetPort);
      const struck = port !== undefined && pod.mesh !== 'None' && move.hardens(pod, port);
      return struck ? [{ pod, port, service, servicePort }] : [];
    }),
  );
}

/** `Deployment shop/cart`. */
export function ownerName({ namespace, owner }: SeenPod): string {
  return `${owner.kind} ${namespace}/${owner.name}`;
}
