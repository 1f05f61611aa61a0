/** What of a pod goes through the listener that a step turns STRICT, for those who call the pod itself. */
import type { MeshSettings, SeenPod } from '../inventory/shapes.ts';
import type { Move } from './family.ts';
import { declaredPorts, goesStrict, isTcp } from './reach.ts';

/** The injector leaves them out by itself: the agent's status, its readiness, and Envoy's own metrics. */
const PROXY_PORTS: ReadonlySet<number> = new Set([15020, 15021, 15090]);

/** Whether the step makes the proxy refuse plaintext on the port. */
export function refuses(move: Move, pod: SeenPod, port: number): boolean {
  return !PROXY_PORTS.has(port) && port !== statusPort(pod) && goesStrict(move, pod, port);
}

/** A pod that declares no port may listen anywhere. */
export function refusesSomewhere(move: Move, pod: SeenPod): boolean {
  const ports = declaredPorts(pod, isTcp);
  return ports.length === 0 || ports.some(port => refuses(move, pod, port));
}

/** Port of the agent, at which rewritten probes and merged metrics are to be had. */
function statusPort({ annotations }: SeenPod): number {
  return Number(annotations['status.sidecar.istio.io/port']) || 15020;
}

/** Whether the injector leads probes and hooks of the application through the agent. */
export function rewritesProbes({ annotations }: SeenPod, { rewriteAppHttpProbe }: MeshSettings): boolean {
  return flagOf(annotations['sidecar.istio.io/rewriteAppHTTPProbers']) ?? rewriteAppHttpProbe;
}

/** Whether the agent answers for metrics of the application as well. Only sidecars have such an agent. */
export function mergesMetrics({ mesh, annotations }: SeenPod, { enablePrometheusMerge }: MeshSettings): boolean {
  if (mesh !== 'Sidecar') return false;
  return flagOf(annotations['prometheus.istio.io/merge-metrics']) ?? enablePrometheusMerge;
}

/** As Go's `strconv.ParseBool` reads it; undefined for anything that it refuses. */
function flagOf(value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined;
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
  return ['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value) ? false : undefined;
}
