/** The one interface behind every probe. */
import type { Observation } from '../api/status.ts';
import type { AggregatedApi } from '../istio/inventory/aggregatedApi.ts';
import type { Callback, SeenService } from '../istio/inventory/shapes.ts';
import type { Pod } from '../istio/objects.ts';
import type { Exempt } from '../rollout/exceptions.ts';
import type { Scope } from '../rollout/scope.ts';
import type { RoundKind } from '../rollout/world.ts';
import type { Author, ProbeJob } from './jobObject.ts';

/** What a probe may look at. Times are milliseconds since the epoch. */
export interface Look {
  round: RoundKind;
  scopes: Scope[];
  now: number;
  /** Begin of the step. */
  startedAt: number;
  /** When STRICT was first written; undefined in an entry round. */
  changedAt: number | undefined;
  /** When STRICT was seen in force; before that, what the proxies count may still be from before the change. */
  inForceAt: number | undefined;
  /** Since when all plaintext to a scope is counted by a policy in dry run, by its key; absent: it is not. */
  countedSince?: ReadonlyMap<string, number>;
  /** Pods of a scope, read at most once a round. */
  pods(scope: Scope): Promise<Pod[]>;
  /** What of a pod stays as it is although the scope moves. */
  exempt(scope: Scope, pod: Pod): Exempt;
  /** A look that takes longer is an Error. */
  timeoutMs: number;
  /** Tells this look of the probe from every other, also after a crash; the same until there is an observation. */
  turn: string;
  signal: AbortSignal;
}

/** One way of looking. Never throws for what it looks at: what could not be seen is the verdict Error or NoData. */
export interface Probe {
  readonly name: string;
  /** The rounds this probe takes part in. */
  readonly rounds: readonly RoundKind[];
  observe(look: Look): Promise<Observation>;
}

/** One whose look goes on in the rounds to come where one does not suffice. It minds the time-out by itself. */
export interface LongProbe extends Omit<Probe, 'observe'> {
  /** Undefined: not done yet. */
  observeOn(look: Look): Promise<Observation | undefined>;
}

/** Result of one TLS hello to a port, as a stranger sends it. */
export type HelloAnswer =
  | { kind: 'Certificate'; spiffe: string | undefined; validTo: string | undefined }
  | { kind: 'Plaintext' } // something answered, but not TLS
  | { kind: 'Reset' } // refused or reset before any answer
  | { kind: 'Timeout' };

/** One HTTP request, to an address that the operator has worked out or was configured with. */
export interface HttpRequest {
  method: 'GET' | 'POST';
  /** Scheme, host and port: `http://10.96.0.11:80`. */
  origin: string;
  /** With its query. */
  path: string;
  headers: Readonly<Record<string, string>>;
  body?: string;
  /** For https: the authority that must have signed, or that nobody need have; the system's authorities unless given. */
  trust?: { ca: string } | 'Anybody';
  /** Characters of the answer that are wanted at the most; its status alone is unless given. */
  text?: number;
}

export type HttpAnswer =
  | { kind: 'Answer'; status: number; text: string }
  | { kind: 'Refused' } // nothing listens
  | { kind: 'Closed' } // reset, or closed before any answer
  | { kind: 'Silent'; code: string } // timed out, or no way there
  | { kind: 'NotHttp' } // something answered, but not HTTP
  | { kind: 'NotTls'; code: string }; // no handshake, or a certificate that is not trusted

/** Where probes look; the embedded cluster and tests bring their own. */
export interface Sight {
  /** Runs an instant query at `time` (ms). Rejects with a PrometheusError. */
  query(promql: string, time: number, signal: AbortSignal): Promise<Series[]>;
  /** Sends one TLS hello (TLS 1.3, no client certificate) with these ALPN names. */
  hello(address: string, port: number, alpn: string[], signal: AbortSignal): Promise<HelloAnswer>;
  /** Sends one request over a connection of its own, and follows no redirect. Rejects only when the signal fires. */
  call(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>;
}

/** What probes ask of the API server. Rejects with an error whose message names the right that is missing. */
export interface ClusterSight {
  /** Undefined: there is none. */
  service(namespace: string, name: string, signal: AbortSignal): Promise<SeenService | undefined>;
  /** What the API server calls. */
  called(signal: AbortSignal): Promise<Called>;
  jobs: Jobs;
}

/** Jobs that are made for a look. */
export interface Jobs {
  /** Undefined: there is none. */
  find(namespace: string, name: string, author: Author, signal: AbortSignal): Promise<ProbeJob | undefined>;
  /** A CronJob; undefined: there is none. */
  template(namespace: string, name: string, signal: AbortSignal): Promise<unknown>;
  start(namespace: string, job: object, signal: AbortSignal): Promise<void>;
  /** With its pods. */
  remove(job: ProbeJob): Promise<void>;
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** What the API server calls in the cluster, and how it says that aggregated APIs are. */
export interface Called {
  callbacks: readonly Callback[];
  apis: readonly AggregatedApi[];
  /** Rights that are missing to see the rest, as `list apiservices.apiregistration.k8s.io`. */
  missing: readonly string[];
}

/** One element of a Prometheus instant vector; its value may be NaN or infinite. */
export interface Series {
  labels: Record<string, string>;
  value: number;
}

export const METRICS_PRESETS = ['istio', 'envoy', 'gcp'] as const;
export type MetricsPreset = (typeof METRICS_PRESETS)[number];
