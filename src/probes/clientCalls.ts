/** Reads from the metrics of the clients' own proxies how many of their calls to a round's scopes failed, and how. */
import { endOf, isCount, SENT, SOURCE, sourceOf, TARGET, within } from './matchers.ts';
import type { Series } from './probe.ts';
import * as promql from './promql.ts';
import type { Label, Metric } from './promql.ts';
import { covers, type ScopePods } from './scopePods.ts';
import { ask, type Span } from './traffic.ts';

/** Calls of one client to one Service. */
export interface Calls {
  /** `namespace/workload`; undefined where the metrics do not know it. */
  source: string | undefined;
  namespace: string;
  /** Name of the Service; that of the workload where a client called the address of a pod. */
  service: string;
  /** Requests, and TCP connections. */
  made: number;
  failed: number;
  /** What failed, by response code and flags as an access log shows them: `503 UC`. */
  causes: Map<string, number>;
}

interface End {
  namespace: string;
  workload: string;
}

type CallSpan = Span;

const SERVICE: readonly Label[] = ['destination_service_namespace', 'destination_service_name'];
const ENDS: readonly Label[] = [...SOURCE, ...TARGET, ...SERVICE];
/** No connection to the other end, or none that lasted until the answer. The short ones are Envoy's, the others ztunnel's. */
const CONNECTION_FLAGS: ReadonlySet<string> = new Set([
  'UF',
  'URX',
  'UC',
  'UH',
  'UR',
  'UPE',
  'LH',
  'UO',
  'NR',
  'NC',
  'CONNECT',
  'TLS_FAILURE',
  'H2_HANDSHAKE_FAILURE',
  'IDENTITY_ERROR',
  'CERT_REVOKED',
  'NETWORK_POLICY',
  'DENY',
]);
/** Names that a proxy writes where no Service was called. */
const NO_SERVICE: ReadonlySet<string> = new Set([
  'PassthroughCluster',
  'BlackHoleCluster',
  'InboundPassthroughCluster',
]);
/** The client itself hung up, which a metric cannot tell from having lost patience. */
const CLIENT_FLAGS: ReadonlySet<string> = new Set(['DC', 'DPE', 'DR']);

/** Growth of one counter, and whether it adds to the calls that were made, to those that failed, or to both. */
export interface Counted {
  series: Series;
  made: boolean;
  failed: boolean;
}

/** Which workloads answered for each Service, by `namespace/service`. */
export type Served = ReadonlyMap<string, readonly End[]>;

/**
 * All calls of mesh clients to the Services of the scopes' namespaces. A counter for a kind of failure usually begins
 * with the first failure, so `withNew` counts what a counter held when it first appeared.
 *
 * Selected by Service, since the proxy of a client learns the workload from the answer, and a failed call has none.
 */
export async function countCalls(span: CallSpan, withNew: boolean): Promise<Counted[]> {
  const matchers = [SENT, ...within(span.scopes, 'destination_service_namespace')];
  const count = withNew ? promql.increaseWithNew : promql.increase;
  const grown = (metric: Metric, by: readonly Label[]) =>
    ask(span, count(metric, matchers, [...ENDS, ...by], span.windowMs));
  const [requests, opened, closed] = await Promise.all([
    grown('istio_requests_total', ['response_code', 'response_flags']),
    grown('istio_tcp_connections_opened_total', []),
    grown('istio_tcp_connections_closed_total', ['response_flags']),
  ]);
  return [
    ...requests.map(series => ({ series, made: true, failed: hasFailed(series) })),
    ...opened.map(series => ({ series, made: true, failed: false })),
    ...closed.map(series => ({ series, made: false, failed: neverStood(series) })),
  ].filter(({ series }) => isCount(series));
}

export function whoServes(counted: readonly Counted[]): Served {
  const found = new Map<string, Map<string, End>>();
  for (const { series } of counted) {
    const target = knownTarget(series);
    if (!target) continue;
    const { namespace, service } = serviceOf(series);
    const known = found.get(`${namespace}/${service}`) ?? new Map<string, End>();
    found.set(`${namespace}/${service}`, known.set(`${target.namespace}/${target.workload}`, target));
  }
  return new Map([...found].map(([service, ends]) => [service, [...ends.values()]]));
}

/** The calls that concern a scope, by client and Service. */
export function callsTo(scope: ScopePods, counted: readonly Counted[], served: Served): Calls[] {
  return collect(counted.filter(({ series }) => concerns(scope, series, served)));
}

function collect(counted: readonly Counted[]): Calls[] {
  const found = new Map<string, Calls>();
  for (const { series, made, failed } of counted) {
    const source = sourceOf(series);
    const { namespace, service } = serviceOf(series);
    const key = JSON.stringify([source, namespace, service]);
    const entry = found.get(key) ?? { source, namespace, service, made: 0, failed: 0, causes: new Map() };
    found.set(key, entry);
    if (made) entry.made += series.value;
    if (!failed) continue;
    entry.failed += series.value;
    const cause = causeOf(series);
    entry.causes.set(cause, (entry.causes.get(cause) ?? 0) + series.value);
  }
  return [...found.values()];
}

/** An answer of the kind 5xx, or none; and a gRPC answer that a proxy made up says 200 and shows its flag. */
function hasFailed({ labels }: Series): boolean {
  const code = labels['response_code'] ?? '';
  const flags = flagsOf(labels);
  if (flags.some(flag => CLIENT_FLAGS.has(flag))) return false;
  return code === '0' || /^5\d\d$/.test(code) || flags.some(flag => CONNECTION_FLAGS.has(flag));
}

/** A connection that ends later is none of these: a switch cuts what is open, also of clients that go on at once. */
function neverStood({ labels }: Series): boolean {
  return flagsOf(labels).some(flag => flag !== 'UC' && CONNECTION_FLAGS.has(flag));
}

function flagsOf(labels: Series['labels']): string[] {
  return (labels['response_flags'] ?? '').split(',');
}

function causeOf({ labels }: Series): string {
  const { response_code: code, response_flags: flags } = labels;
  return [code, flags].filter(part => part !== undefined && part !== '-' && part !== '').join(' ');
}

function serviceOf(series: Series): { namespace: string; service: string } {
  const { destination_service_namespace: namespace, destination_service_name: service } = series.labels;
  const target = knownTarget(series);
  const isNamed = isKnown(service) && !NO_SERVICE.has(service!);
  return {
    namespace: (isNamed ? namespace : target?.namespace) ?? '',
    service: (isNamed ? service : target?.workload) ?? '',
  };
}

/**
 * A call whose workload nobody knows concerns the scopes that answered others to the same Service. Where nobody ever
 * answered, it may be any in the namespace of the Service; a host outside the cluster, which a ServiceEntry names, is none.
 */
function concerns(scope: ScopePods, series: Series, served: Served): boolean {
  const target = knownTarget(series);
  if (target) return covers(scope, target.namespace, target.workload);
  const { namespace, service } = serviceOf(series);
  if (!/^[-a-z0-9]+$/.test(service)) return false;
  const behind = served.get(`${namespace}/${service}`) ?? [{ namespace, workload: service }];
  return behind.some(end => covers(scope, end.namespace, end.workload));
}

function knownTarget(series: Series): End | undefined {
  const target = endOf(series, 'destination');
  return target && isKnown(target.workload) && isKnown(target.namespace) ? target : undefined;
}

function isKnown(name: string | undefined): boolean {
  return name !== undefined && name !== '' && name !== 'unknown';
}
