/** The one interface behind every probe. */
import type { Observation } from '../api/status.ts';
import type { Pod } from '../istio/objects.ts';
import type { Exempt } from '../rollout/exceptions.ts';
import type { Scope } from '../rollout/scope.ts';
import type { RoundKind } from '../rollout/world.ts';

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
  signal: AbortSignal;
}

/** One way of looking. Never throws for what it looks at: what could not be seen is the verdict Error or NoData. */
export interface Probe {
  readonly name: string;
  /** The rounds this probe takes part in. */
  readonly rounds: readonly RoundKind[];
  observe(look: Look): Promise<Observation>;
}

/** Result of one TLS hello to a port, as a stranger sends it. */
export type HelloAnswer =
  | { kind: 'Certificate'; spiffe: string | undefined; validTo: string | undefined }
  | { kind: 'Plaintext' } // something answered, but not TLS
  | { kind: 'Reset' } // refused or reset before any answer
  | { kind: 'Timeout' };

/** Where probes look; the embedded cluster and tests bring their own. */
export interface Sight {
  /** Runs an instant query at `time` (ms). Rejects with a PrometheusError. */
  query(promql: string, time: number, signal: AbortSignal): Promise<Series[]>;
  /** Sends one TLS hello (TLS 1.3, no client certificate) with these ALPN names. */
  hello(address: string, port: number, alpn: string[], signal: AbortSignal): Promise<HelloAnswer>;
}

/** One element of a Prometheus instant vector. */
export interface Series {
  labels: Record<string, string>;
  value: number;
}

export type MetricsPreset = 'istio' | 'envoy';
