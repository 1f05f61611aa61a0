/** What a port of the mesh answers to a stranger's TLS hello; the table was measured on istiod 1.31 and Envoy 1.39. */
import type { HelloAnswer } from '../../probes/probe.ts';
import type { SimulatedMesh } from './mesh.ts';
import { type FilterChain, helloSamples, principal } from './metrics.ts';
import type { MeshPod } from './pod.ts';

const CERTIFICATE_LIFE_MS = 24 * 3_600_000;

/** The answer, with its traces in the counters of the proxy. Nobody at that address: nothing comes back, ever. */
export function answerHello(
  mesh: SimulatedMesh,
  address: string,
  port: number,
  alpn: string[],
): HelloAnswer | undefined {
  const pod = mesh.topology.podAt(address);
  if (pod === undefined) return undefined;
  if (!pod.running) return { kind: 'Reset' };
  if (!pod.sidecar || pod.gateway || pod.excludedPorts.has(port)) return ofApplication(mesh, pod, port);
  const chain = chainFor(mesh, pod, port, alpn);
  const { protocol } = mesh.topology.portOf(pod, port);
  mesh.count(helloSamples(pod, { chain, protocol, isListening: isListening(pod, port) }));
  if (chain === 'MutualTls') return certificate(mesh, pod);
  return chain === 'None' ? { kind: 'Reset' } : ofApplication(mesh, pod, port);
}

/** The filter chain of the sidecar that takes the hello. */
function chainFor(mesh: SimulatedMesh, pod: MeshPod, port: number, alpn: string[]): FilterChain {
  const mode = mesh.modeInForce(pod, port);
  if (mode === 'STRICT') return 'MutualTls';
  if (mode === 'DISABLE') return 'PassOn';
  if (alpn.some(name => name === 'istio' || name.startsWith('istio-'))) return 'MutualTls';
  // A port that is declared as HTTP has no filter chain for TLS from outside; any other passes it on.
  return mesh.topology.portOf(pod, port).protocol === 'http' ? 'None' : 'PassOn';
}

function ofApplication(mesh: SimulatedMesh, pod: MeshPod, port: number): HelloAnswer {
  if (!isListening(pod, port)) return { kind: 'Reset' };
  if (mesh.topology.portOf(pod, port).ownTls) return { kind: 'Certificate', spiffe: undefined, validTo: undefined };
  return { kind: 'Plaintext' };
}

/** An application listens on the ports that it declares. */
function isListening(pod: MeshPod, port: number): boolean {
  return [...pod.ports.values()].includes(port);
}

function certificate(mesh: SimulatedMesh, pod: MeshPod): HelloAnswer {
  const issued = Math.floor(mesh.now() / CERTIFICATE_LIFE_MS) * CERTIFICATE_LIFE_MS;
  return {
    kind: 'Certificate',
    spiffe: principal(pod, mesh.options.trustDomain),
    validTo: new Date(issued + 2 * CERTIFICATE_LIFE_MS).toUTCString(),
  };
}
