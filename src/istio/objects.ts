/** The parts of Istio's and Kubernetes' objects that the rules need, in the shape the API serves. */
import type { ObjectMeta } from '../api/resource.ts';

/** Mode of a port, weakest first. */
export const MODES = ['DISABLE', 'PERMISSIVE', 'STRICT'] as const;
export type Mode = (typeof MODES)[number];
/** What a policy may say: UNSET (or nothing) inherits. */
export type PolicyMode = Mode | 'UNSET';

export interface PeerAuthentication {
  apiVersion: string;
  kind: 'PeerAuthentication';
  metadata: ObjectMeta & { namespace: string };
  spec: {
    selector?: { matchLabels?: Record<string, string> };
    mtls?: { mode?: PolicyMode };
    portLevelMtls?: Record<string, { mode?: PolicyMode }>;
  };
}

export type ClientTlsMode = 'DISABLE' | 'SIMPLE' | 'MUTUAL' | 'ISTIO_MUTUAL';

export interface TrafficPolicy {
  tls?: { mode?: ClientTlsMode };
  portLevelSettings?: { port?: { number?: number }; tls?: { mode?: ClientTlsMode } }[];
  [other: string]: unknown;
}

export interface DestinationRule {
  apiVersion: string;
  kind: 'DestinationRule';
  metadata: ObjectMeta & { namespace: string };
  spec: {
    host: string;
    trafficPolicy?: TrafficPolicy;
    workloadSelector?: { matchLabels?: Record<string, string> };
    exportTo?: string[];
    [other: string]: unknown;
  };
}

export interface AuthorizationPolicy {
  apiVersion: string;
  kind: 'AuthorizationPolicy';
  metadata: ObjectMeta & { namespace: string };
  spec: {
    selector?: { matchLabels?: Record<string, string> };
    action?: string;
    rules?: { from?: { source?: Record<string, string[]> }[]; to?: { operation?: Record<string, string[]> }[] }[];
    [other: string]: unknown;
  };
}

/** A Service, projected. Without selector it stands for something that is no pod of the namespace. */
export interface Service {
  namespace: string;
  name: string;
  selector: Record<string, string>;
  ports: number[];
}

/** A namespace, projected. `created` is seconds since the epoch. */
export interface Namespace {
  name: string;
  uid: string;
  created: number;
  labels: Record<string, string>;
  terminating: boolean;
}

/** A set of pods that one controller runs. */
export interface Workload {
  namespace: string;
  name: string;
  kind: string;
  /** Labels by which a policy picks its pods; empty: no policy can. */
  selector: Record<string, string>;
  /** Labels that its pods have, as far as they have them all. */
  podLabels: Record<string, string>;
  labels: Record<string, string>;
}

/** A pod, projected to what probes and hazards need. Times are milliseconds since the epoch. */
export interface Pod {
  namespace: string;
  name: string;
  uid: string;
  ip: string | undefined;
  labels: Record<string, string>;
  created: number;
  /** Has a sidecar, or its traffic is taken by ztunnel. */
  mesh: 'Sidecar' | 'Ambient' | 'None';
  /** Its proxy is a gateway or waypoint and not a sidecar: no PeerAuthentication governs its listeners. */
  gateway: boolean;
  ready: boolean;
  /** When readiness last changed. */
  readySince: number;
  restarts: number;
  /** Newest start of a container that had run before. */
  restartedAt: number | undefined;
  /** Declared container ports of the application that its sidecar takes, TCP only. */
  ports: number[];
  /** Container ports that have a name, past the sidecar or not, TCP only. */
  namedPorts: Record<string, number>;
  /** Has ended, or is being deleted: what becomes of it says nothing about the mesh. */
  finished: boolean;
}
