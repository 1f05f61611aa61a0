/** Traffic that reached the workloads of a round's scopes, and what every way of counting it has to tell. */
import type { Series, Sight } from './probe.ts';
import { covers, type ScopePods } from './scopePods.ts';

/** Traffic that reached one workload from one source. */
export interface Traffic {
  namespace: string;
  workload: string;
  /** `namespace/workload`; undefined where the metrics do not know it. */
  source: string | undefined;
  requests: number;
  connections: number;
}

export const amount = (traffic: Traffic) => traffic.requests + traffic.connections;

/** Traffic, and what its TCP connections carried: one that was open before goes on without being opened again. */
export interface Flow extends Traffic {
  /** Of TCP, in both directions; 0 where nobody counts them. */
  bytes: number;
}

/** Where and when to count. */
export interface Span {
  sight: Sight;
  scopes: readonly ScopePods[];
  windowMs: number;
  /** End of the window, milliseconds since the epoch. */
  until: number;
  signal: AbortSignal;
}

/** When something that happened can be seen in counters. */
export interface Timing {
  /** The usual time between two readings: in less no counter can have been read twice. */
  readEveryMs: number;
  /** How long a reading takes until it can be asked for. */
  delayMs: number;
  /** How long after a change what came before it may still show as plaintext. */
  graceMs: number;
}

/** What counts plaintext, and the traffic that it is part of. */
export interface PlaintextCounters {
  timing: Timing;
  /**
   * What came without mutual TLS, by source. `withNew` counts rather too much than too little: also what a counter held
   * when it first appeared, so that no single request escapes. But where Prometheus has lost its memory every old counter
   * seems new, so a look that may lead to a rollback does without.
   */
  plaintext(span: Span, withNew: boolean): Promise<Traffic[]>;
  /** Everything that came, by workload that it came to. */
  volume(span: Span): Promise<Traffic[]>;
  /**
   * What the proxies of the scopes sent themselves, by the workload that sent it: proof that they are counted, where
   * nobody calls them. Nothing where counters of the receiving side are there without any call.
   */
  sent(span: Span): Promise<Traffic[]>;
  /** Whether anything is counted at all. */
  areThere(span: Span): Promise<boolean>;
  /** Names (`namespace/pod`) of the sidecars of the scopes whose counters are read. */
  read(span: Span): Promise<ReadonlySet<string> | { unknown: string }>;
}

/** What also counts the rest of the traffic. */
export interface Counters extends PlaintextCounters {
  /** Everything that came, by source and workload. */
  bySource(span: Span): Promise<Flow[]>;
  /** How often the counters of the scopes were read; 0 where they were not at all. */
  readings(span: Span): Promise<number>;
}

/** Asks for the state at the end of the span. */
export function ask(
  { sight, until, signal }: Pick<Span, 'sight' | 'until' | 'signal'>,
  query: string,
): Promise<Series[]> {
  return sight.query(query, until, signal);
}

export function keepScopes(scopes: readonly ScopePods[], traffic: readonly Traffic[]): Traffic[] {
  return traffic.filter(entry => scopes.some(scope => covers(scope, entry.namespace, entry.workload)));
}
