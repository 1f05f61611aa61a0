/** Under which workload name the mesh's metrics report a pod, and which pods are gateways. */
import type { Pod } from '../istio/objects.ts';

/** The letters that Kubernetes makes random name parts of (k8s.io/apimachinery `util/rand`). */
const RANDOM = '[bcdfghjklmnpqrstvwxz2456789]';
const DEPLOYMENT = new RegExp(`-${RANDOM}{6,10}-${RANDOM}{5}$`);
const GENERATED = new RegExp(`-${RANDOM}{5}$`);
const ORDINAL = /-[0-9]+$/;

/**
 * Name of the controller that made a pod of this name, as Istio reports it (`GetDeployMetaFromPod`): the Deployment
 * and not its ReplicaSet. A guess by the shape of the name; a pod of no known shape is its own workload.
 */
export function workloadOfPodName(name: string): string {
  const suffix = [DEPLOYMENT, GENERATED, ORDINAL].find(shape => shape.test(name));
  return suffix ? name.replace(suffix, '') : name;
}

/** Name under which Istio reports the workload of a pod. */
export function workloadOf(pod: Pod): string {
  const given = pod.labels['service.istio.io/workload-name'];
  if (given) return given;
  const hash = pod.labels['pod-template-hash'];
  const end = hash ? pod.name.lastIndexOf(`-${hash}-`) : -1;
  return end > 0 ? pod.name.slice(0, end) : workloadOfPodName(pod.name);
}

/** Gateways and waypoints: their listeners are not governed by any PeerAuthentication. */
export function isGateway(pod: Pod): boolean {
  const { labels, gateway } = pod;
  return (
    gateway ||
    'gateway.networking.k8s.io/gateway-name' in labels ||
    'gateway.istio.io/managed' in labels ||
    /^(ingress|egress|eastwest)gateway$/.test(labels['istio'] ?? '')
  );
}
