/**
 * How those who count the calls of a mesh by workload name their counters and labels. Sources: Istio's standard metrics
 * (istio.io/docs/reference/config/metrics); Google's list of Istio metrics (docs.cloud.google.com/monitoring/api/metrics_istio,
 * as of 2026-04-10) with its rules for their names in PromQL (docs.cloud.google.com/monitoring/promql/promql-mapping).
 */
import { USUAL_SCRAPE_MS } from '../rollout/soak.ts';
import { PLAINTEXT, POD, RECEIVED, SENT, SOURCE, TARGET, within } from './matchers.ts';
import * as promql from './promql.ts';
import type { Label, Matcher, Metric } from './promql.ts';
import { ask, type Counters, type Span, type Timing } from './traffic.ts';

/** Namespace and name of a workload. */
type Workload = readonly [Label, Label];

interface Side {
  requests: Metric;
  opened: Metric;
  /** Which series are of this side. */
  only: readonly Matcher[];
}

export interface Naming {
  received: Side & { bytes: readonly [Metric, Metric] };
  sent: Side;
  source: Workload;
  destination: Workload;
  /** What came without mutual TLS. */
  plaintext: Matcher;
  tcp: promql.TcpCounters;
  timing: Timing;
  /** Whether a counter is there only once it counts, so that its first value never shows as growth. */
  beginsUnseen: boolean;
  read: Counters['read'];
}

const ISTIO_OPENED = 'istio_tcp_connections_opened_total';
const ISTIO_BYTES = ['istio_tcp_received_bytes_total', 'istio_tcp_sent_bytes_total'] as const;

export const ISTIO_NAMING: Naming = {
  received: { requests: 'istio_requests_total', opened: ISTIO_OPENED, bytes: ISTIO_BYTES, only: [RECEIVED] },
  sent: { requests: 'istio_requests_total', opened: ISTIO_OPENED, only: [SENT] },
  source: SOURCE,
  destination: TARGET,
  plaintext: PLAINTEXT,
  tcp: { opened: ISTIO_OPENED, bytes: ISTIO_BYTES, policy: 'connection_security_policy', none: 'none' },
  timing: { readEveryMs: USUAL_SCRAPE_MS, delayMs: 0, graceMs: 0 },
  beginsUnseen: true,
  read: readByBuild,
};

const GOOGLE_OPENED = 'istio_io:service_server_connection_open_count';
const GOOGLE_BYTES = [
  'istio_io:service_server_received_bytes_count',
  'istio_io:service_server_sent_bytes_count',
] as const;
/** Most counters are there by several kinds of resource, of which a query has to name one. */
const of = (value: string): Matcher => ({ label: 'monitored_resource', op: '=', value });

/**
 * The list gives the server's counters of connections and bytes for containers only, and the client's for pods. A point of
 * the requests is the growth since the point before (DELTA), so that nothing is lost where one begins.
 */
export const GOOGLE_NAMING: Naming = {
  received: {
    requests: 'istio_io:service_server_request_count',
    opened: GOOGLE_OPENED,
    bytes: GOOGLE_BYTES,
    only: [of('k8s_container')],
  },
  sent: {
    requests: 'istio_io:service_client_request_count',
    opened: 'istio_io:service_client_connection_open_count',
    only: [of('k8s_pod')],
  },
  source: ['source_workload_namespace', 'source_workload_name'],
  destination: ['destination_workload_namespace', 'destination_workload_name'],
  plaintext: { label: 'service_authentication_policy', op: '!=', value: 'MUTUAL_TLS' },
  tcp: { opened: GOOGLE_OPENED, bytes: GOOGLE_BYTES, policy: 'service_authentication_policy', none: 'NONE' },
  // "sampled every 60 seconds … not visible for up to 180 seconds"
  timing: { readEveryMs: 60_000, delayMs: 180_000, graceMs: 0 },
  beginsUnseen: false,
  read: () =>
    Promise.resolve({ unknown: 'Cloud Monitoring does not say which proxies report, only what those that do counted' }),
};

const PROXY = { label: 'component', op: '=', value: 'proxy' } as const;

/** Every sidecar says with which Istio it was built. */
async function readByBuild(span: Span): Promise<ReadonlySet<string> | { unknown: string }> {
  const found = await ask(span, promql.presence('istio_build', [PROXY, ...within(span.scopes, 'namespace')], POD));
  const read = new Set(found.map(({ labels }) => `${labels['namespace']}/${labels['pod']}`));
  // with none of them read, the labels may be others than thought
  if (read.size > 0 || (await areLabelled(span))) return read;
  return { unknown: 'it has no istio_build with labels namespace and pod' };
}

async function areLabelled(span: Span): Promise<boolean> {
  const labelled = POD.map(label => ({ label, op: '!=' as const, value: '' }));
  return (await ask(span, promql.presence('istio_build', [PROXY, ...labelled]))).some(({ value }) => value > 0);
}
