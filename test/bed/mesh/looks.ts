/** Probes of the operator, in this process, that look at the real pods of a mesh and at its real Prometheus. */
import type { Observation } from '../../../src/api/status.ts';
import type { Pod } from '../../../src/istio/objects.ts';
import { projectPod } from '../../../src/istio/pods.ts';
import { tlsHello } from '../../../src/probes/hello.ts';
import { httpCall } from '../../../src/probes/httpCall.ts';
import type { Look, Probe, Sight } from '../../../src/probes/probe.ts';
import { Prometheus } from '../../../src/probes/prometheus.ts';
import { look } from '../../probes/scene.ts';
import { readAll } from '../observe.ts';
import type { Mesh } from './mesh.ts';

/** The pods of a namespace as the operator reads them. */
export async function podsIn(mesh: Mesh, namespace: string): Promise<Pod[]> {
  return (await readAll<object>(mesh.api, `/api/v1/namespaces/${namespace}/pods`)).map(projectPod);
}

/** What the operator sees with; to be closed. */
export function sightOf(mesh: Mesh): Sight & { close(): Promise<void> } {
  const prometheus = new Prometheus({ url: mesh.prometheus.url });
  return {
    query: (promql, time, signal) => prometheus.query(promql, time, signal),
    hello: tlsHello(),
    call: httpCall,
    close: () => prometheus.close(),
  };
}

/** One look at a namespace with these pods: before a change, unless it says when STRICT was written. */
export function observe(probe: Probe, namespace: string, pods: Pod[], given: Partial<Look> = {}): Promise<Observation> {
  const now = Date.now();
  return probe.observe(look(pods, { scopes: [{ kind: 'Namespace', namespace }], now, startedAt: now, ...given }));
}
