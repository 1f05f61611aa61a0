/** A small mesh for tests: the pods of the bed on which the tables were measured, and traffic between them. */
import type { DestinationRule, Mode, PeerAuthentication, PolicyMode } from '../../src/istio/objects.ts';
import { VirtualClock } from '../../src/sim/clock.ts';
import type { Call } from '../../src/sim/mesh/call.ts';
import { type MeshOptions, SimulatedMesh } from '../../src/sim/mesh/mesh.ts';
import { type MeshPod, meshPod, meshService, type PodObject } from '../../src/sim/mesh/pod.ts';

export const START = Date.parse('2026-12-01T08:00:00Z');
/** Longer than any change takes to arrive. */
export const ARRIVED = 300;
export const PORTS = [
  { port: 8080, name: 'http-web' },
  { port: 9090, name: 'tcp-echo' },
  { port: 7070, name: 'auto' },
];

export function pod(name: string, ip: string, { sidecar = true, ready = true, running = true } = {}): PodObject {
  const app = {
    name: 'app',
    ports: PORTS.map(({ port, name: portName }) => ({ containerPort: port, name: portName })),
  };
  const proxy = { name: 'istio-proxy', ports: [{ containerPort: 15090, name: 'http-envoy-prom' }] };
  return {
    metadata: {
      name,
      namespace: 'demo',
      labels: { app: name, ...(sidecar && { 'security.istio.io/tlsMode': 'istio' }) },
    },
    spec: { serviceAccountName: name, containers: sidecar ? [app, proxy] : [app] },
    status: {
      phase: running ? 'Running' : 'Pending',
      podIP: ip,
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  };
}

export function policy(
  name: string,
  mode: PolicyMode | undefined,
  {
    namespace = 'demo',
    app,
    ports,
    created = START,
  }: {
    namespace?: string;
    app?: string;
    ports?: Record<string, Mode>;
    created?: number;
  } = {},
): PeerAuthentication {
  return {
    apiVersion: 'security.istio.io/v1',
    kind: 'PeerAuthentication',
    metadata: { name, namespace, creationTimestamp: new Date(created).toISOString() },
    spec: {
      ...(app && { selector: { matchLabels: { app } } }),
      ...(mode && { mtls: { mode } }),
      ...(ports && {
        portLevelMtls: Object.fromEntries(Object.entries(ports).map(([port, is]) => [port, { mode: is }])),
      }),
    },
  };
}

export function rule(mode: 'DISABLE' | 'SIMPLE' | 'ISTIO_MUTUAL', host = 'server'): DestinationRule {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name: 'rule', namespace: 'demo', creationTimestamp: new Date(START).toISOString() },
    spec: { host, trafficPolicy: { tls: { mode } } },
  };
}

export const POD_IPS = { server: '10.77.0.11', client: '10.77.0.12', legacy: '10.77.0.13', bare: '10.77.0.14' };

export function scene(options: Partial<MeshOptions> = {}): { clock: VirtualClock; mesh: SimulatedMesh } {
  const clock = new VirtualClock(START);
  const mesh = new SimulatedMesh(clock, options);
  const pods: MeshPod[] = Object.entries(POD_IPS).map(([name, ip]) =>
    meshPod(pod(name, ip, { sidecar: name === 'server' || name === 'client' })),
  );
  const services = ['server', 'bare'].map(name =>
    meshService({
      metadata: { name, namespace: 'demo' },
      spec: { selector: { app: name }, ports: PORTS.map(({ port, name: portName }) => ({ port, name: portName })) },
    }),
  );
  mesh.begin(pods, services, [], [], []);
  return { clock, mesh };
}

/** One request (or connection) a second. */
export function call(from: string, port: number, more: Partial<Call> = {}): Call {
  const kind = port === 9090 ? 'tcp' : 'http';
  const to = { namespace: 'demo', service: 'server', port };
  return {
    name: `${from}-${port}`,
    from: { namespace: 'demo', workload: from },
    to,
    kind,
    perSecond: 1,
    since: START,
    ...more,
  };
}
