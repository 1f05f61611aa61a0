/** From a Service to the pods behind it, and the container port that a port of it leads to. */
import type { PortRef, SeenPod, SeenService, SeenServicePort } from '../inventory/shapes.ts';
import { selects } from '../policies.ts';

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

/** `Deployment shop/cart`. */
export function ownerName({ namespace, owner }: SeenPod): string {
  return `${owner.kind} ${namespace}/${owner.name}`;
}
