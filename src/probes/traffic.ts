/** Reads from the mesh's metrics how much traffic reached the workloads of a round's scopes, and from where. */
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
const TARGET: readonly Label[] = ['destination_workload_namespace', 'destination_workload'];
const PAIR: readonly Label[] = ['source_workload_namespace', 'source_workload', ...TARGET];
const POD: readonly Label[] = ['namespace', 'pod'];
/** Only the receiving proxy knows whether a peer showed an identity. */
const RECEIVED: Matcher = { label: 'reporter', op: '=', value: 'destination' };
const SENT: Matcher = { label: 'reporter', op: '=', value: 'source' };
/** A sidecar says `none` for plaintext, ztunnel says `unknown`. */
const PLAINTEXT: Matcher = { label: 'connection_security_policy', op: '!=', value: 'mutual_tls' };
const INBOUND: Matcher = { label: 'listener_address', op: '=', value: '0.0.0.0_15006' };

/**
 * What came without mutual TLS, by source. `withNew` counts also what a counter held when it first appeared, so that
 * no single request escapes; but where Prometheus has lost its memory every old counter seems new, so a look that may
 * lead to a rollback does without.
 */
export async function plaintext(span: Span, withNew: boolean): Promise<Traffic[]> {
  if (span.preset === 'envoy') {
    return fromEnvoy(span, promql.unencryptedConnections(inbound(span), POD, span.windowMs));
  }
  const matchers = [RECEIVED, PLAINTEXT, ...destinations(span.scopes)];
  const count = withNew ? promql.increaseWithNew : promql.increase;
  return fromIstio(span, metric => count(metric, matchers, PAIR, span.windowMs));
}

/** Everything that came, by workload that it came to. */
export async function volume(span: Span): Promise<Traffic[]> {
  if (span.preset === 'envoy') return fromEnvoy(span, promql.judgeableConnections(inbound(span), POD, span.windowMs));
  const matchers = [RECEIVED, ...destinations(span.scopes)];
  return fromIstio(span, metric => promql.increase(metric, matchers, TARGET, span.windowMs));
}

/**
 * What the proxies of the scopes sent themselves, by the workload that sent it: proof that they are scraped, where
 * nobody calls them. Envoy's own counters of the receiving side are there without any call, so they need no proof.
 */
export async function sent(span: Span): Promise<Traffic[]> {
  if (span.preset === 'envoy') return [];
  const matchers = [SENT, ...within(span.scopes, 'source_workload_namespace')];
  const by: readonly Label[] = ['source_workload_namespace', 'source_workload'];
  const answers = await Promise.all(
    COUNTERS.map(metric => ask(span, promql.increase(metric, matchers, by, span.windowMs))),
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

/** Everything that came, by source and workload. */
export async function bySource(span: Span): Promise<Traffic[]> {
  if (span.preset === 'envoy') {
    return fromEnvoy(span, promql.increase('envoy_listener_downstream_cx_total', inbound(span), POD, span.windowMs));
  }
  const matchers = [RECEIVED, ...destinations(span.scopes)];
  return fromIstio(span, metric => promql.increase(metric, matchers, PAIR, span.windowMs));
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

function ask({ sight, until, signal }: Span, query: string): Promise<Series[]> {
  return sight.query(query, until, signal);
}

async function fromIstio(span: Span, query: (metric: (typeof COUNTERS)[number]) => string): Promise<Traffic[]> {
  const [requests, connections] = await Promise.all(COUNTERS.map(metric => ask(span, query(metric))));
  const found = new Map<string, Traffic>();
  for (const [kind, series] of [
    ['requests', requests!],
    ['connections', connections!],
  ] as const) {
    for (const { labels, value } of series.filter(isCount)) {
      const namespace = labels['destination_workload_namespace'];
      const workload = labels['destination_workload'];
      if (!namespace || !workload) continue;
      const source = sourceOf(labels);
      const key = JSON.stringify([source, namespace, workload]);
      const entry = found.get(key) ?? { namespace, workload, source, requests: 0, connections: 0 };
      entry[kind] += value;
      found.set(key, entry);
    }
  }
  return keepScopes(span.scopes, [...found.values()]);
}

function sourceOf(labels: Record<string, string>): string | undefined {
  const workload = labels['source_workload'];
  if (!workload || workload === 'unknown') return undefined;
  const namespace = labels['source_workload_namespace'];
  return namespace && namespace !== 'unknown' ? `${namespace}/${workload}` : workload;
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

const isCount = ({ value }: Series) => Number.isFinite(value) && value >= 0;

function inbound({ scopes }: Span): Matcher[] {
  return [INBOUND, ...within(scopes, 'namespace')];
}

function destinations(scopes: readonly ScopePods[]): Matcher[] {
  const names = new Set(scopes.flatMap(({ workloads }) => [...workloads]));
  const onlyWorkloads = scopes.every(({ scope }) => scope.kind === 'Workload');
  const chosen = within(scopes, 'destination_workload_namespace');
  return onlyWorkloads ? [...chosen, { label: 'destination_workload', op: 'in', values: [...names] }] : chosen;
}

/** One query serves all scopes of a step; what belongs to none of them is sorted out afterwards. */
function within(scopes: readonly ScopePods[], label: Label): Matcher[] {
  if (scopes.some(({ scope }) => scope.kind === 'Mesh')) return [];
  return [{ label, op: 'in', values: [...new Set(scopes.map(({ scope }) => scope.namespace))] }];
}

function keepScopes(scopes: readonly ScopePods[], traffic: readonly Traffic[]): Traffic[] {
  return traffic.filter(entry => scopes.some(scope => covers(scope, entry.namespace, entry.workload)));
}
