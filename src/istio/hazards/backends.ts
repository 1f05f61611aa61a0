/** The container port that a port of a Service leads to. */
import type { PortRef, SeenPod, SeenService, SeenServicePort } from '../inventory/shapes.ts';

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
