/** Reads from the mesh's metrics how much traffic reached the workloads of a round's scopes, and from where. */
import {
  destinations,
  endOf,
  INBOUND,
  inbound,
  isCount,
  PAIR,
  PLAINTEXT,
  POD,
  RECEIVED,
  SENT,
  SOURCE,
  sourceOf,
  TARGET,
  within,
} from './matchers.ts';
import type { MetricsPreset, Series, Sight } from './probe.ts';
import * as promql from './promql.ts';
import type { Label, Matcher } from './promql.ts';
import { covers, type ScopePods } from './scopePods.ts';
import { workloadOfPodName } from './workloadNames.ts';

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

/** Where and when to count. */
export interface Span {
  sight: Sight;
  preset: MetricsPreset;
  scopes: readonly ScopePods[];
  windowMs: number;
  /** End of the window, milliseconds since the epoch. */
  until: number;
  signal: AbortSignal;
}

const COUNTERS = ['istio_requests_total', 'istio_tcp_connections_opened_total'] as const;
const BYTES = ['istio_tcp_received_bytes_total', 'istio_tcp_sent_bytes_total'] as const;

/**
 * What came without mutual TLS, by source. `withNew` counts rather too much than too little: also what a counter held
 * when it first appeared, so that no single request escapes. But where Prometheus has lost its memory every old counter
 * seems new, so a look that may lead to a rollback does without.
 */
export async function plaintext(span: Span, withNew: boolean): Promise<Traffic[]> {
  if (span.preset === 'envoy') {
    const query = promql.unencryptedConnections(inbound(span.scopes), POD, span.windowMs, { inWhole: !withNew });
    return fromEnvoy(span, query);
  }
  const matchers = [RECEIVED, PLAINTEXT, ...destinations(span.scopes)];
  return fromIstio(span, matchers, PAIR, withNew);
}

/** Everything that came, by workload that it came to. */
export async function volume(span: Span): Promise<Traffic[]> {
  if (span.preset === 'envoy')
    return fromEnvoy(span, promql.judgeableConnections(inbound(span.scopes), POD, span.windowMs));
  const matchers = [RECEIVED, ...destinations(span.scopes)];
  return fromIstio(span, matchers, TARGET);
}

/**
 * What the proxies of the scopes sent themselves, by the workload that sent it: proof that they are scraped, where
 * nobody calls them. Envoy's own counters of the receiving side are there without any call, so they need no proof.
 */
export async function sent(span: Span): Promise<Traffic[]> {
  if (span.preset === 'envoy') return [];
  const matchers = [SENT, ...within(span.scopes, 'source_workload_namespace')];
  const answers = await Promise.all(
    COUNTERS.map(metric => ask(span, promql.increase(metric, matchers, SOURCE, span.windowMs))),
  );
  const found = answers
    .flat()
    .filter(isCount)
    .map(({ labels, value }) => ({
      namespace: labels['source_workload_namespace'] ?? '',
      workload: labels['source_workload'] ?? '',
      source: undefined,
      requests: value,
      connections: 0,
    }));
  return keepScopes(span.scopes, found);
}

/** Traffic, and what its TCP connections carried: one that was open before goes on without being opened again. */
export interface Flow extends Traffic {
  /** Of TCP, in both directions; 0 where nobody counts them. */
  bytes: number;
}

/** Everything that came, by source and workload. */
export async function bySource(span: Span): Promise<Flow[]> {
  if (span.preset === 'envoy') {
    const opened = promql.increase('envoy_listener_downstream_cx_total', inbound(span.scopes), POD, span.windowMs);
    return (await fromEnvoy(span, opened)).map(entry => ({ ...entry, bytes: 0 }));
  }
  const matchers = [RECEIVED, ...destinations(span.scopes)];
  const [traffic, ...bytes] = await Promise.all([
    fromIstio(span, matchers, PAIR),
    ...BYTES.map(metric => ask(span, promql.increase(metric, matchers, PAIR, span.windowMs))),
  ]);
  const carried = new Map<string, number>();
  for (const each of bytes.flat().filter(isCount)) {
    const key = keyOf(sourceOf(each), endOf(each, 'destination'));
    carried.set(key, (carried.get(key) ?? 0) + each.value);
  }
  return traffic.map(entry => ({ ...entry, bytes: carried.get(keyOf(entry.source, entry)) ?? 0 }));
}

/** How often Prometheus has read the counters of the scopes; 0 where it has not at all. */
export async function readings(span: Span): Promise<number> {
  const queries =
    span.preset === 'envoy'
      ? [promql.readings('envoy_listener_downstream_cx_total', inbound(span.scopes), span.windowMs)]
      : COUNTERS.map(metric => promql.readings(metric, [RECEIVED, ...destinations(span.scopes)], span.windowMs));
  const answers = await Promise.all(queries.map(query => ask(span, query)));
  return Math.max(0, ...answers.flat().map(({ value }) => value));
}

/** Whether Prometheus has the mesh's counters at all. */
export async function isCounting(span: Span): Promise<boolean> {
  const queries =
    span.preset === 'envoy'
      ? [promql.presence('envoy_listener_ssl_handshake', [INBOUND])]
      : COUNTERS.map(metric => promql.presence(metric, [RECEIVED]));
  const answers = await Promise.all(queries.map(query => ask(span, query)));
  return answers.flat().some(({ value }) => value > 0);
}

/** Asks for the state at the end of the span. */
export function ask(
  { sight, until, signal }: Pick<Span, 'sight' | 'until' | 'signal'>,
  query: string,
): Promise<Series[]> {
  return sight.query(query, until, signal);
}

async function fromIstio(
  span: Span,
  matchers: readonly Matcher[],
  by: readonly Label[],
  withNew = false,
): Promise<Traffic[]> {
  const count = withNew ? promql.increaseWithNew : promql.increase;
  const [requests, connections] = await Promise.all([
    ask(span, count('istio_requests_total', matchers, by, span.windowMs)),
    ask(span, promql.connections(matchers, by, span.windowMs, { withNew })),
  ]);
  const found = new Map<string, Traffic>();
  for (const [kind, series] of [
    ['requests', requests],
    ['connections', connections],
  ] as const) {
    for (const each of series.filter(isCount)) {
      const target = endOf(each, 'destination');
      if (!target) continue;
      const source = sourceOf(each);
      const key = keyOf(source, target);
      const entry = found.get(key) ?? { ...target, source, requests: 0, connections: 0 };
      entry[kind] += each.value;
      found.set(key, entry);
    }
  }
  return keepScopes(span.scopes, [...found.values()]);
}

function keyOf(source: string | undefined, target: { namespace: string; workload: string } | undefined): string {
  return JSON.stringify([source, target?.namespace, target?.workload]);
}

/** Envoy's counters know the pod only; pods of one workload are added up, so that a replaced pod is not a loss. */
async function fromEnvoy(span: Span, query: string): Promise<Traffic[]> {
  const found = new Map<string, Traffic>();
  for (const { labels, value } of (await ask(span, query)).filter(isCount)) {
    const { namespace, pod } = labels;
    if (!namespace || !pod) continue;
    const workload = workloadOfPodName(pod);
    const key = `${namespace}/${workload}`;
    const entry = found.get(key) ?? { namespace, workload, source: undefined, requests: 0, connections: 0 };
    entry.connections += value;
    found.set(key, entry);
  }
  return keepScopes(span.scopes, [...found.values()]);
}

function keepScopes(scopes: readonly ScopePods[], traffic: readonly Traffic[]): Traffic[] {
  return traffic.filter(entry => scopes.some(scope => covers(scope, entry.namespace, entry.workload)));
}
