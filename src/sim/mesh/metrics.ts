/** Names and labels of the metrics that proxies report: Istio's standard ones and Envoy's own counters. */
import type { Call } from './call.ts';
import type { Outcome } from './outcome.ts';
import type { MeshPod, PortProtocol } from './pod.ts';
import type { Labels } from './series.ts';
import { type ShadowPolicies, shadowSamples } from './shadows.ts';

export interface Sample {
  metric: string;
  labels: Labels;
  /** Pod whose proxy counts. */
  reporter: string;
  amount: number;
}

/** Two pods that talk, and what comes of it. */
export interface Pair {
  call: Call;
  client: MeshPod;
  server: MeshPod;
  /** Container port at the server. */
  port: number;
  protocol: PortProtocol;
  outcome: Outcome;
  /** By which the sidecar of the server counts. */
  shadows: ShadowPolicies;
}

export interface Naming {
  trustDomain: string;
  /**
   * Proxies know workloads by address (workload discovery of the peer metadata filter, on where ambient is enabled).
   * Without it the source of plaintext is "unknown", unless a sidecar sent it over HTTP.
   */
  workloadDiscovery: boolean;
}

/** A mesh client keeps a pool of connections: requests for each one it opens. */
const REQUESTS_A_POOLED_CONNECTION = 100;
/** What one round trip over a TCP connection carries in each direction. */
const BYTES_A_ROUND_TRIP = 100;
/** Size of a TLS hello: 225 to 265 were measured. */
const HELLO_BYTES = 250;

/** Requests, or new connections of a tcp call with a round trip each, as the proxies of both ends count them. */
export function trafficSamples(pair: Pair, amount: number, naming: Naming): Sample[] {
  const metric = pair.call.kind === 'tcp' ? 'istio_tcp_connections_opened_total' : 'istio_requests_total';
  const counted = istioSamples(metric, pair, amount, naming);
  return [...counted, ...carriedSamples(pair, amount, naming), ...envoySamples(pair, amount), ...dryRun(pair, amount)];
}

/** Requests to an HTTP port, connections to any other. */
function dryRun({ call, server, port, protocol, outcome, shadows }: Pair, amount: number): Sample[] {
  if (!isAnswered(outcome)) return [];
  const how = call.kind === 'tcp' || protocol === 'tcp' ? 'tcp' : 'http';
  return shadowSamples(shadows, server, { port, protocol: how, plaintext: outcome === 'Plaintext' }, amount);
}

/** Round trips over the connections of a tcp call. */
export function carriedSamples(pair: Pair, roundTrips: number, naming: Naming): Sample[] {
  if (pair.call.kind !== 'tcp' || !isAnswered(pair.outcome)) return [];
  return BYTES.flatMap(metric => istioSamples(metric, pair, roundTrips * BYTES_A_ROUND_TRIP, naming));
}

const BYTES = ['istio_tcp_received_bytes_total', 'istio_tcp_sent_bytes_total'] as const;

function isAnswered(outcome: Outcome): boolean {
  return outcome === 'MutualTls' || outcome === 'Plaintext';
}

/** Ends of connections of a tcp call. Envoy's listener counters have nothing to say about these. */
export function closedSamples(pair: Pair, amount: number, naming: Naming): Sample[] {
  if (pair.call.kind !== 'tcp') return [];
  return istioSamples('istio_tcp_connections_closed_total', pair, amount, naming);
}

function istioSamples(metric: string, pair: Pair, amount: number, naming: Naming): Sample[] {
  const { call, client, server, outcome } = pair;
  const samples: Sample[] = [];
  const answered = isAnswered(outcome);
  const http = call.kind !== 'tcp';
  const result: Labels = http
    ? { response_code: answered ? '200' : '503', response_flags: answered ? '-' : 'UC' }
    : { response_flags: answered ? '-' : 'UF' };
  if (answered && server.sidecar) {
    const labels = {
      reporter: 'destination',
      ...ends(pair, naming),
      ...result,
      connection_security_policy: outcome === 'MutualTls' ? 'mutual_tls' : 'none',
      ...scraped(server),
    };
    samples.push({ metric, labels, reporter: server.key, amount });
  }
  // The client's side cannot tell how the connection was secured, and an address it does not know has no name.
  if (client.sidecar) {
    const there = call.viaPodIp
      ? { ...ends(pair, naming), destination_service_name: 'PassthroughCluster' }
      : ends(pair, naming);
    const labels = {
      reporter: 'source',
      ...there,
      ...result,
      connection_security_policy: 'unknown',
      ...scraped(client),
    };
    samples.push({ metric, labels, reporter: client.key, amount });
  }
  return samples;
}

/** Envoy's counters of the server's inbound listener, as an opt-in `proxyStatsMatcher` shows them. */
function envoySamples({ call, server, port, protocol, outcome, client }: Pair, amount: number): Sample[] {
  if (!server.sidecar || outcome === 'Failed') return [];
  const sample = (metric: string, labels: Labels, count: number): Sample => ({
    metric,
    labels: { ...labels, ...scraped(server) },
    reporter: server.key,
    amount: count,
  });
  // A refused connection is in this counter and in no other.
  if (outcome === 'Refused') return [listenerSample(server, 'no_filter_chain_match', amount)];
  const pooled = client.sidecar && call.kind !== 'tcp';
  const connections = pooled ? amount / REQUESTS_A_POOLED_CONNECTION : amount;
  const secured = outcome === 'MutualTls' ? connections : 0;
  const samples = [
    listenerSample(server, 'downstream_cx_total', connections),
    listenerSample(server, 'ssl_handshake', secured),
  ];
  if (protocol === 'tcp' || call.kind === 'tcp') {
    samples.push(sample('envoy_tcp_downstream_cx_total', { tcp_prefix: `inbound|${port}||` }, connections));
    return samples;
  }
  const manager = { http_conn_manager_prefix: `inbound_0.0.0.0_${port}` };
  samples.push(sample('envoy_http_downstream_rq_total', manager, amount));
  samples.push(sample('envoy_http_downstream_cx_total', manager, connections));
  samples.push(sample('envoy_http_downstream_cx_ssl_total', manager, secured));
  return samples;
}

/** What takes a connection at a sidecar: a chain that asks for a mesh certificate, one that passes it on, or none. */
export type FilterChain = 'MutualTls' | 'PassOn' | 'None';

/** One TLS hello from a stranger, and what it meets. */
export interface MetHello {
  chain: FilterChain;
  /** How the port is declared. */
  protocol: PortProtocol;
  /** Whether an application gets what is passed on. */
  isListening: boolean;
}

/**
 * A proxy that answers with its certificate misses the client's, a port without a filter chain for it resets, and what
 * is passed on to the application is a connection like any other, also where nothing listens behind it.
 */
export function helloSamples(pod: MeshPod, met: MetHello): Sample[] {
  if (met.chain === 'None') return [listenerSample(pod, 'no_filter_chain_match', 1)];
  const samples = [listenerSample(pod, 'downstream_cx_total', 1), ...strangerSamples(pod, met)];
  return met.chain === 'PassOn' ? samples : [...samples, listenerSample(pod, 'ssl_fail_verify_no_cert', 1)];
}

/**
 * Istio counts a TCP connection as soon as a filter chain has taken it, and one whose handshake then fails as one
 * without mutual TLS that carried nothing. On an HTTP port it counts requests, and there is none.
 */
function strangerSamples(pod: MeshPod, { chain, protocol, isListening }: MetHello): Sample[] {
  if (protocol === 'http') return [];
  const labels = {
    reporter: 'destination',
    source_workload: 'unknown',
    source_workload_namespace: 'unknown',
    source_app: 'unknown',
    source_principal: 'unknown',
    destination_workload: pod.workload,
    destination_workload_namespace: pod.namespace,
    destination_app: pod.labels['app'] ?? 'unknown',
    destination_principal: 'unknown',
    request_protocol: 'tcp',
    response_flags: '-',
    connection_security_policy: 'none',
    ...scraped(pod),
  };
  const bytes = chain === 'PassOn' && isListening ? HELLO_BYTES : 0;
  const counted = (metric: string, amount: number) => ({ metric, labels, reporter: pod.key, amount });
  return [counted('istio_tcp_connections_opened_total', 1), ...BYTES.map(metric => counted(metric, bytes))];
}

/** A sidecar says that it is there, and the counters of its inbound listener stand at zero from its start on. A gateway has no such listener. */
export function startSamples(pod: MeshPod): Sample[] {
  if (!pod.sidecar || pod.gateway || !pod.running) return [];
  // a gauge that always says 1 in a real mesh; that it is there is all that anybody asks
  const build = {
    metric: 'istio_build',
    labels: { component: 'proxy', ...scraped(pod) },
    reporter: pod.key,
    amount: 0,
  };
  return [build, ...LISTENER_COUNTERS.map(name => listenerSample(pod, name, 0))];
}

const LISTENER_COUNTERS = [
  'downstream_cx_total',
  'no_filter_chain_match',
  'ssl_handshake',
  'ssl_fail_verify_no_cert',
] as const;

function listenerSample(pod: MeshPod, name: (typeof LISTENER_COUNTERS)[number], amount: number): Sample {
  const labels = { listener_address: '0.0.0.0_15006', ...scraped(pod) };
  return { metric: `envoy_listener_${name}`, labels, reporter: pod.key, amount };
}

function ends({ call, client, server, outcome }: Pair, { trustDomain, workloadDiscovery }: Naming): Labels {
  const secured = outcome === 'MutualTls';
  const named = secured || workloadDiscovery || (client.sidecar && call.kind !== 'tcp');
  return {
    source_workload: named ? client.workload : 'unknown',
    source_workload_namespace: named ? client.namespace : 'unknown',
    source_app: named ? (client.labels['app'] ?? 'unknown') : 'unknown',
    source_principal: secured ? principal(client, trustDomain) : 'unknown',
    destination_workload: server.workload,
    destination_workload_namespace: server.namespace,
    destination_app: server.labels['app'] ?? 'unknown',
    destination_principal: secured ? principal(server, trustDomain) : 'unknown',
    destination_service: `${call.to.service}.${call.to.namespace}.svc.cluster.local`,
    destination_service_name: call.to.service,
    destination_service_namespace: call.to.namespace,
    request_protocol: call.kind,
  };
}

/** Labels that the scrape adds. */
function scraped(pod: MeshPod): Labels {
  return { namespace: pod.namespace, pod: pod.name, app: pod.labels['app'] ?? pod.workload };
}

export function principal(pod: MeshPod, trustDomain: string): string {
  return `spiffe://${trustDomain}/ns/${pod.namespace}/sa/${pod.serviceAccount}`;
}
